//! Packets as references print them.

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    hex.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// The string with a length of two bytes that begins at `at`.
pub(crate) fn string(packet: &[u8], at: usize) -> &str {
    let len = usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    core::str::from_utf8(&packet[at + 2..][..len]).unwrap()
}
