use serde::{Deserialize, Serialize};

use crate::limits::{check_json_len, check_patch, check_size};
use crate::{Object, Patch, Violation, merge};

/// A change to a section of a twin, or to its tags.
///
/// The members `$metadata`, `$version` and `$etag` at its root are ignored: clients that read a section,
/// change it and send it back send them along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Update {
    /// A merge patch: what it does not mention stays.
    Merge(Object),
    /// Takes the place of everything.
    Replace(Object),
    /// Removes everything.
    Clear,
}

impl Update {
    /// What a patch of the twin means for this part of it: nothing if it is not mentioned.
    pub fn from_patch(patch: Patch<Object>) -> Option<Self> {
        match patch {
            Patch::Absent => None,
            Patch::Null => Some(Self::Clear),
            Patch::Value(patch) => Some(Self::Merge(patch)),
        }
    }

    /// What a replacement of the twin means for this part of it: if it is not mentioned, it is emptied.
    pub fn from_replacement(replacement: Patch<Object>) -> Self {
        match replacement {
            Patch::Absent | Patch::Null => Self::Replace(Object::new()),
            Patch::Value(replacement) => Self::Replace(replacement),
        }
    }

    /// The same without the members that are ignored.
    pub(crate) fn without_reserved(mut self) -> Self {
        match &mut self {
            Self::Merge(members) | Self::Replace(members) => {
                members.retain(|name, _| !matches!(name.as_str(), "$metadata" | "$version" | "$etag"));
            }
            Self::Clear => {}
        }
        self
    }

    /// What `current` becomes, if that amounts to at most `size_max` bytes and keeps to the other rules.
    pub(crate) fn applied_to(&self, current: &Object, size_max: usize) -> Result<Object, Violation> {
        let (mut next, patch) = match self {
            Self::Merge(patch) => (current.clone(), patch),
            // As a patch of nothing, so that `null` leaves nothing behind here either.
            Self::Replace(replacement) => (Object::new(), replacement),
            Self::Clear => return Ok(Object::new()),
        };
        check_patch(patch)?;
        merge(&mut next, patch);
        check_size(&next, size_max)?;
        check_json_len(patch)?;
        check_json_len(&next)?;
        Ok(next)
    }
}
