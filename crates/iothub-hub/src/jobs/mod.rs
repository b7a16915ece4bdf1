//! Work on many devices at once: calls of a method, or changes of twins.
//!
//! A job is taken in, waits for its time and for room among those that run, looks for its devices, and goes through
//! them, a part at a time. Each step is a [`JobStep`], so that a hub that is killed goes on where it had come to. What a
//! device was begun with and has no recorded end is not begun with again.

mod calling;
mod changing;
mod devices;
mod finding;
mod job;
mod limits;
mod order;
mod result;
mod results;
mod running;
mod slots;
mod stating;
mod step;
mod table;

pub use order::{JobOrder, Work};
pub use result::DeviceResult;
pub use slots::Slots;
pub use step::{JobEnd, JobStep, StatedDevice, StatedJob};

pub(crate) use calling::JobCall;
pub(crate) use devices::Progress;
pub(crate) use job::Job;
pub(crate) use limits::{ID_MAX, TIME_MAX_S, TIME_USUAL_S};
pub(crate) use stating::StatingJobs;
pub(crate) use table::Jobs;
