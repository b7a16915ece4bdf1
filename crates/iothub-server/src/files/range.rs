use core::ops::Range;

/// What of a file a client asks for. What cannot be read as a range is none, and the whole file is meant.
pub(crate) fn wanted(text: Option<&str>, len: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
    let Some((first, last)) = text.and_then(|text| text.trim().strip_prefix("bytes=")?.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let range = match (first, last) {
        ("", last) => match number(last) {
            Some(0) => return Err(Unsatisfiable),
            Some(count) => len.saturating_sub(count)..len,
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => first..len,
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
            (_, _) => return Ok(None),
        },
    };
    if range.start >= len { Err(Unsatisfiable) } else { Ok(Some(range)) }
}

/// Nothing of the file is in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsatisfiable;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_of_it_the_file_has() {
        for (text, expected) in [
            (None, Ok(None)),
            (Some("bytes=0-9"), Ok(Some(0..10))),
            (Some("bytes=0-0"), Ok(Some(0..1))),
            (Some("bytes=5-"), Ok(Some(5..10))),
            (Some("bytes=-3"), Ok(Some(7..10))),
            (Some("bytes=-30"), Ok(Some(0..10))),
            (Some("bytes=8-33554431"), Ok(Some(8..10))),
            (Some("bytes=0-18446744073709551615"), Ok(Some(0..10))),
            (Some("bytes=10-"), Err(Unsatisfiable)),
            (Some("bytes=10-20"), Err(Unsatisfiable)),
            (Some("bytes=-0"), Err(Unsatisfiable)),
            (Some("bytes=5-4"), Ok(None)),
            (Some("bytes=+1-2"), Ok(None)),
            (Some("bytes=0-1,3-4"), Ok(None)),
            (Some("lines=0-1"), Ok(None)),
            (Some("bytes=-"), Ok(None)),
        ] {
            assert_eq!(wanted(text, 10), expected, "{text:?}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Err(Unsatisfiable));
    }
}
