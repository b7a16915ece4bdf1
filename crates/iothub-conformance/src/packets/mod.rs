//! Packets as words, and words as packets.

mod draft;
mod properties;
mod written;

pub(crate) use draft::Draft;
pub(crate) use properties::section;
pub(crate) use written::written;

use iothub_proto::RefusalReason;

/// The return codes of MQTT 3.1.1.
const V311_REFUSALS: [(&str, RefusalReason); 5] = [
    ("1", RefusalReason::UnacceptableProtocol),
    ("2", RefusalReason::BadClientId),
    ("3", RefusalReason::Unavailable),
    ("4", RefusalReason::BadUserName),
    ("5", RefusalReason::NotAuthorized),
];

/// A reason code in hexadecimal.
pub(crate) fn code(code: u8) -> String {
    format!("0x{code:02X}")
}

fn read_code(word: &str) -> Option<u8> {
    u8::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}
