//! Those who hold conversations.

mod application;
mod back_end;
mod clock;
mod device;
mod hub;
mod server;
mod session;
mod wire;

use core::time::Duration;

use tokio::runtime::Runtime;

use crate::conversation::Conversation;
use crate::player::{Difference, NAMES, Player, Trouble, play};
use device::DevicePlayer;
use hub::HubPlayer;
use server::{Dial, ServerPlayer};
use session::SessionPlayer;

/// Players, ready to hold one conversation after the other. Each conversation finds a hub in which nothing has
/// happened.
#[derive(Debug)]
pub struct Players {
    names: Vec<&'static str>,
    /// There if the server is among them, by either door.
    runtime: Option<Runtime>,
}

/// What came of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went as it is written.
    Passed,
    /// It did not.
    Failed(Difference),
    /// The conversation says that this player cannot hold it.
    NotFor,
}

/// A name that is no player's, or nothing to run the server on.
#[derive(Debug, thiserror::Error)]
pub enum NoPlayer {
    /// No player has that name.
    #[error("there is no player {0:?}; there are {all}", all = NAMES.join(", "))]
    Unknown(String),
    /// The server needs threads.
    #[error("threads for the server: {0}")]
    Threads(#[source] std::io::Error),
}

/// The player that is the server by its other door.
const WEBSOCKET: &str = "websocket";
/// How long the server is waited for at its end.
const STOPPING: Duration = Duration::from_secs(5);

impl Players {
    /// Those of these names, or all for none.
    ///
    /// # Errors
    ///
    /// [`NoPlayer`].
    pub fn new(names: &[&str]) -> Result<Self, NoPlayer> {
        if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
            return Err(NoPlayer::Unknown((*unknown).to_owned()));
        }
        let wanted = |name: &&str| names.is_empty() || names.contains(name);
        let names: Vec<&'static str> = NAMES.into_iter().filter(wanted).collect();
        let on_sockets = names.iter().any(|name| ["server", WEBSOCKET].contains(name));
        let runtime = on_sockets.then(Runtime::new).transpose().map_err(NoPlayer::Threads)?;
        Ok(Self { names, runtime })
    }

    /// Their names, in the order of the outcomes of [`Self::play`].
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Has each of them hold the conversation.
    pub fn play(&mut self, conversation: &Conversation) -> Vec<Outcome> {
        self.names.iter().map(|name| self.play_one(name, conversation)).collect()
    }

    fn play_one(&self, name: &str, conversation: &Conversation) -> Outcome {
        // What is on the WebSocket is the server, too.
        let excused = |each: &str| each == name || (each == "server" && name == WEBSOCKET);
        if conversation.not_for.iter().any(|(each, _)| excused(each)) {
            return Outcome::NotFor;
        }
        let played = self.player(name, conversation).map_err(|Trouble(got)| {
            let line = conversation.steps.first().map_or(0, |step| step.line);
            Difference { line, wanted: "the beginning".to_owned(), got }
        });
        match played.and_then(|mut player| play(conversation, player.as_mut())) {
            Ok(()) => Outcome::Passed,
            Err(difference) => Outcome::Failed(difference),
        }
    }

    fn player<'a>(
        &'a self,
        name: &str,
        conversation: &'a Conversation,
    ) -> Result<Box<dyn Player + 'a>, Trouble> {
        Ok(match (name, &self.runtime) {
            ("device", _) => Box::new(DevicePlayer::new(conversation)?),
            ("session", _) => Box::new(SessionPlayer::new(conversation)?),
            ("server", Some(runtime)) => Box::new(ServerPlayer::start(runtime, conversation, Dial::Tcp)?),
            (WEBSOCKET, Some(runtime)) => {
                Box::new(ServerPlayer::start(runtime, conversation, Dial::WebSocket)?)
            }
            _ => Box::new(HubPlayer::new(conversation)?),
        })
    }
}

impl Drop for Players {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOPPING);
        }
    }
}
