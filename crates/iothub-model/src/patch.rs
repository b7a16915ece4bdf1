use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A member of a change: left alone, removed, or given a value.
///
/// A field of this type needs `#[serde(default, skip_serializing_if = "Patch::is_absent")]`, because only
/// the object around it can see that it is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The member is not mentioned, and what it names stays as it is.
    #[default]
    Absent,
    /// The member is `null`: what it names is removed.
    Null,
    /// The member has a value, and what it names takes it on.
    Value(T),
}

impl<T> Patch<T> {
    /// Whether nothing is to change.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}
