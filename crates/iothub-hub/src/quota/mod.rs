//! What a hub of a given edition allows: messages a day, and operations in a time.

mod bucket;
mod edition;
mod meter;

pub(crate) use edition::Operation;
pub use edition::{Edition, Sku, UnitsOutOfRange};
pub(crate) use meter::{Excess, Meter};
