//! The device against a real hub, over TLS that rustls does on its behalf.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod clock;
mod network;
mod serving;
mod site;
