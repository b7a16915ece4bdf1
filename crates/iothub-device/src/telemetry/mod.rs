//! How messages to the cloud come from the application to the driver, and their outcomes back.

mod deadline;
mod delivery;
mod lane;
mod queue;
mod window;

pub(crate) use deadline::{Deadline, Earliest};
pub use delivery::{Delivery, EnqueueError};
pub(crate) use delivery::{Report, Unheard};
pub(crate) use lane::{Lane, LaneEntry, NoRoom, lane};
pub(crate) use queue::Outgoing;
pub(crate) use window::opens;
