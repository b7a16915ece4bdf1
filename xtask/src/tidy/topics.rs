use super::source::Source;

/// How a message is spelled is known in one folder and nowhere else.
pub(super) fn check(path: &str, source: &Source<'_>) -> Vec<String> {
    let Some((owner, file)) = path.strip_prefix("crates/").and_then(|path| path.split_once("/src/")) else {
        return Vec::new();
    };
    let is_spelling: fn(&str) -> bool = match owner {
        "iothub-codec" if file == "dialect.rs" || file.starts_with("dialect/") => return Vec::new(),
        "iothub-codec" => |text| names_with_dollar(text) || is_topic(text),
        _ => is_topic,
    };
    let found = source.texts().filter(|(_, text)| is_spelling(text));
    found
        .map(|(line, text)| format!("{path}:{line}: {text:?} belongs into crates/iothub-codec/src/dialect/"))
        .collect()
}

/// Whether there is a `$` that begins a name. The one that is itself a letter of device names does not.
fn names_with_dollar(text: &str) -> bool {
    text.contains("%24")
        || text
            .split('$')
            .skip(1)
            .any(|after| after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.'))
}

/// Whether that is a topic, or the format of one.
fn is_topic(text: &str) -> bool {
    // The path of the WebSocket looks like a topic and is none.
    text.replace("$iothub/websocket", "").contains("$iothub/")
        || text.contains("$az/iot/")
        || text.starts_with("devices/") && (text.contains("/messages/") || text.contains("/inputs/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_at_home_in_the_dialects_only() {
        let topic = r#"f("$iothub/twin/GET/")"#;
        for (path, text, expected) in [
            ("crates/iothub-codec/src/dialect/classic.rs", topic, 0),
            ("crates/iothub-codec/src/message.rs", topic, 1),
            ("crates/iothub-codec/src/message.rs", r#"f("$rid")"#, 1),
            ("crates/iothub-codec/src/message.rs", r#"f("%24.mid")"#, 1),
            ("crates/iothub-codec/src/device_id.rs", r#"f(b"-:.+%_#*?!(),=@$'")"#, 0),
            ("crates/iothub-hub/src/twin.rs", r#"f("$version")"#, 0),
            ("crates/iothub-hub/src/twin.rs", topic, 1),
            ("crates/iothub-hub/src/queue.rs", r#"f("devices/{device}/messages/devicebound/")"#, 1),
            ("crates/iothub-service/src/devices.rs", r#"f("devices/{device}/modules")"#, 0),
            ("crates/iothub-server/src/http.rs", r#"f("wss://h/$iothub/websocket")"#, 0),
            ("crates/iothub-hub/src/twin.rs", "// as `$iothub/twin/GET/`", 0),
            ("crates/iothub-hub/tests/twin.rs", topic, 0),
            ("xtask/src/tidy/topics.rs", topic, 0),
        ] {
            assert_eq!(check(path, &Source::new(text)).len(), expected, "{path} {text}");
        }
    }
}
