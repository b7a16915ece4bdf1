use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc};

use crate::lanes::Ask;

/// What the back end wants of the device, as it comes: first the desired properties as they are, then each change.
///
/// Made by [`Twin::desired_changes`](crate::Twin::desired_changes). It does not keep the device connected. Nothing is
/// missed, and nothing comes twice or in disorder: a [`DesiredUpdate::Patch`] always follows the version before it, and
/// where changes could not be told, because the device was offline or the application did not keep up, a
/// [`DesiredUpdate::Whole`] takes the place of them all.
#[derive(Debug)]
pub struct DesiredChanges {
    updates: broadcast::Receiver<DesiredUpdate>,
    asks: mpsc::Sender<Ask>,
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// The application knows the version told last.
    Follows,
    /// It knows nothing, or too little; the whole is on its way.
    Waits,
    /// It has missed something, and nobody knows yet.
    Lost,
}

impl DesiredChanges {
    /// The whole is on its way.
    pub(crate) fn new(updates: broadcast::Receiver<DesiredUpdate>, asks: mpsc::Sender<Ask>) -> Self {
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
            match (self.updates.recv().await, self.position) {
                (Ok(update @ DesiredUpdate::Whole { .. }), _) => {
                    self.position = Position::Follows;
                    return Some(update);
                }
                (Ok(update @ DesiredUpdate::Patch { .. }), Position::Follows) => return Some(update),
                // Contained in the whole that is on its way.
                (Ok(DesiredUpdate::Patch { .. }), Position::Waits | Position::Lost) => {}
                (Err(broadcast::error::RecvError::Lagged(_)), _) => self.position = Position::Lost,
                (Err(broadcast::error::RecvError::Closed), _) => return None,
            }
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
    /// They have changed.
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
