/// Whether a message can be published there, as far as MQTT is concerned.
pub(crate) fn is_name(topic: &str) -> bool {
    let bytes = topic.as_bytes();
    match bytes.last_chunk() {
        // The first bytes of the last word may have been looked at, which is cheaper than looking at the others singly.
        Some(last) => bytes.as_chunks().0.iter().chain([last]).all(is_plain),
        None => !topic.is_empty() && !bytes.iter().any(|byte| matches!(byte, b'+' | b'#' | 0)),
    }
}

/// Whether none of the bytes is `+`, `#` or NUL.
fn is_plain(word: &[u8; LEN]) -> bool {
    const WILDCARDS: usize = usize::from_le_bytes([b'+'; LEN]);
    // What `+` has and `#` has not.
    const BETWEEN: usize = usize::from_le_bytes([b'+' ^ b'#'; LEN]);
    let word = usize::from_le_bytes(*word);
    !has_zero(word) && !has_zero((word | BETWEEN) ^ WILDCARDS)
}

/// Taking 1 off each byte sets the highest bit of the first that is 0, and of none before it that had it not set.
const fn has_zero(word: usize) -> bool {
    const LOWEST: usize = usize::from_le_bytes([0x01; LEN]);
    const HIGHEST: usize = usize::from_le_bytes([0x80; LEN]);
    word.wrapping_sub(LOWEST) & !word & HIGHEST != 0
}

const LEN: usize = size_of::<usize>();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_what_a_plain_look_says(topic in "[a-c+#\\x00\\x01\\x7f*é$\"]{0,24}") {
            let plain = !topic.is_empty() && !topic.contains(['+', '#', '\0']);
            prop_assert_eq!(is_name(&topic), plain);
        }

        #[test]
        fn one_byte_is_enough_wherever_it_stands(at in 0..40_usize, len in 0..40_usize, found in "[+#\\x00]") {
            let topic = ["x".repeat(at), found, "x".repeat(len)].concat();
            prop_assert!(!is_name(&topic));
            prop_assert!(is_name(&topic.replace(['+', '#', '\0'], "é")));
        }
    }

    #[test]
    fn a_name_has_something_in_it_and_no_wildcard() {
        for (topic, wanted) in [
            ("a", true),
            ("/", true),
            (" ", true),
            ("é/x", true),
            ("$iothub/methods/res/200/?$rid=1", true),
            ("", false),
            ("#", false),
            ("a/#", false),
            ("a/+/b", false),
            ("a+", false),
            ("a\0b", false),
        ] {
            assert_eq!(is_name(topic), wanted, "{topic:?}");
        }
    }
}
