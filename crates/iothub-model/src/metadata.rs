use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
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
    pub(crate) fn view(&self, properties: &Object) -> Value {
        let mut view = Object::new();
        view.insert("$lastUpdated".into(), self.stamp.at.to_string().into());
        if let Some(version) = self.stamp.version {
            view.insert("$lastUpdatedVersion".into(), version.into());
        }
        let nothing = Object::new();
        for (name, value) in properties {
            if let Some(member) = self.members.get(name) {
                view.insert(name.clone(), member.view(value.as_object().unwrap_or(&nothing)));
            }
        }
        Value::Object(view)
    }
}
