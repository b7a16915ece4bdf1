//! Which packets have which reason codes.

use super::Sender;

pub(crate) const fn puback(code: u8) -> bool {
    matches!(code, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
}

pub(crate) const fn disconnect(sender: Sender, code: u8) -> bool {
    match (sender, code) {
        (_, 0x00 | 0x80..=0x83 | 0x90 | 0x93..=0x99) => true,
        (Sender::Client, 0x04) => true,
        (Sender::Server, 0x87 | 0x89 | 0x8B | 0x8D..=0x8F | 0x9A..=0xA2) => true,
        (Sender::Client | Sender::Server, _) => false,
    }
}

pub(crate) const fn auth(sender: Sender, code: u8) -> bool {
    match sender {
        Sender::Client => matches!(code, 0x18 | 0x19),
        Sender::Server => matches!(code, 0x00 | 0x18),
    }
}
