//! The bodies of the fuzz targets: functions of any bytes that panic when something is wrong with this crate.
//! Ordinary tests run them over the saved corpus. Not for use outside the workspace.

mod connect;
mod credentials;
mod messages;
mod properties;
mod provisioning;
mod roundtrip;
mod source;
mod topic;

pub use connect::connect;
pub use credentials::credentials;
pub use properties::properties;
pub use provisioning::provisioning;
pub use roundtrip::roundtrip;
pub use topic::topic;

use crate::error::EncodeError;

/// Longest input of which a message is made that is written.
const INPUT_MAX: usize = 4096;

/// Room for what is written of so many bytes: every one may need an escape, and names are said twice.
const ROOM: usize = 3 * INPUT_MAX + 2048;

/// Has something written into more room than it can need, into exactly as much as it takes, and into less.
/// `write` tells how much it took.
fn sized(write: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Result<usize, EncodeError> {
    let mut room = [0; ROOM];
    let written = write(&mut room);
    match written {
        Ok(needed) => {
            for less in [0, needed / 2, needed.saturating_sub(1)].into_iter().filter(|less| *less < needed) {
                let small = write(&mut room[..less]);
                assert_eq!(small, Err(EncodeError::BufferTooSmall { needed }), "{less} bytes");
            }
            assert_eq!(write(&mut room[..needed]), written, "exactly the room that was asked for");
        }
        Err(EncodeError::BufferTooSmall { needed }) => panic!("{needed} bytes for at most {ROOM}"),
        Err(_) => match write(&mut []) {
            // What an escape means is seen only once it is written: until then something else may be amiss, or nothing.
            Err(EncodeError::BufferTooSmall { needed }) => {
                assert_eq!(write(&mut room[..needed]), written, "asked for room and given it");
            }
            again => assert!(again.is_err(), "refused, and written without room"),
        },
    }
    written
}
