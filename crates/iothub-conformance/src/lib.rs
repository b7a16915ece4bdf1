//! Conversations between devices and hubs, as data, and players that hold them.
//!
//! A conversation says what a device and a hub send each other, what their applications do, and what these are told.
//! It names no implementation: the same file is played against the device's session, the hub's session, the whole hub
//! in memory, and the server over TLS. The files stand in `conversations/`, a folder a dialect; how they are written
//! is told there.
//!
//! ```
//! let conversations = iothub_conformance::read_all()?;
//! let mut players = iothub_conformance::Players::new(&["session"])?;
//! let played = players.play(&conversations[0]);
//! assert_eq!(played.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod comparison;
mod conversation;
mod credentials;
mod names;
mod packets;
mod player;
mod players;
mod reader;
mod vocabulary;

pub use conversation::{Actor, Conversation, Deed, Step};
pub use player::{Difference, NAMES};
pub use players::{NoPlayer, Outcome, Players};
pub use reader::{BadConversation, read, read_all};
