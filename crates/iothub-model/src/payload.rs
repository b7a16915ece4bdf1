use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Bytes that should have been JSON.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct NotJson(#[from] serde_json::Error);

/// JSON as it came, without the white space around its parts; nothing at all is `null`.
pub(crate) fn read(bytes: &[u8]) -> Result<Box<RawValue>, NotJson> {
    if bytes.trim_ascii().is_empty() {
        return Ok(null());
    }
    Ok(compact(serde_json::from_slice(bytes)?))
}

pub(crate) fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// For a member that may be absent, which is not the same as `null`: what is there is kept, `null` too.
pub(crate) fn kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    compacted(deserializer).map(Some)
}

pub(crate) fn compacted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<RawValue>, D::Error> {
    Ok(compact(<Box<RawValue>>::deserialize(deserializer)?))
}

/// Takes out the white space between tokens. Numbers and texts keep the spelling they came with.
fn compact(raw: Box<RawValue>) -> Box<RawValue> {
    let mut within = Within::Structure;
    let compact: String = raw
        .get()
        .chars()
        .filter(|&c| {
            let before = within;
            within = within.after(c);
            !(before == Within::Structure && matches!(c, ' ' | '\t' | '\n' | '\r'))
        })
        .collect();
    if compact.len() == raw.get().len() {
        return raw;
    }
    RawValue::from_string(compact).expect("white space between tokens of JSON means nothing")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Structure,
    Text,
    Escape,
}

impl Within {
    const fn after(self, c: char) -> Self {
        match (self, c) {
            (Self::Structure, '"') | (Self::Escape, _) => Self::Text,
            (Self::Structure, _) | (Self::Text, '"') => Self::Structure,
            (Self::Text, '\\') => Self::Escape,
            (Self::Text, _) => Self::Text,
        }
    }
}
