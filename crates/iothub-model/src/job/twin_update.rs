use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{IfMatch, Object, TwinPatch};

/// What a job is to do to the twin of each device.
///
/// Everything else that is sent along is ignored, as clients send a whole twin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TwinUpdate {
    /// The state in which a twin is changed. A hub wants to be told, if only that it does not matter.
    pub etag: IfMatch,
    /// The change, a merge patch.
    pub patch: TwinPatch,
}

impl Serialize for TwinUpdate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Desired<'a> {
            desired: &'a crate::Patch<Object>,
        }
        let TwinPatch { tags, desired } = &self.patch;
        let mut members = serializer.serialize_map(None)?;
        match &self.etag {
            IfMatch::None => {}
            IfMatch::Any => members.serialize_entry("etag", "*")?,
            IfMatch::Exactly(etag) => members.serialize_entry("etag", etag)?,
        }
        if !tags.is_absent() {
            members.serialize_entry("tags", tags)?;
        }
        if !desired.is_absent() {
            members.serialize_entry("properties", &Desired { desired })?;
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for TwinUpdate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = Object::deserialize(deserializer)?;
        let etag = match body.get("etag") {
            None | Some(Value::Null) => IfMatch::None,
            Some(Value::String(text)) => IfMatch::parse(Some(text)).map_err(D::Error::custom)?,
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(D::Error::custom("`etag` is not a text"));
            }
        };
        let patch = TwinPatch::deserialize(Value::Object(body)).map_err(D::Error::custom)?;
        Ok(Self { etag, patch })
    }
}
