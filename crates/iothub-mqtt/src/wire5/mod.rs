//! MQTT 5: one whole packet as bytes, and the [`Packet`](iothub_proto::Packet) it means.
//!
//! Properties that a `Packet` has no place for are checked and passed over: those of SUBSCRIBE, SUBACK, UNSUBSCRIBE
//! and UNSUBACK, and of a CONNACK with success all that is not a limit.

mod read;
mod reason;
mod write;

use iothub_codec::Filters;

pub(crate) use read::read;
pub(crate) use reason::disconnect as may_disconnect;
pub(crate) use write::write;

/// Who sends a packet: not everything may come from everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

/// What is wrong with the options of the filters of a SUBSCRIBE, and where the first such entry begins.
fn bad_options(filters: Filters<'_>) -> Option<(usize, BadOptions)> {
    let mut at = 0;
    for filter in filters.iter() {
        let end = at + 2 + filter.topic.len();
        let options = filters.as_wire().get(end).copied().unwrap_or_default();
        if options & RESERVED != 0 {
            return Some((at, BadOptions::Malformed));
        }
        let no_local = options & NO_LOCAL != 0 && filter.topic.starts_with(SHARED);
        if options & QOS == QOS || options & RETAIN_HANDLING == RETAIN_HANDLING || no_local {
            return Some((at, BadOptions::NotAllowed));
        }
        at = end + 1;
    }
    None
}

/// Whether MQTT speaks of a malformed packet or of a protocol error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadOptions {
    Malformed,
    NotAllowed,
}

/// Two properties that matter to those who carry a message.
const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
const TOPIC_ALIAS: u8 = 0x23;

const QOS: u8 = 0b0000_0011;
const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_HANDLING: u8 = 0b0011_0000;
const RESERVED: u8 = 0b1100_0000;
/// What the filter of a shared subscription begins with. Its messages are nobody's in particular, so none is local.
const SHARED: &str = "$share/";
