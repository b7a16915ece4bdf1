mod desired;
mod document;
mod mirror;
mod replica;
mod reporter;
mod snapshot;
mod values;

use core::time::Duration;

use bytes::Bytes;
use iothub_codec::{Channels, TwinPart};
use serde::Serialize;
use tracing::Span;

use crate::device::Device;
use crate::error::{SubscribeError, TwinError};
use crate::lanes::{Ask, Report, Section};
use crate::outcome::{Done, operation};

pub use desired::{DesiredChanges, DesiredUpdate};
pub use document::{TwinDocument, TwinSection};
pub use replica::{Replica, ReplicaError};
pub use reporter::Reporter;
pub use snapshot::TwinSnapshot;
pub use values::TwinValues;

pub(crate) use desired::Told;
pub(crate) use document::RawSection;
pub(crate) use mirror::{Heard, Mirror, Mirrored};

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

    /// Asks the hub for the desired properties alone: `None` if they are still at `known_version`. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`TwinError`]; outside of `Dialect::Preview311` it is [`TwinError::NotExpressible`], and [`Self::get`] does it.
    pub async fn desired(&self, known_version: Option<u64>) -> Result<Option<TwinSection>, TwinError> {
        self.section(Section { part: TwinPart::Desired, known_version }).await
    }

    /// Asks the hub for the reported properties alone; otherwise as [`Self::desired`]. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`Self::desired`].
    pub async fn reported(&self, known_version: Option<u64>) -> Result<Option<TwinSection>, TwinError> {
        self.section(Section { part: TwinPart::Reported, known_version }).await
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
    /// [`TwinError`]; with [`TwinError::Refused`] and [`Status::PRECONDITION_FAILED`] the version was another.
    ///
    /// [`Status::PRECONDITION_FAILED`]: crate::Status::PRECONDITION_FAILED
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

    /// Listens to the desired properties: they come as they are now, and then each change.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub async fn desired_changes(&self) -> Result<DesiredChanges, SubscribeError> {
        let updates = self.device.inboxes().listen().ok_or(SubscribeError::Closed)?;
        self.device.subscribe(Channels::DESIRED).await?;
        Ok(DesiredChanges::new(updates, self.device.entries().asks.clone()))
    }

    /// A copy of the twin that is kept as the hub has it. Returns when the first has come.
    ///
    /// # Errors
    ///
    /// [`ReplicaError`].
    pub async fn replica(&self) -> Result<Replica, ReplicaError> {
        // Looked at before it is asked for, so that it is kept from then on.
        let copy = self.device.inboxes().look_at_twin();
        let began = self.device.clock().now();
        self.device.subscribe(Channels::DESIRED).await?;
        let after = self.timeout();
        let left = after.saturating_sub(self.device.clock().now().since(began));
        Replica::new(self.clone(), copy, (left, after)).await
    }

    /// Somebody who reports, and sends as one what comes faster than it is acknowledged.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time.
    pub fn reporter(&self) -> Reporter {
        Reporter::new(self.clone(), None)
    }

    /// How long an operation may take.
    fn timeout(&self) -> Duration {
        self.device.timeout()
    }

    /// Within which the tasks of the device are.
    fn span(&self) -> &Span {
        self.device.span()
    }

    /// Returns when the device is closed.
    async fn closed(&self) {
        self.device.inboxes().calls.closed().await;
    }

    async fn section(&self, section: Section) -> Result<Option<TwinSection>, TwinError> {
        let found = self.ask(|deadline, done| Ask::Section { section, deadline, done }).await?;
        let read = |RawSection { version, json }| {
            Ok(TwinSection { version, properties: serde_json::from_slice(&json)? })
        };
        found.map(read).transpose()
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(iothub_proto::Instant, Done<T, TwinError>) -> Ask,
    ) -> Result<T, TwinError> {
        let after = self.timeout();
        let (done, outcome) = operation();
        let ask = ask(self.device.clock().now().after(after), done);
        outcome.within(after, self.device.entries().asks.send(ask)).await
    }
}
