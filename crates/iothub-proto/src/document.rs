//! Just enough of JSON to find one number in a twin. What is not JSON is not noticed unless it stands in the way.

/// The desired properties of a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Desired<'a> {
    pub(crate) version: u64,
    /// The object.
    pub(crate) json: &'a [u8],
}

impl<'a> Desired<'a> {
    /// Finds them in a whole twin, which may be wrapped as a service's is. `None` for anything else, and without a
    /// version.
    pub(crate) fn find(document: &'a [u8]) -> Option<Self> {
        let json = match member(document, b"desired") {
            Some(desired) => desired,
            None => member(member(document, b"properties")?, b"desired")?,
        };
        let digits = core::str::from_utf8(member(json, b"$version")?).ok()?;
        // What else reads as a number, such as `+1`, is no JSON.
        let version = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        Some(Self { version, json })
    }
}

/// The value of the first member of that name of an object. Names are compared as they are written.
pub(crate) fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = blank(object).strip_prefix(b"{")?;
    loop {
        let (key, behind) = value(blank(rest))?;
        let key = key.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let (found, behind) = value(blank(blank(behind).strip_prefix(b":")?))?;
        if key == name {
            return Some(found);
        }
        rest = blank(behind).strip_prefix(b",")?;
    }
}

/// A value, and what stands behind it.
fn value(json: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = match json.first()? {
        b'"' => string_len(json)?,
        b'{' | b'[' => nest_len(json)?,
        _ => json.iter().position(|byte| b",]} \t\r\n".contains(byte)).unwrap_or(json.len()),
    };
    json.split_at_checked(len).filter(|(value, _)| !value.is_empty())
}

/// How long the string is with which it begins.
fn string_len(json: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// How long the object or array is with which it begins.
fn nest_len(json: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0_usize, 0_usize);
    loop {
        let rest = json.get(at..)?;
        match rest.first()? {
            b'"' => at += string_len(rest)?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => (at, depth) = (at + 1, depth.checked_sub(1)?),
            _ => at += 1,
        }
    }
}

fn blank(json: &[u8]) -> &[u8] {
    let at = json.iter().position(|byte| !b" \t\r\n".contains(byte)).unwrap_or(json.len());
    json.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_where_it_stands() {
        for (document, version, json) in [
            (r#"{"desired":{"$version":1},"reported":{"$version":2}}"#, 1, r#"{"$version":1}"#),
            (r#"{"reported":{"$version":2},"desired":{"a":1,"$version":3}}"#, 3, r#"{"a":1,"$version":3}"#),
            (" {\n \"desired\" : { \"$version\"\t: 7 } } ", 7, "{ \"$version\"\t: 7 }"),
            (r#"{"properties":{"desired":{"$version":4}}}"#, 4, r#"{"$version":4}"#),
            // Members of members, and what only looks like it.
            (
                r#"{"a":{"desired":{"$version":8}},"desired":{"b":{"$version":9},"$version":5}}"#,
                5,
                r#"{"b":{"$version":9},"$version":5}"#,
            ),
            (
                r#"{"a":"\"desired\":{","b":"}\\","desired":{"c":["]",{"$version":9}],"$version":6}}"#,
                6,
                r#"{"c":["]",{"$version":9}],"$version":6}"#,
            ),
            (
                r#"{"desired":{"$version":18446744073709551615}}"#,
                u64::MAX,
                r#"{"$version":18446744073709551615}"#,
            ),
        ] {
            let found = Desired { version, json: json.as_bytes() };
            assert_eq!(Desired::find(document.as_bytes()), Some(found), "{document}");
        }
    }

    #[test]
    fn without_a_version_nothing_is_found() {
        for document in [
            "",
            "{}",
            "[]",
            "null",
            "{",
            "\"",
            "{\"",
            r#"{"desired""#,
            r#"{"desired":"#,
            r#"{"desired":{}}"#,
            r#"{"desired":{"$version":}}"#,
            r#"{"desired":{"$version":"1"}}"#,
            r#"{"desired":{"$version":-1}}"#,
            r#"{"desired":{"$version":+1}}"#,
            r#"{"desired":{"$version":1.5}}"#,
            r#"{"desired":{"$version":18446744073709551616}}"#,
            r#"{"desired":{"$version":1"#,
            r#"{"desired":[{"$version":1}]}"#,
            r#"{"reported":{"$version":1}}"#,
            r#"{"a\"#,
            "]]]]",
            "{]}",
            "{\"a\":]]]",
        ] {
            assert_eq!(Desired::find(document.as_bytes()), None, "{document}");
        }
    }
}
