use std::io;

/// Files that a hub has open besides its connections: listeners, journal, events, files of devices.
const OTHERS: u64 = 256;

/// Has this process allowed two files for each connection, itself and one that is sent over it, as far as the machine lets
/// it: most shells allow a program 1024 files, or 256, until it asks for more. Gives how many connections there can be, of
/// those that are wanted, and why there can be no more.
pub(crate) fn make_room_for(connections: u32) -> (u32, Option<String>) {
    let wanted = 2 * u64::from(connections) + OTHERS;
    room_for(connections, rlimit::increase_nofile_limit(wanted))
}

fn room_for(connections: u32, allowed: io::Result<u64>) -> (u32, Option<String>) {
    match allowed {
        Ok(files) => {
            let room = u32::try_from(files.saturating_sub(OTHERS)).unwrap_or(u32::MAX).clamp(1, connections);
            let why =
                format!("room for {room} connections: this process may open no more than {files} files");
            (room, (room < connections).then_some(why))
        }
        // There may be as many as are wanted all the same.
        Err(error) => (connections, Some(format!("cannot have more files allowed: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_as_many_connections_as_files_are_left_for_them() {
        for (files, room) in
            [(20_000, 10_000), (10_256, 10_000), (10_255, 9_999), (300, 44), (256, 1), (0, 1)]
        {
            let (found, why) = room_for(10_000, Ok(files));
            assert_eq!(found, room, "{files}");
            assert_eq!(
                why.is_some_and(|why| why.contains(&format!("{files} files"))),
                room < 10_000,
                "{files}"
            );
        }
        let (room, why) = room_for(10_000, Err(io::Error::other("not today")));
        assert!(room == 10_000 && why.unwrap().contains("not today"));
    }
}
