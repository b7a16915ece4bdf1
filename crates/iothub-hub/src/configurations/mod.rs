//! Configurations: what a hub sets by itself in the twins of all devices or modules that meet a condition.
//!
//! A device is looked at when it changes, all of them, a slice at a time, when a configuration does. What was found for
//! it, [`Assigned`], is recorded with it; a twin is edited only where that becomes another. What is still to be done is
//! not recorded: a hub that starts again looks at everybody once.

mod assigned;
mod content;
mod counting;
mod evaluation;
mod kept;
mod overlay;
mod store;
mod sweep;

pub(crate) use assigned::document;
pub use assigned::{Assigned, Assignment, AssignmentStatus};
pub(crate) use content::{Content, Kind, Unfit};
pub use kept::KeptConfiguration;
pub(crate) use store::{Active, Configurations, METRICS_MAX, collection};
