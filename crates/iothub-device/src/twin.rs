use bytes::Bytes;
use iothub_codec::Channels;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::device::Device;
use crate::error::{SubscribeError, TwinError};
use crate::lanes::{Ask, Report};
use crate::outcome::{Done, operation};

/// The device's twin: what the back end wants of it, and what it reports.
///
/// Made by [`Device::twin`]; cheap to clone, and keeps the device connected.
#[derive(Clone, Debug)]
pub struct Twin {
    device: Device,
}

impl Twin {
    /// Longest patch, in bytes: as much as fits into one packet beside its topic.
    pub const PATCH_LEN_MAX: usize = 255 * 1024;

    pub(crate) fn new(device: Device) -> Self {
        Self { device }
    }

    /// Asks the hub for the whole twin. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`TwinError`].
    pub async fn get(&self) -> Result<TwinDocument, TwinError> {
        let body = self.ask(|deadline, done| Ask::Twin { deadline, done }).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Changes the reported properties, and returns their new version where the hub says it.
    ///
    /// `patch` is a JSON merge patch: members that are `null` are removed. Dropped before it returns, the
    /// change may or may not happen.
    ///
    /// # Errors
    ///
    /// [`TwinError`].
    pub async fn report(&self, patch: &impl Serialize) -> Result<Option<u64>, TwinError> {
        self.report_raw(serde_json::to_vec(patch)?, None).await
    }

    /// As [`Self::report`], but only if the reported properties are at exactly that version.
    ///
    /// # Errors
    ///
    /// [`TwinError`]; with [`TwinError::Refused`] the version was another.
    pub async fn report_if_version(
        &self,
        version: u64,
        patch: &impl Serialize,
    ) -> Result<Option<u64>, TwinError> {
        self.report_raw(serde_json::to_vec(patch)?, Some(version)).await
    }

    /// As [`Self::report`] or [`Self::report_if_version`], with text that is JSON already.
    ///
    /// # Errors
    ///
    /// [`TwinError`].
    pub async fn report_raw(
        &self,
        patch: impl Into<Bytes>,
        if_version: Option<u64>,
    ) -> Result<Option<u64>, TwinError> {
        let patch = patch.into();
        if patch.len() > Self::PATCH_LEN_MAX {
            return Err(TwinError::TooLarge { size: patch.len(), limit: Self::PATCH_LEN_MAX });
        }
        let report = Report { patch, if_version };
        self.ask(|deadline, done| Ask::Report { report, deadline, done }).await
    }

    /// Listens to changes of the desired properties, from when this returns.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub async fn desired_changes(&self) -> Result<DesiredChanges, SubscribeError> {
        let changes = self.device.inboxes().listen().ok_or(SubscribeError::Closed)?;
        self.device.subscribe(Channels::DESIRED).await?;
        Ok(DesiredChanges { changes })
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(iothub_proto::Instant, Done<T, TwinError>) -> Ask,
    ) -> Result<T, TwinError> {
        let after = self.device.timeout();
        let (done, outcome) = operation();
        let ask = ask(self.device.clock().now().after(after), done);
        outcome.within(after, self.device.entries().asks.send(ask)).await
    }
}

/// Both halves of a twin, with their `$version` members.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TwinDocument {
    /// What the back end wants.
    pub desired: Value,
    /// What the device has reported.
    pub reported: Value,
}

impl TwinDocument {
    /// The version of the desired properties, to be compared with [`DesiredChange::version`].
    pub fn desired_version(&self) -> Option<u64> {
        self.desired.get("$version").and_then(Value::as_u64)
    }

    /// The version of the reported properties.
    pub fn reported_version(&self) -> Option<u64> {
        self.reported.get("$version").and_then(Value::as_u64)
    }
}

/// Changes of the desired properties, as they come.
///
/// Made by [`Twin::desired_changes`]. It does not keep the device connected. Changes that happen while the
/// device is offline are not sent later, and of one that does not keep up the oldest are dropped: where a
/// version does not follow the one before, [`Twin::get`] tells what was missed.
#[derive(Debug)]
pub struct DesiredChanges {
    changes: broadcast::Receiver<DesiredChange>,
}

impl DesiredChanges {
    /// Waits for the next change; `None` when the device is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<DesiredChange> {
        loop {
            match self.changes.recv().await {
                Ok(change) => return Some(change),
                // The gap shows in the versions.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// One change of the desired properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredChange {
    /// The version of the desired properties with this change.
    pub version: u64,
    /// The change: a JSON merge patch.
    pub patch: Bytes,
}

impl DesiredChange {
    /// The change, read as JSON.
    ///
    /// # Errors
    ///
    /// When it is not what `T` reads.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.patch)
    }
}
