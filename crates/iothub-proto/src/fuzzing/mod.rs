//! The body of the fuzz target `sessions`: a function of any bytes that panics when something is wrong with this crate.
//! Ordinary tests run it too. Not for use outside the workspace.

mod device;
mod hub;
mod open;
mod steps;

use iothub_codec::{Codec, DeviceId, Dialect, Identity};

use steps::Steps;

/// The bytes are what happens to a session, one thing after the other: the first says at which end and in which
/// dialect. A model that is as simple as the rules themselves says what must come of each.
pub fn sessions(data: &[u8]) {
    let mut steps = Steps::new(data);
    let first = steps.byte();
    let dialect = Dialect::ALL[usize::from(first >> 1) % Dialect::ALL.len()];
    let identity = Identity::device(DeviceId::new("pump-7").expect("a good name"));
    let codec = Codec::new(dialect, identity);
    if first & 1 == 0 {
        device::Device::new(codec, dialect).run(&mut steps);
    } else {
        hub::Hub::new(codec, dialect, identity).run(&mut steps);
    }
}

/// Most requests, or calls, that a session has open here.
const REQUESTS: usize = 3;
/// Room for any packet here.
const ROOM: usize = 512;
