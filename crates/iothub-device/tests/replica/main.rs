//! Replicas and reporters against a whole hub in memory, in virtual time, over links that break.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod at_random;
mod chance;
mod replicas;
mod reporters;
