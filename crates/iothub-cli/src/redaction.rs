use std::borrow::Cow;

/// A text without the secrets of connection strings and tokens that may stand in it, and without keys that
/// stand alone.
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
    let named = NAMES.iter().filter_map(|name| Some(lower.find(name)? + name.len())).min();
    let named = named.map(|begin| (begin, begin + text[begin..].find(is_end).unwrap_or(text.len() - begin)));
    [named, bare_key(text), user_info(text)].into_iter().flatten().min()
}

/// Where the name and password begin and end in the first URL that has some.
fn user_info(text: &str) -> Option<(usize, usize)> {
    let mut begin = 0;
    while let Some(scheme) = text[begin..].find("://") {
        begin += scheme + "://".len();
        let authority = &text[begin..];
        let authority = &authority[..authority.find(|c: char| c.is_whitespace()).unwrap_or(authority.len())];
        if let Some(len) = authority.rfind('@') {
            return Some((begin, begin + len));
        }
    }
    None
}

/// Where the first word begins and ends that looks like a key: what was meant for an option, and got lost.
fn bare_key(text: &str) -> Option<(usize, usize)> {
    let is_key = |word: &str| {
        let letters = word.trim_end_matches('=');
        let is_base64 = letters.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
        is_base64 && letters.len() >= KEY_LEN_MIN && (1..=2).contains(&(word.len() - letters.len()))
    };
    let mut begin = 0;
    for part in text.split_inclusive(is_end) {
        let word = part.trim_end_matches(is_end);
        if is_key(word) {
            return Some((begin, begin + word.len()));
        }
        begin += part.len();
    }
    None
}

fn is_end(c: char) -> bool {
    matches!(c, ';' | '&' | '\'' | '"' | '`' | ',' | '<' | '>') || c.is_whitespace()
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

/// Fewest letters of the shortest key that a hub takes, 16 bytes in base64; etags are shorter.
const KEY_LEN_MIN: usize = 22;

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
            (
                "unexpected argument 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' found, sig=a",
                "unexpected argument '(hidden)' found, sig=(hidden)",
            ),
            ("\"AAECAwQFBgcICQoLDA0ODw==\" etag AAAAAAAAAAE=", "\"(hidden)\" etag AAAAAAAAAAE="),
            ("0123456789abcdef0123456789abcdef a/b=", "0123456789abcdef0123456789abcdef a/b="),
            ("Sig=a SIG=b", "Sig=(hidden) SIG=(hidden)"),
            ("SharedAccessKey=", "SharedAccessKey=(hidden)"),
            (
                "invalid value 'http://plant:s3cret@proxy:1' for",
                "invalid value 'http://(hidden)@proxy:1' for",
            ),
            ("https://a:b@c@proxy:1/ http://proxy:1 x@y", "https://(hidden)@proxy:1/ http://proxy:1 x@y"),
            ("http://proxy:1, http://u:p@other:1", "http://proxy:1, http://(hidden)@other:1"),
            ("é sig=ü;é", "é sig=(hidden);é"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
