//! The client against servers that have no manners. Against a hub it is tried where the server is, in `iothub-server`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod bulk;
mod clock;
mod editing;
mod files;
mod jobs;
mod operations;
mod paging;
mod retrying;
mod rogue;
