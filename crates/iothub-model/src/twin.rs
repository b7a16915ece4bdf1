use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::etag::empty_is_absent;
use crate::word::null_is_default;
use crate::{
    AuthenticationType, Capabilities, ConnectionState, Date, Etag, Object, Patch, Status, X509Thumbprint,
};

/// The twin of a device or module as a back end sees it.
///
/// Its tags and properties are objects of their own, unless it is only to be written: then
/// [`WrittenMembers`](crate::WrittenMembers) do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Default + Deserialize<'de>"))]
pub struct Twin<O = Object> {
    /// Whose twin this is.
    pub device_id: String,
    /// Of which module of that device, if of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// Names the present state of tags and desired properties.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub etag: Option<Etag>,
    /// The etag of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub device_etag: Option<Etag>,
    /// Whether the identity may connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it has this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When `status` last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status_update_time: Date,
    /// Whether it is connected.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_state: ConnectionState,
    /// When it last connected, sent or received.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_activity_time: Date,
    /// Messages that wait for it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub cloud_to_device_message_count: u32,
    /// How it proves who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_type: Option<AuthenticationType>,
    /// The certificates it proves itself with.
    #[serde(default, deserialize_with = "null_is_default")]
    pub x509_thumbprint: X509Thumbprint,
    /// The model that the device said it follows when it connected; empty if it said none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub model_id: String,
    /// Counts every change of the twin.
    #[serde(default, deserialize_with = "null_is_default")]
    pub version: u64,
    /// What back ends note about the device.
    #[serde(default, deserialize_with = "null_is_default")]
    pub tags: O,
    /// What back ends want, and what the device says.
    #[serde(default, deserialize_with = "null_is_default")]
    pub properties: Properties<O>,
    /// What the device can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Whose child it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_scope: Option<String>,
    /// The scopes of the devices above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_scopes: Option<Vec<String>>,
    /// The state of the configurations that apply to it, by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<Object>,
}

/// Both sections of a twin, each with its `$metadata` and `$version`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "O: Default + Deserialize<'de>"))]
pub struct Properties<O = Object> {
    /// What back ends want.
    #[serde(deserialize_with = "null_is_default")]
    pub desired: O,
    /// What the device says.
    #[serde(deserialize_with = "null_is_default")]
    pub reported: O,
}

/// What a back end sends to change a twin, or as the whole of what it may write.
///
/// Everything else that it sends is ignored, as clients send twins back that they have read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TwinPatch {
    /// Changes of the tags.
    pub tags: Patch<Object>,
    /// Changes of the desired properties.
    pub desired: Patch<Object>,
}

impl Serialize for TwinPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(skip_serializing_if = "is_absent")]
            tags: &'a Patch<Object>,
            #[serde(skip_serializing_if = "Option::is_none")]
            properties: Option<WrittenProperties<'a>>,
        }
        #[derive(Serialize)]
        struct WrittenProperties<'a> {
            desired: &'a Patch<Object>,
        }
        fn is_absent(patch: &&Patch<Object>) -> bool {
            patch.is_absent()
        }
        let properties = (!self.desired.is_absent()).then_some(WrittenProperties { desired: &self.desired });
        Written { tags: &self.tags, properties }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TwinPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As an object first: a derived reader would take an array for the members in their order.
        let mut body = Object::deserialize(deserializer)?;
        let desired = match body.remove("properties") {
            None | Some(Value::Null) => Patch::Absent,
            Some(Value::Object(mut properties)) => member(&mut properties, "desired")?,
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(D::Error::custom("`properties` is not an object"));
            }
        };
        Ok(Self { tags: member(&mut body, "tags")?, desired })
    }
}

fn member<E: Error>(of: &mut Object, name: &str) -> Result<Patch<Object>, E> {
    match of.remove(name) {
        None => Ok(Patch::Absent),
        Some(Value::Null) => Ok(Patch::Null),
        Some(Value::Object(value)) => Ok(Patch::Value(value)),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(E::custom(format_args!("`{name}` is not an object")))
        }
    }
}
