//! The whole registry, to a file and from one: what the hub decides about it, while somebody else has the files.
//!
//! A part at a time: the hub says what is to be written or that it wants to read, as a [`TransferStep`], and goes on when
//! it is told what came of that, as [`Transferred`]. One transfer runs at a time. One that ran when the hub ended goes on when
//! it begins again: an import behind the lines that were done, an export from its beginning.

mod moving;
mod progress;
mod step;
mod table;

pub use progress::ImportProgress;
pub use step::{TransferPlace, TransferResumed, TransferStep, Transferred};

pub(crate) use table::Transfers;
