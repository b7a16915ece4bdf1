use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::{Date, Object};

/// When a property, or anything below it, was last changed.
///
/// The tree mirrors the objects among the properties; an array is a leaf, as it only changes as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    members: BTreeMap<String, Metadata>,
}

/// The occasion of a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) at: Date,
    /// The version of the section that the change led to, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u64>,
}

impl Metadata {
    pub(crate) const fn new(stamp: Stamp) -> Self {
        Self { stamp, members: BTreeMap::new() }
    }

    /// Follows what [`merge`](crate::merge()) does to the properties.
    pub(crate) fn touch(&mut self, patch: &Object, stamp: Stamp) {
        self.stamp = stamp;
        for (name, change) in patch {
            match change {
                Value::Null => {
                    self.members.remove(name);
                }
                Value::Object(change) => {
                    let member = self.members.entry(name.clone()).or_insert_with(|| Self::new(stamp));
                    member.touch(change, stamp);
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    self.members.insert(name.clone(), Self::new(stamp));
                }
            }
        }
    }

    /// The value of `$metadata`, its members in the order of `properties`.
    pub(crate) fn view<'a>(&'a self, properties: &'a Object) -> MetadataView<'a> {
        MetadataView { metadata: self, properties: Some(properties) }
    }
}

/// Metadata as back ends see it.
#[derive(Clone, Copy)]
pub(crate) struct MetadataView<'a> {
    metadata: &'a Metadata,
    properties: Option<&'a Object>,
}

impl Serialize for MetadataView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Metadata { stamp, members } = self.metadata;
        let mut view = serializer.serialize_map(None)?;
        view.serialize_entry("$lastUpdated", &stamp.at)?;
        if let Some(version) = stamp.version {
            view.serialize_entry("$lastUpdatedVersion", &version)?;
        }
        for (name, value) in self.properties.into_iter().flatten() {
            if let Some(metadata) = members.get(name) {
                view.serialize_entry(name, &MetadataView { metadata, properties: value.as_object() })?;
            }
        }
        view.end()
    }
}
