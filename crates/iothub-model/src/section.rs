use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::limits::{check_depth, check_json_len, check_size};
use crate::metadata::{Metadata, Stamp};
use crate::{Date, Object, Update, Violation};

/// The desired or the reported properties of a twin, with their version and the dates of their changes.
///
/// A hub keeps it, changes it with [`Self::apply`], and stores it: its serialised form holds everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    kind: Kind,
    version: u64,
    properties: Object,
    metadata: Metadata,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Desired,
    Reported,
}

impl Section {
    /// Most bytes that the properties may amount to, by the formula that IoT Hub counts by: names and texts
    /// as UTF-8 without control characters, 8 for a number, 4 for a boolean.
    pub const SIZE_MAX: usize = 32 * 1024;

    /// Desired properties of a twin that was created at `at`: none, at version 1.
    pub fn desired(at: Date) -> Self {
        Self::new(Kind::Desired, at)
    }

    /// Reported properties of a twin that was created at `at`: none, at version 1.
    pub fn reported(at: Date) -> Self {
        Self::new(Kind::Reported, at)
    }

    fn new(kind: Kind, at: Date) -> Self {
        let metadata = Metadata::new(Stamp { at, version: None });
        Self { kind, version: 1, properties: Object::new(), metadata }
    }

    /// Makes one change, which adds one to the version even if nothing differs afterwards.
    ///
    /// Gives what a device that listens is to be told: a merge patch with the new `$version`, or the new
    /// properties with it if they were replaced.
    ///
    /// # Errors
    ///
    /// [`Violation`] if a rule about twins is not kept to. Nothing has changed then.
    pub fn apply(&mut self, update: Update, at: Date) -> Result<Object, Violation> {
        let update = update.without_reserved();
        let next = update.applied_to(&self.properties, Self::SIZE_MAX)?;
        let version = self.version + 1;
        let stamp = Stamp { at, version: (self.kind == Kind::Desired).then_some(version) };
        let told = match update {
            Update::Merge(patch) => {
                self.metadata.touch(&patch, stamp);
                patch
            }
            Update::Replace(_) => {
                self.metadata = Metadata::new(stamp);
                self.metadata.touch(&next, stamp);
                next.clone()
            }
            Update::Clear => {
                self.metadata = Metadata::new(stamp);
                self.properties.keys().map(|name| (name.clone(), Value::Null)).collect()
            }
        };
        self.properties = next;
        self.version = version;
        Ok(self.versioned(told))
    }

    /// Checks what does not keep properties from being held and sent: how deep they nest, what they amount to, and how
    /// long their JSON is. For those who receive them, and leave all other rules to the hub.
    ///
    /// # Errors
    ///
    /// [`Violation`] with the first that is too much.
    pub fn check_extent(properties: &Object) -> Result<(), Violation> {
        check_depth(properties)?;
        check_size(properties, Self::SIZE_MAX)?;
        check_json_len(properties)
    }

    /// How often the section has been changed, and one more.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The properties alone.
    pub const fn properties(&self) -> &Object {
        &self.properties
    }

    /// What a device sees: the properties and `$version`.
    pub fn device_view(&self) -> Object {
        self.versioned(self.properties.clone())
    }

    /// What a back end sees: the properties, `$metadata` and `$version`.
    pub fn service_view(&self) -> Object {
        self.viewed(self.properties.clone())
    }

    /// [`Self::service_view`] to be written, without the copies that it is made of.
    pub const fn as_written(&self) -> WrittenMembers<'_> {
        WrittenMembers::Section(self)
    }

    /// What a back end is told of the latest change: what [`Self::apply`] gave for it, and the `$metadata` of that.
    pub fn change_view(&self, told: &Object) -> Object {
        let mut view = told.clone();
        view.remove("$version");
        self.viewed(view)
    }

    /// These members with what is known of them.
    fn viewed(&self, mut members: Object) -> Object {
        let metadata = serde_json::to_value(self.metadata.view(&members));
        members.insert("$metadata".into(), metadata.expect("dates, numbers and objects of them are JSON"));
        self.versioned(members)
    }

    fn versioned(&self, mut members: Object) -> Object {
        members.insert("$version".into(), self.version.into());
        members
    }
}

/// Members of a [`Twin`](crate::Twin) that is only written, borrowed from where they are kept.
#[derive(Clone, Copy, Debug)]
pub enum WrittenMembers<'a> {
    /// As they are.
    Plain(&'a Object),
    /// As a back end sees them: with `$metadata` and `$version`.
    Section(&'a Section),
}

impl Serialize for WrittenMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(members) => members.serialize(serializer),
            Self::Section(Section { kind: _, version, properties, metadata }) => {
                let mut view = serializer.serialize_map(Some(properties.len() + 2))?;
                for (name, value) in properties {
                    view.serialize_entry(name, value)?;
                }
                view.serialize_entry("$metadata", &metadata.view(properties))?;
                view.serialize_entry("$version", version)?;
                view.end()
            }
        }
    }
}
