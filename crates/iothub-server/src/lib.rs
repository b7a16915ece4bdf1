//! To be written.
#![allow(dead_code)]
mod authority;
mod clock;
mod folder;
mod journal;
mod ready;
mod runtime;
#[cfg(test)]
mod scratch;
mod tls;
pub use journal::JournalError;
pub use ready::{NotFound, Ready, Urls};
