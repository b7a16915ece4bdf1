use std::io;

/// Files that are open besides the connections of devices: those of the runtime, and those to register with.
const OTHERS: u64 = 64;

/// Has this process allowed a file for each connection: most shells allow a program 1024 files, or 256, until it asks for
/// more. Otherwise it would be the last devices that fail, and each time that they try again.
pub(crate) fn make_room_for(connections: usize) -> io::Result<()> {
    let needed = connections as u64 + OTHERS;
    // Devices that all connect again look up names at once, and try more than one address.
    enough(needed, rlimit::increase_nofile_limit(3 * needed)?)
}

fn enough(needed: u64, allowed: u64) -> io::Result<()> {
    if allowed >= needed {
        return Ok(());
    }
    let why =
        format!("so many devices need {needed} open files, and this process may have no more than {allowed}");
    Err(io::Error::other(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_files_are_said_with_both_numbers() {
        enough(1064, 1064).unwrap();
        assert_eq!(
            enough(1064, 1063).unwrap_err().to_string(),
            "so many devices need 1064 open files, and this process may have no more than 1063"
        );
    }
}
