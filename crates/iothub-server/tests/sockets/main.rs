//! The hub on real sockets, with real clients of every kind.

#![allow(clippy::unwrap_used, reason = "these are all tests")]

mod certificates;
mod dialects;
mod filing;
#[cfg(unix)]
mod full_disk;
mod keeping;
mod logging;
mod neighbours;
mod peers;
mod provisioning;
mod reading;
mod refusing;
mod serving;
mod transferring;
mod watching;
