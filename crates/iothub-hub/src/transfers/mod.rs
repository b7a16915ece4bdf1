//! The whole registry, to a file and from one: what the hub decides about it, while somebody else has the files.
//!
//! A part at a time: the hub says what is to be written or that it wants to read, as a [`TransferStep`], and goes on when
//! it is told what came of that, as [`Transferred`]. One transfer runs at a time.

mod moving;
mod step;
mod table;

pub use step::{TransferPlace, TransferStep, Transferred};

pub(crate) use table::Transfers;
