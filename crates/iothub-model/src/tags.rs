use serde::{Deserialize, Serialize};

use crate::{Object, Update, Violation};

/// What a back end notes about a device; devices do not see it. Unlike a [`Section`](crate::Section) it has
/// no version and no dates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Object);

impl Tags {
    /// Most bytes that tags may amount to, counted as for [`Section::SIZE_MAX`](crate::Section::SIZE_MAX).
    pub const SIZE_MAX: usize = 8 * 1024;

    /// Makes one change.
    ///
    /// # Errors
    ///
    /// [`Violation`] if a rule about twins is not kept to. Nothing has changed then.
    pub fn apply(&mut self, update: Update) -> Result<(), Violation> {
        self.0 = update.without_reserved().applied_to(&self.0, Self::SIZE_MAX)?;
        Ok(())
    }

    /// The tags as they stand in the twin.
    pub const fn as_object(&self) -> &Object {
        &self.0
    }
}
