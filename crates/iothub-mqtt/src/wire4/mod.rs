//! MQTT 3.1.1: one whole packet as bytes, and the [`Packet`](iothub_proto::Packet) it means.
//!
//! A second version of MQTT is a second module with the same two functions.

mod read;
mod write;

use iothub_codec::Filters;

pub(crate) use read::read;
pub(crate) use write::write;

const PROTOCOL_NAME: &[u8] = b"MQTT";
const PROTOCOL_LEVEL: u8 = 4;

/// In the flags of a CONNECT.
mod connect_flags {
    pub(super) const RESERVED: u8 = 0b0000_0001;
    pub(super) const CLEAN_SESSION: u8 = 0b0000_0010;
    pub(super) const WILL: u8 = 0b0000_0100;
    pub(super) const WILL_QOS_1: u8 = 0b0000_1000;
    pub(super) const WILL_QOS_2: u8 = 0b0001_0000;
    pub(super) const WILL_RETAIN: u8 = 0b0010_0000;
    pub(super) const PASSWORD: u8 = 0b0100_0000;
    pub(super) const USERNAME: u8 = 0b1000_0000;
}

/// The return code of a SUBACK for a filter that is refused.
const SUBSCRIPTION_REFUSED: u8 = 0x80;

/// Where the first entry of a SUBSCRIBE begins whose options MQTT 3.1.1 reserves, and MQTT 5 has.
fn reserved_options(filters: Filters<'_>) -> Option<usize> {
    let mut at = 0;
    for filter in filters.iter() {
        let options = at + 2 + filter.topic.len();
        if filters.as_wire().get(options).is_some_and(|options| options & !0b11 != 0) {
            return Some(at);
        }
        at = options + 1;
    }
    None
}
