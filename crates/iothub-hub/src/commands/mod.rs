//! Commands: what waits for devices, how it is delivered, and what becomes of it.

mod dead_letters;
mod delivery;
mod queue;
pub(crate) mod settings;

pub use dead_letters::DeadLetter;
pub(crate) use dead_letters::DeadLetters;
pub(crate) use queue::Queue;
pub use queue::QueuedCommand;
pub use settings::{CommandSettings, SettingOutOfRange};
