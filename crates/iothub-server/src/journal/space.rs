use core::fmt;
use std::io;
use std::path::PathBuf;

use iothub_hub::Recording;

/// The room that is left where a journal is kept, watched so that writing ends before there is none.
pub(super) struct Space {
    look: Box<dyn FnMut() -> io::Result<Room> + Send>,
    recording: Recording,
}

/// Of a file system, in bytes: what is left for this program, and all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) free: u64,
    pub(crate) whole: u64,
}

impl Space {
    /// The file system that a folder is on.
    pub(super) fn of(folder: PathBuf) -> Self {
        Self::told_by(move || room(&folder))
    }

    pub(super) fn told_by(look: impl FnMut() -> io::Result<Room> + Send + 'static) -> Self {
        Self { look: Box::new(look), recording: Recording::Open }
    }

    /// Looks how much there is now. Where the system does not say, it stays as it was.
    pub(super) fn recording(&mut self) -> Recording {
        if let Ok(room) = (self.look)() {
            let reserve = RESERVE.min(room.whole / RESERVE_SHARE);
            if room.free < reserve {
                self.recording = Recording::Closed;
            } else if room.free >= reserve + reserve / 2 {
                self.recording = Recording::Open;
            }
        }
        self.recording
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("recording", &self.recording).finish_non_exhaustive()
    }
}

/// How much room there is on the file system that a folder is on.
#[cfg(unix)]
pub(crate) fn room(folder: &std::path::Path) -> io::Result<Room> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(Room {
        free: system.f_bavail.saturating_mul(system.f_frsize),
        whole: system.f_blocks.saturating_mul(system.f_frsize),
    })
}

#[cfg(not(unix))]
pub(crate) fn room(_: &std::path::Path) -> io::Result<Room> {
    Err(io::ErrorKind::Unsupported.into())
}

/// With less than this left, writing ends: for what was decided already, and for the little that is recorded meanwhile.
pub(crate) const RESERVE: u64 = 64 * 1024 * 1024;
/// Of a small file system, one part in so many is enough.
const RESERVE_SHARE: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_ends_below_the_reserve_and_begins_again_well_above_it() {
        const MIB: u64 = 1024 * 1024;
        for (whole, steps) in [
            (1024 * MIB, [(64, true), (63, false), (95, false), (96, true), (64, true)]),
            (128 * MIB, [(16, true), (15, false), (23, false), (24, true), (16, true)]),
        ] {
            let mut said = steps.into_iter().map(move |(free, _)| Room { free: free * MIB, whole });
            let mut space = Space::told_by(move || said.next().ok_or(io::ErrorKind::Unsupported.into()));
            for (free, open) in steps {
                assert_eq!(space.recording() == Recording::Open, open, "{free} of {whole}");
            }
            assert_eq!(space.recording(), Recording::Open, "nothing is known, so nothing changes");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_system_says_how_much_room_there_is() {
        let room = room(&std::env::temp_dir()).unwrap();
        assert!(room.whole > 0 && room.free <= room.whole, "{room:?}");
    }
}
