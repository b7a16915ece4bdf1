/// Whether a message can be published there, as far as MQTT is concerned.
pub(crate) fn is_name(topic: &str) -> bool {
    // Looks at all bytes whatever it finds, which the compiler turns into looking at many at a time.
    let forbidden = |byte: u8| matches!(byte, b'+' | b'#' | 0);
    !topic.is_empty() && !topic.bytes().fold(false, |found, byte| found | forbidden(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

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
