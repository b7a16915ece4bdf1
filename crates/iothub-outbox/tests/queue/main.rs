//! The outbox as its users see it, on real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod caps;
mod crash;
mod order;
mod scratch;
