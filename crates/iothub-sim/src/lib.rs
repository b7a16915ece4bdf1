//! Devices and hubs in conversation over bad links, in virtual time.
//!
//! [`run`] plays one schedule: up to three pairs of a device or module and its hub, each a session of
//! `iothub-proto` on an endpoint of `iothub-mqtt` with a small application, and between them links that delay, stall, go
//! dark and break in the middle of a packet, while either end crashes, stands still and comes back. After a storm the
//! links become good, and then everything must come right. What must hold is a [`Property`]; what went wrong on the way is counted
//! as [`Faults`]. A number decides everything: the same number gives the same schedule.
//!
//! ```
//! let report = iothub_sim::run(7, None, false);
//! assert_eq!(report.broken, None);
//! assert!(report.packets > 0);
//! ```

mod aliasing;
mod chance;
mod crowd;
mod document;
mod fault;
mod fleet;
mod ledger;
mod link;
mod pair;

pub use crowd::{Beyond, Course, Crowd};
pub use fault::{Fault, Faults};
pub use fleet::{Report, run};
pub use ledger::{Broken, Property};
