use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;

use crate::lanes::{Ask, ConnectionNumber, Entry};

/// What the back end wants of the device, as it comes: first the desired properties as they are, then each change.
///
/// Made by [`Twin::desired_changes`](crate::Twin::desired_changes). It does not keep the device connected. Nothing is
/// missed, and nothing comes twice or in disorder: a [`DesiredUpdate::Patch`] always follows the version before it, and
/// where changes could not be told, because the device was offline or the application did not keep up, a
/// [`DesiredUpdate::Whole`] takes the place of them all.
#[derive(Debug)]
pub struct DesiredChanges {
    updates: broadcast::Receiver<Told>,
    asks: Entry<Ask>,
    position: Position,
}

/// What came over which connection.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) connection: ConnectionNumber,
    pub(crate) update: DesiredUpdate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// The application knows this version, told over that connection.
    Follows { connection: ConnectionNumber, version: u64 },
    /// It knows nothing, or too little; the whole is on its way.
    Waits,
    /// It has missed something, and nobody knows yet.
    Lost,
}

impl DesiredChanges {
    /// The whole is on its way.
    pub(crate) fn new(updates: broadcast::Receiver<Told>, asks: Entry<Ask>) -> Self {
        Self { updates, asks, position: Position::Waits }
    }

    /// Waits for the next update; `None` when the device is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<DesiredUpdate> {
        loop {
            if self.position == Position::Lost {
                // When the device is closed, that is what comes next.
                let _ = self.asks.send(Ask::TellDesired).await;
                self.position = Position::Waits;
            }
            let Told { connection, update } = match self.updates.recv().await {
                Ok(told) => told,
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.position = Position::Lost;
                    continue;
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            let next = Position::Follows { connection, version: update.version() };
            match (&update, self.position) {
                // Told once more because somebody else has asked.
                (DesiredUpdate::Whole { .. }, now) if now == next => continue,
                // Contained in the whole that is on its way.
                (DesiredUpdate::Patch { .. }, Position::Waits | Position::Lost) => continue,
                (DesiredUpdate::Whole { .. }, _)
                | (DesiredUpdate::Patch { .. }, Position::Follows { .. }) => {}
            }
            self.position = next;
            return Some(update);
        }
    }
}

/// What the device is told of the desired properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredUpdate {
    /// They are this, whatever was told before.
    Whole {
        /// Their version.
        version: u64,
        /// All of them: a JSON object, `$version` among its members.
        properties: Bytes,
    },
    /// They have changed. A back end that has replaced all of them is told of in the same way, which then says nothing of
    /// what is gone: a [`Replica`](crate::Replica) finds that out.
    Patch {
        /// Their version with this change: the one after the version told before.
        version: u64,
        /// The change: a JSON merge patch.
        patch: Bytes,
    },
}

impl DesiredUpdate {
    /// The version of the desired properties from now on.
    pub fn version(&self) -> u64 {
        match self {
            Self::Whole { version, .. } | Self::Patch { version, .. } => *version,
        }
    }

    /// The properties or the patch, read as JSON. For an application that acts on each member as it comes there is no
    /// difference.
    ///
    /// # Errors
    ///
    /// When it is not what `T` reads.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self {
            Self::Whole { properties: text, .. } | Self::Patch { patch: text, .. } => {
                serde_json::from_slice(text)
            }
        }
    }
}
