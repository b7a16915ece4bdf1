use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names one state of a device, a module or a twin: 1 to 128 visible ASCII characters without `"`.
///
/// Made by a hub, handed back unchanged by a client that wants to change exactly this state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Etag(String);

impl Etag {
    /// Longest tag, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Takes the tag without quotes, as it stands in JSON.
    ///
    /// # Errors
    ///
    /// [`BadEtag`] for what cannot stand between quotes in a header.
    pub fn new(text: &str) -> Result<Self, BadEtag> {
        let visible = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if visible && (1..=Self::MAX_LEN).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(BadEtag)
        }
    }

    /// The tag for the `counter`th state: base64 of eight bytes, most significant first. This is how the
    /// etags of twins look, `AAAAAAAAAAE=` being the first.
    pub fn from_counter(counter: u64) -> Self {
        Self(STANDARD.encode(counter.to_be_bytes()))
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag in quotes, as it stands in the headers `ETag` and `If-Match`.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Not the name of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an etag: 1 to {} visible ASCII characters without a quote", Etag::MAX_LEN)]
pub struct BadEtag;

impl Serialize for Etag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Etag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Reads `null` and the empty text, which some clients send for a thing that has no state yet, as absent.
pub(crate) fn empty_is_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Etag>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => Etag::new(text).map(Some).map_err(serde::de::Error::custom),
    }
}

/// The condition that a request puts on the state of what it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// No condition was stated. What that means depends on the operation.
    #[default]
    None,
    /// The thing must exist.
    Any,
    /// The thing must be in this state.
    Exactly(Etag),
}

impl IfMatch {
    /// Reads the header `If-Match`. Quotes are optional, around `*` too: clients disagree.
    ///
    /// # Errors
    ///
    /// [`BadEtag`] for what is neither a star nor one etag. Lists are not used in this API.
    pub fn parse(header: Option<&str>) -> Result<Self, BadEtag> {
        let header = header.unwrap_or_default().trim();
        let quoted = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match quoted.unwrap_or(header) {
            "*" => Ok(Self::Any),
            "" if quoted.is_none() => Ok(Self::None),
            tag => Etag::new(tag).map(Self::Exactly),
        }
    }

    /// The value of the header `If-Match`, if there is to be one.
    pub fn header(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Any => Some("\"*\"".into()),
            Self::Exactly(etag) => Some(etag.quoted()),
        }
    }

    /// Whether a thing that exists and is in the state `current` meets the condition.
    pub fn is_met_by(&self, current: &Etag) -> bool {
        match self {
            Self::None | Self::Any => true,
            Self::Exactly(etag) => etag == current,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etags_of_twins_count_in_base64() {
        for (counter, tag) in [(1, "AAAAAAAAAAE="), (2, "AAAAAAAAAAI="), (u64::MAX, "//////////8=")] {
            assert_eq!(Etag::from_counter(counter).as_str(), tag);
            assert_eq!(Etag::new(tag), Ok(Etag::from_counter(counter)));
        }
    }

    #[test]
    fn if_match_is_read_with_and_without_quotes() {
        let tag = Etag::new("ODc2NTQzMjE=").unwrap();
        for (header, condition) in [
            (None, Ok(IfMatch::None)),
            (Some(""), Ok(IfMatch::None)),
            (Some("*"), Ok(IfMatch::Any)),
            (Some("\"*\""), Ok(IfMatch::Any)),
            (Some(" \"*\" "), Ok(IfMatch::Any)),
            (Some("ODc2NTQzMjE="), Ok(IfMatch::Exactly(tag.clone()))),
            (Some("\"ODc2NTQzMjE=\""), Ok(IfMatch::Exactly(tag.clone()))),
            (Some("\"\""), Err(BadEtag)),
            (Some("\""), Err(BadEtag)),
            (Some("\"a\", \"b\""), Err(BadEtag)),
            (Some("a b"), Err(BadEtag)),
            (Some("\"a"), Err(BadEtag)),
        ] {
            assert_eq!(IfMatch::parse(header), condition, "{header:?}");
        }
    }

    #[test]
    fn what_is_written_into_the_header_reads_back() {
        for condition in [IfMatch::None, IfMatch::Any, IfMatch::Exactly(Etag::from_counter(7))] {
            assert_eq!(IfMatch::parse(condition.header().as_deref()), Ok(condition));
        }
    }

    #[test]
    fn only_the_same_etag_meets_an_exact_condition() {
        let (one, two) = (Etag::from_counter(1), Etag::from_counter(2));
        assert!(IfMatch::None.is_met_by(&one));
        assert!(IfMatch::Any.is_met_by(&one));
        assert!(IfMatch::Exactly(one.clone()).is_met_by(&one));
        assert!(!IfMatch::Exactly(two).is_met_by(&one));
    }

    #[test]
    fn a_tag_has_a_greatest_length() {
        assert!(Etag::new(&"x".repeat(Etag::MAX_LEN)).is_ok());
        assert_eq!(Etag::new(&"x".repeat(Etag::MAX_LEN + 1)), Err(BadEtag));
        assert_eq!(Etag::new("é"), Err(BadEtag));
        assert_eq!(Etag::new("a\r\nb"), Err(BadEtag));
    }
}
