use crate::write::Writer;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How a signature is written: eleven groups of four digits, in the last of which one is padding.
const TEXT_LEN: usize = 44;

pub(super) fn put(code: &[u8; 32], out: &mut Writer<'_>) {
    for group in code.chunks(3) {
        let byte = |at| group.get(at).copied().unwrap_or_default();
        let bits = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            // As many digits as bytes, and one more.
            let digit = if at > group.len() { b'=' } else { digit(bits >> shift) };
            out.put(&[digit]);
        }
    }
}

/// `None` for what no writer makes of 32 bytes: one text for each signature.
pub(super) fn read(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; TEXT_LEN] = text.try_into().ok()?;
    let [digits @ .., b'='] = text else { return None };
    let mut code = [0; 32];
    for (group, place) in digits.chunks(4).zip(code.chunks_mut(3)) {
        let mut bits = 0;
        for at in 0..4 {
            bits = bits << 6 | group.get(at).map_or(Some(0), |digit| value(*digit))?;
        }
        let [_, bytes @ ..] = u32::to_be_bytes(bits);
        for (byte, place) in bytes.iter().zip(place.iter_mut()) {
            *place = *byte;
        }
        // The last group has two bits more than it needs.
        if bytes.iter().skip(place.len()).any(|byte| *byte != 0) {
            return None;
        }
    }
    Some(code)
}

fn digit(bits: u32) -> u8 {
    let at = usize::try_from(bits & 0x3F).unwrap_or_default();
    ALPHABET.get(at).copied().unwrap_or_default()
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
