use std::collections::BTreeSet;

use iothub_model::{DeviceJobStatistics, JobResponse, JobStatus};
use iothub_proto::{Instant, Timestamp};

use crate::jobs::devices::{Devices, Progress};
use crate::jobs::order::{JobOrder, Work};
use crate::jobs::step::{JobEnd, StatedJob};
use crate::registry::Key;
use crate::twin::date;

/// A job, from when it is taken in until it is forgotten.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(super) order: JobOrder,
    /// When it began, in milliseconds since 1970.
    pub(super) started_ms: Option<u64>,
    /// Whether its devices are all found.
    pub(super) found: bool,
    /// The last of the registry that was looked at.
    pub(super) reached: Option<String>,
    pub(super) devices: Devices,
    pub(super) ended: Option<JobEnd>,
    /// What the order takes, in bytes.
    pub(super) order_len: usize,
    // What follows is not recorded: after a restart it is as it is at first.
    /// The first device that was not looked at.
    pub(super) next: u32,
    /// Devices before that one whose turn has come since.
    pub(super) ready: BTreeSet<u32>,
    /// When it is to be looked at.
    pub(super) armed: Option<Instant>,
}

/// What there is to be done about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not begun.
    Waiting,
    /// Its devices are looked for.
    Finding,
    /// Its devices are gone through.
    Working,
    /// It has ended.
    Ended,
}

impl Job {
    pub(super) fn new(order: JobOrder) -> Self {
        Self {
            order_len: order.len(),
            order,
            started_ms: None,
            found: false,
            reached: None,
            devices: Devices::default(),
            ended: None,
            next: 0,
            ready: BTreeSet::new(),
            armed: None,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match (&self.ended, self.started_ms) {
            (Some(_), _) => Stage::Ended,
            (None, None) => Stage::Waiting,
            (None, Some(_)) if self.found => Stage::Working,
            (None, Some(_)) => Stage::Finding,
        }
    }

    pub(crate) const fn order(&self) -> &JobOrder {
        &self.order
    }

    pub(crate) fn status(&self, now: Timestamp) -> JobStatus {
        match (&self.ended, self.stage()) {
            (Some(end), _) => end.status,
            (None, Stage::Waiting) if self.order.from_ms > now.as_millis() => JobStatus::Scheduled,
            (None, Stage::Waiting) => JobStatus::Queued,
            (None, Stage::Finding | Stage::Working | Stage::Ended) => JobStatus::Running,
        }
    }

    /// Until when it may go on, in milliseconds since 1970, once it has begun.
    pub(super) fn until_ms(&self) -> Option<u64> {
        Some(self.started_ms?.saturating_add(self.order.time_s.saturating_mul(1000)))
    }

    /// Milliseconds since it began.
    pub(super) fn elapsed(&self, at_ms: u64) -> u32 {
        let elapsed = at_ms.saturating_sub(self.started_ms.unwrap_or(at_ms));
        u32::try_from(elapsed).unwrap_or(u32::MAX)
    }

    /// How many devices are how far: of a job that has ended, those that it did not come to have failed.
    pub(crate) fn statistics(&self) -> DeviceJobStatistics {
        let counts = self.devices.statistics();
        match self.ended {
            None => counts,
            Some(_) => DeviceJobStatistics {
                failed_count: counts.failed_count + counts.running_count + counts.pending_count,
                running_count: 0,
                pending_count: 0,
                ..counts
            },
        }
    }

    /// As back ends are told of it. Takes as long with many devices as with few.
    pub(crate) fn response(&self, now: Timestamp) -> JobResponse {
        let at = |ms: u64| date(Timestamp::from_millis(ms));
        let (method, twin) = match &self.order.work {
            Work::Method(invocation) => (Some(invocation.clone()), None),
            Work::Twin(update) => (None, Some(update.clone())),
        };
        JobResponse {
            job_id: self.order.id.clone(),
            kind: self.order.kind(),
            status: self.status(now),
            query_condition: Some(self.order.condition.clone()),
            created_time: Some(at(self.order.created_ms)),
            start_time: Some(at(self.started_ms.unwrap_or(self.order.from_ms))),
            end_time: self.ended.as_ref().map(|end| at(end.at_ms)),
            max_execution_time_in_seconds: i64::try_from(self.order.time_s).ok(),
            cloud_to_device_method: method,
            update_twin: twin,
            failure_reason: self.ended.as_ref().and_then(|end| end.reason.clone()),
            status_message: None,
            device_job_statistics: Some(self.statistics()),
        }
    }

    /// What of it is kept in bytes, but for the devices.
    pub(super) fn len(&self) -> usize {
        self.order_len + self.devices.results_len()
    }

    /// All of it but for the devices.
    pub(super) fn stated(&self) -> StatedJob {
        StatedJob {
            order: self.order.clone(),
            started_ms: self.started_ms,
            found: self.found,
            reached: self.reached.clone(),
            ended: self.ended.clone(),
        }
    }

    pub(super) fn set(&mut self, stated: StatedJob) {
        let StatedJob { order, started_ms, found, reached, ended } = stated;
        (self.order_len, self.order) = (order.len(), order);
        (self.started_ms, self.found, self.reached, self.ended) = (started_ms, found, reached, ended);
    }

    pub(crate) fn device_count(&self) -> u32 {
        self.devices.len()
    }

    /// How far it is with the device at that place.
    pub(crate) fn progress(&self, slot: u32) -> Progress {
        self.devices.progress(slot)
    }

    /// The device or module at that place.
    pub(crate) fn key(&self, slot: u32) -> Key {
        self.devices.key(slot)
    }

    /// The first place of which the name does not come before this one.
    pub(crate) fn first_at(&self, key: &Key) -> u32 {
        self.devices.lower_bound(key)
    }

    pub(crate) const fn started_ms(&self) -> Option<u64> {
        self.started_ms
    }

    pub(crate) const fn end(&self) -> Option<&JobEnd> {
        self.ended.as_ref()
    }
}
