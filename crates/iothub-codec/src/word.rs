//! Looking for a byte, as many at a time as fit into a register.

use crate::fast::FAST;

const LEN: usize = size_of::<usize>();

/// Where the first such byte stands.
pub(crate) fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut at = 0;
    let mut rest = bytes;
    while FAST && let Some((word, after)) = rest.split_first_chunk() {
        let found = matches(*word, wanted);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += LEN;
        rest = after;
    }
    rest.iter().position(|byte| *byte == wanted).map(|behind| at + behind)
}

/// Where the last such byte stands.
pub(crate) fn find_last(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut rest = bytes;
    while FAST && let Some((before, word)) = rest.split_last_chunk() {
        let found = matches(*word, wanted);
        if found != 0 {
            return Some(before.len() + LEN - 1 - (found.leading_zeros() / 8) as usize);
        }
        rest = before;
    }
    rest.iter().rposition(|byte| *byte == wanted)
}

/// Whether all bytes are ASCII, and none is NUL.
pub(crate) fn is_ascii_without_nul(bytes: &[u8]) -> bool {
    match bytes.last_chunk() {
        // The first bytes of the last word may have been looked at, which is cheaper than looking at the others singly.
        Some(last) if FAST => bytes.as_chunks().0.iter().chain([last]).all(is_plain),
        Some(_) | None => bytes.iter().all(|byte| matches!(byte, 1..=0x7F)),
    }
}

/// Where no byte has its highest bit, taking 1 off each gives it to the first that is NUL.
fn is_plain(word: &[u8; LEN]) -> bool {
    const LOWEST: usize = usize::from_le_bytes([0x01; LEN]);
    const HIGHEST: usize = usize::from_le_bytes([0x80; LEN]);
    let word = usize::from_le_bytes(*word);
    (word.wrapping_sub(LOWEST) | word) & HIGHEST == 0
}

/// The two parts around the first such byte, which is ASCII.
#[inline]
pub(crate) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let (before, rest) = until(text, at);
    Some((before, rest.get(1..)?))
}

/// The two parts around the first such byte, likewise. Without one all stands in front of it, and nothing behind it: that
/// is at the end.
pub(crate) fn halves(text: &str, at: u8) -> (&str, &str) {
    let (before, rest) = until(text, at);
    (before, rest.get(1..).unwrap_or(rest))
}

/// What stands in front of the first such byte, and that byte with all behind it.
#[cfg_attr(not(feature = "fast"), inline(never))]
pub(crate) fn until(text: &str, at: u8) -> (&str, &str) {
    let at = find(text.as_bytes(), at).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or_default()
}

/// The two parts around the last such byte, likewise.
pub(crate) fn cut_last(text: &str, at: u8) -> Option<(&str, &str)> {
    let (before, rest) = text.split_at_checked(find_last(text.as_bytes(), at)?)?;
    Some((before, rest.get(1..)?))
}

/// The highest bit of each byte that is the wanted one; the first byte is the lowest.
const fn matches(word: [u8; LEN], wanted: u8) -> usize {
    const LOW: usize = usize::from_le_bytes([0x7F; LEN]);
    let difference = usize::from_le_bytes(word) ^ usize::from_le_bytes([wanted; LEN]);
    // The sum stays within each byte, and has its highest bit unless the lower ones are all zero.
    !(((difference & LOW) + LOW) | difference | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_found_is_where_a_plain_look_finds_it(
            bytes in proptest::collection::vec(proptest::sample::select(b"&=a\x00\x01\x7F\x80\xA6\xFF".to_vec()), 0..40),
            wanted in proptest::sample::select(b"&=\x00\x80\xFF".to_vec()),
        ) {
            prop_assert_eq!(find(&bytes, wanted), bytes.iter().position(|byte| *byte == wanted));
            prop_assert_eq!(find_last(&bytes, wanted), bytes.iter().rposition(|byte| *byte == wanted));
        }

        #[test]
        fn ascii_without_nul_is_what_a_plain_look_says(
            bytes in proptest::collection::vec(proptest::sample::select(b"aaaaaaaaaaaa\x00\x01\x7F\x80\xFF".to_vec()), 0..24),
        ) {
            let plain = bytes.iter().all(|byte| matches!(byte, 1..=0x7F));
            prop_assert_eq!(is_ascii_without_nul(&bytes), plain);
        }

        #[test]
        fn texts_are_cut_as_the_standard_library_does(text in "[a&é=]{0,24}") {
            prop_assert_eq!(cut(&text, b'&'), text.split_once('&'));
            prop_assert_eq!(cut_last(&text, b'&'), text.rsplit_once('&'));
        }
    }
}
