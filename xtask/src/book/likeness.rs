//! Whether what was printed is what a page shows.

use serde_json::Value;

/// Stands for whatever changes from one time to the next: a part of a line, whole lines where it is the line, any value
/// and further members in JSON.
const GAP: &str = "…";

/// Whether a text is like the one that is shown. Host and port are those of the test: `localhost:8443` is `localhost`.
pub(super) fn of_text(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (lines(shown), lines(printed));
    glob(&shown, &printed, |line| line == GAP, |shown, printed| of_line(shown, printed))
}

/// The same where more may follow.
pub(super) fn of_begin(shown: &str, printed: &str) -> bool {
    of_text(&format!("{}\n{GAP}", shown.trim_end()), printed)
}

/// Whether JSON documents are like those that are shown, however either is laid out.
pub(super) fn of_json(shown: &str, printed: &str) -> bool {
    match (documents(shown), documents(printed)) {
        (Ok(shown), Ok(printed)) => {
            glob(&shown, &printed, |value| value == GAP, of_value) && !shown.is_empty()
        }
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn of_line(shown: &str, printed: &str) -> bool {
    let shown: Vec<char> = shown.chars().collect();
    let printed: Vec<char> = printed.chars().collect();
    glob(&shown, &printed, |c| GAP.starts_with(*c), |a, b| a == b)
}

fn of_value(shown: &Value, printed: &Value) -> bool {
    match (shown, printed) {
        (Value::String(shown), Value::String(printed)) => {
            of_line(&without_ports(shown), &without_ports(printed))
        }
        (Value::String(shown), _) => shown == GAP,
        (Value::Object(shown), Value::Object(printed)) => {
            let is_there = |(name, value): (&String, &Value)| {
                name == GAP || printed.get(name).is_some_and(|printed| of_value(value, printed))
            };
            shown.iter().all(is_there) && (shown.contains_key(GAP) || shown.len() == printed.len())
        }
        (Value::Array(shown), Value::Array(printed)) => glob(shown, printed, |value| value == GAP, of_value),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_), _) => {
            shown == printed
        }
    }
}

/// Whether `actual` is `pattern`, of which gaps stand for any number of anything.
fn glob<T>(pattern: &[T], actual: &[T], is_gap: impl Fn(&T) -> bool, same: impl Fn(&T, &T) -> bool) -> bool {
    // For each length, whether so much of `actual` is what has been looked at of `pattern`.
    let mut reached = vec![false; actual.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; actual.len() + 1];
        for at in 0..=actual.len() {
            next[at] = match is_gap(part) {
                true => reached[at] || at > 0 && next[at - 1],
                false => at > 0 && reached[at - 1] && same(part, &actual[at - 1]),
            };
        }
        reached = next;
    }
    reached[actual.len()]
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.trim_end().lines();
    lines.map(|line| without_ports(line.trim_end())).collect()
}

fn without_ports(line: &str) -> String {
    let mut parts = line.split("localhost:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.trim_start_matches(|c: char| c.is_ascii_digit()) {
        rest if rest.len() < part.len() => text + "localhost" + rest,
        _ => text + "localhost:" + part,
    })
}

fn documents(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    serde_json::Deserializer::from_str(text).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_parts_of_lines_or_lines() {
        for (shown, printed, expected) in [
            ("a\n", "a", true),
            ("a", "a\nb", false),
            ("a\n…", "a\nb\nc", true),
            ("…\nc\n", "a\nb\nc", true),
            ("…\nb\n…", "a\nc", false),
            ("key …=", "key abc=", true),
            ("key …=", "key abc", false),
            ("…", "", true),
            ("a", "", false),
            ("https://localhost:443/x", "https://localhost:40123/x", true),
            ("HostName=localhost;", "HostName=localhost:40123;", true),
            ("localhost:x", "localhost:y", false),
        ] {
            assert_eq!(of_text(shown, printed), expected, "{shown:?} {printed:?}");
        }
        assert!(of_begin("a\n", "a\nb") && of_begin("a", "a") && !of_begin("a", "b\na"));
    }

    #[test]
    fn documents_are_compared_by_what_they_say() {
        for (shown, printed, expected) in [
            (r#"{"a": 1, "b": "…"}"#, r#"{"b":[2],"a":1}"#, true),
            (r#"{"a": 1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"{"a": 1, "…": "…"}"#, r#"{"a":1,"b":2}"#, true),
            (r#"{"a": 1, "b": 2}"#, r#"{"a":1}"#, false),
            (r#"{"a": {"b": "x…"}}"#, r#"{"a":{"b":"xyz"}}"#, true),
            (r#"["…", 3]"#, "[1,2,3]", true),
            ("[1]", "[1,2]", false),
            ("{} {}", "{}\n{}\n", true),
            ("{}", "{}\n{}\n", false),
            ("{}", "not JSON", false),
            ("", "", false),
        ] {
            assert_eq!(of_json(shown, printed), expected, "{shown} {printed}");
        }
    }
}
