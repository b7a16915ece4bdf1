//! MQTT 3.1.1: one whole packet as bytes, and the [`Packet`](iothub_proto::Packet) it means.

mod read;
mod write;

use iothub_codec::Filters;

pub(crate) use read::read;
pub(crate) use write::write;

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
