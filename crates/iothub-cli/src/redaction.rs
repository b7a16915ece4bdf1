use std::borrow::Cow;

/// A text without the secrets of connection strings and tokens that may stand in it.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((begin, end)) = secret(rest) {
        shown.push_str(&rest[..begin]);
        shown.push_str("(hidden)");
        rest = &rest[end..];
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Where the first secret in `text` begins and ends.
fn secret(text: &str) -> Option<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let begin = NAMES.iter().filter_map(|name| Some(lower.find(name)? + name.len())).min()?;
    let is_end = |c: char| matches!(c, ';' | '&' | '\'' | '"' | '`' | ',' | '<' | '>') || c.is_whitespace();
    let len = text[begin..].find(is_end).unwrap_or(text.len() - begin);
    Some((begin, begin + len))
}

/// What stands before a secret, in lower case: in connection strings, in tokens, and in JSON.
const NAMES: &[&str] = &[
    "sharedaccesskey=",
    "sig=",
    "\"primarykey\":\"",
    "\"secondarykey\":\"",
    "--primary-key=",
    "--secondary-key=",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_does_not_show_and_what_is_not_does() {
        for (text, shown) in [
            ("no device named pump-8", "no device named pump-8"),
            ("HostName=h;SharedAccessKey=c2VjcmV0=", "HostName=h;SharedAccessKey=(hidden)"),
            (
                "'HostName=h;SharedAccessKeyName=owner;sharedaccesskey=c2Vj/cmV0+A==;DeviceId=d' x",
                "'HostName=h;SharedAccessKeyName=owner;sharedaccesskey=(hidden);DeviceId=d' x",
            ),
            (
                "SharedAccessSignature sr=h%2Fdevices%2Fd&sig=c2VjcmV0%3D&se=1893456000",
                "SharedAccessSignature sr=h%2Fdevices%2Fd&sig=(hidden)&se=1893456000",
            ),
            (
                r#"{"primaryKey":"c2VjcmV0","secondaryKey":"dG9v"}"#,
                r#"{"primaryKey":"(hidden)","secondaryKey":"(hidden)"}"#,
            ),
            ("Sig=a SIG=b", "Sig=(hidden) SIG=(hidden)"),
            ("SharedAccessKey=", "SharedAccessKey=(hidden)"),
            ("é sig=ü;é", "é sig=(hidden);é"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
