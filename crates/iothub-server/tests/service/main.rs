//! The service client against a hub in this process: each group of operations, as a back end uses it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod fleet;
mod identities;
mod refusing;
mod site;
