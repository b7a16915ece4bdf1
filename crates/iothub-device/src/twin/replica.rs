use core::time::Duration;

use iothub_model::Violation;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::Twin;
use super::mirror::Mirrored;
use super::reporter::Reporter;
use super::snapshot::{TwinSnapshot, read, read_at};
use super::values::TwinValues;
use crate::error::SubscribeError;

/// A copy of the device's twin that is kept as the hub has it, and can be read at any time without waiting.
///
/// Made by [`Twin::replica`]; cheap to clone, and keeps the device connected. All replicas of a device are one copy. It
/// follows each change of the desired properties and each report of the device's that the hub has acknowledged, and while
/// the device is offline it is what it was. With each new connection the hub is asked for the whole. Where a change might
/// have replaced all that was there, which a hub does not tell from a patch, it is merged and the hub asked for the whole,
/// too.
///
/// A twin that breaks the limits of IoT Hub is not taken over: the replica stays as it was, and says so in
/// [`Self::changed`], until the hub tells a better one.
#[derive(Clone, Debug)]
pub struct Replica {
    twin: Twin,
    copy: watch::Receiver<Mirrored>,
    first: TwinSnapshot,
}

impl Replica {
    /// Waits for the first copy for as long as is left of that time.
    pub(super) async fn new(
        twin: Twin,
        mut copy: watch::Receiver<Mirrored>,
        (left, after): (Duration, Duration),
    ) -> Result<Self, ReplicaError> {
        let is_known = |copy: &Mirrored| copy.twin.is_some() || copy.fault.is_some() || copy.is_closed;
        let first = {
            let told = tokio::time::timeout(left, copy.wait_for(is_known)).await;
            let copy = told.map_err(|_| ReplicaError::TimedOut { after })?;
            let copy = copy.map_err(|_| ReplicaError::Closed)?;
            match (&copy.twin, &copy.fault) {
                (Some(twin), _) => twin.clone(),
                (None, Some(fault)) => return Err(fault.clone()),
                (None, None) => return Err(ReplicaError::Closed),
            }
        };
        Ok(Self { twin, copy, first })
    }

    /// The twin as it is known now.
    pub fn snapshot(&self) -> TwinSnapshot {
        self.copy.borrow().twin.as_ref().unwrap_or(&self.first).clone()
    }

    /// The desired properties, read as a type of the application's.
    ///
    /// # Errors
    ///
    /// When they are not what `T` reads.
    pub fn desired<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read(self.snapshot().desired())
    }

    /// The desired property at that place, such as `/mode/night` (a JSON pointer, RFC 6901); `None` if there is none.
    ///
    /// # Errors
    ///
    /// When it is not what `T` reads.
    pub fn desired_at<T: DeserializeOwned>(&self, pointer: &str) -> Result<Option<T>, serde_json::Error> {
        read_at(self.snapshot().desired(), pointer)
    }

    /// The reported properties, read as a type of the application's.
    ///
    /// # Errors
    ///
    /// When they are not what `T` reads.
    pub fn reported<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read(self.snapshot().reported())
    }

    /// The reported property at that place, as for [`Self::desired_at`].
    ///
    /// # Errors
    ///
    /// When it is not what `T` reads.
    pub fn reported_at<T: DeserializeOwned>(&self, pointer: &str) -> Result<Option<T>, serde_json::Error> {
        read_at(self.snapshot().reported(), pointer)
    }

    /// Waits until the twin is another than when this handle was made, or this returned last, and returns it. Cancel-safe.
    ///
    /// Of changes that follow each other quickly the last is returned; for each of them there is
    /// [`Twin::desired_changes`].
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Closed`] from when the device is closed. [`ReplicaError::Unfit`] and
    /// [`ReplicaError::Malformed`] once for each such twin; the replica stays as it was.
    pub async fn changed(&mut self) -> Result<TwinSnapshot, ReplicaError> {
        if !self.copy.borrow().is_closed {
            self.copy.changed().await.map_err(|_| ReplicaError::Closed)?;
        }
        let copy = self.copy.borrow_and_update();
        match (&copy.fault, copy.is_closed) {
            (_, true) => Err(ReplicaError::Closed),
            (Some(fault), false) => Err(fault.clone()),
            (None, false) => Ok(copy.twin.as_ref().unwrap_or(&self.first).clone()),
        }
    }

    /// The desired property at that place (a JSON pointer, RFC 6901; empty for all of them): as it is, and then whenever
    /// it is another.
    pub fn desired_values<T: DeserializeOwned>(&self, pointer: impl Into<String>) -> TwinValues<T> {
        TwinValues::new(self.copy.clone(), pointer.into())
    }

    /// A reporter that sends only what differs from the reported properties of this replica, and nothing where nothing
    /// does; otherwise as [`Twin::reporter`].
    pub fn reporter(&self) -> Reporter {
        Reporter::new(self.twin.clone(), Some(self.copy.clone()))
    }
}

/// Why there is no replica, or why it is not as the hub has the twin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// The hub does not tell the device of changes.
    #[error(transparent)]
    NotTold(#[from] SubscribeError),
    /// The twin did not come in time.
    #[error("no twin within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The hub told something else than a twin.
    #[error("not a twin: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The hub told more than IoT Hub lets a twin be: 32 KiB each for desired and reported properties, 10 levels.
    #[error("a twin that no hub may have: {0}")]
    Unfit(#[from] Violation),
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

impl ReplicaError {
    /// Most characters of what is wrong that are kept: it may repeat what was told.
    const REASON_MAX: usize = 256;

    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        Self::Malformed { reason: error.to_string().chars().take(Self::REASON_MAX).collect() }
    }

    pub(super) fn without_version() -> Self {
        Self::Malformed { reason: "it has no version".to_owned() }
    }
}
