//! What jobs did with each device, as queries see it.

use core::ops::Bound;

use iothub_model::{
    DeviceJob, DeviceJobError, DeviceJobOutcome, DeviceJobStatus, ErrorCode, JobStatus, MethodResult,
};
use iothub_proto::Timestamp;
use iothub_query::{Constraint, ConstraintKind, Datum, Document, Literal, Path, Query, Root, Source};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::hub::Hub;
use crate::jobs::{DeviceResult, Job, JobEnd, Progress};
use crate::registry::{Key, Registry};
use crate::rest::query::{LEN_MAX, Page, Place};
use crate::twin::date;

impl Hub {
    /// Looks at one device of one job after the other, from where the page before ended. Other jobs than those that the
    /// condition names are passed over, and so are other devices.
    pub(super) fn scanned_jobs(&self, query: &Query, mut place: Place, rows_max: usize) -> Page {
        let asked = Asked::of(query);
        let top = query.top.unwrap_or(u64::MAX);
        let (mut page, mut len, mut looked_at) = (Page::default(), 0, 0);
        let (mut number, mut slot) = place.job.take().unwrap_or_default();
        loop {
            let job = self.jobs.get(number).filter(|job| asked.names(job) && slot < job.device_count());
            let Some((job, at)) = job.and_then(|job| Some((job, asked.slot(job, slot)?))) else {
                match self.next_job(&asked, number) {
                    Some(next) => (number, slot) = (next, 0),
                    None => break,
                }
                continue;
            };
            if place.given >= top {
                break;
            }
            if page.rows.len() >= rows_max || len >= LEN_MAX || looked_at >= Registry::LOOKED_AT_MAX {
                place.job = Some((number, at));
                page.next = Some(place);
                break;
            }
            (slot, looked_at) = (at + 1, looked_at + 1);
            let row = JobRow { job, slot: at };
            if query.selects(&row) {
                let row = query.row(&row).to_string().into_bytes();
                len += row.len();
                page.rows.push(row);
                place.count_one();
            }
        }
        page
    }

    /// The next job behind that number that is asked for.
    fn next_job(&self, asked: &Asked, number: u64) -> Option<u64> {
        let numbers = asked.jobs.as_ref().map(|ids| ids.iter().filter_map(|id| self.jobs.number(id)));
        match numbers {
            Some(numbers) => numbers.filter(|each| *each > number).min(),
            None => self.jobs.behind(number).next().map(|(number, _)| number),
        }
    }
}

/// The jobs and the device that a condition names, if it does.
struct Asked {
    jobs: Option<Vec<String>>,
    device: Option<String>,
}

impl Asked {
    fn of(query: &Query) -> Self {
        let constraints =
            query.condition.as_ref().map(iothub_query::Condition::constraints).unwrap_or_default();
        let named = |column: &str| constraints.iter().find_map(|constraint| texts(constraint, column));
        let device = named("deviceId").filter(|names| names.len() == 1).and_then(|mut names| names.pop());
        Self { jobs: named("jobId"), device }
    }

    fn names(&self, job: &Job) -> bool {
        self.jobs.as_ref().is_none_or(|ids| ids.contains(&job.order().id))
    }

    /// The first place from this one on that is worth looking at.
    fn slot(&self, job: &Job, from: u32) -> Option<u32> {
        let Some(device) = &self.device else { return Some(from) };
        let first = job.first_at(&Key { device: device.clone(), module: None }).max(from);
        (first < job.device_count() && job.key(first).device == *device).then_some(first)
    }
}

/// The texts to one of which a column is equal in every row that is selected.
fn texts(constraint: &Constraint, column: &str) -> Option<Vec<String>> {
    match (constraint.path.root(), constraint.path.steps()) {
        (Root::Name(name), []) if name.as_str() == column => {}
        _ => return None,
    }
    let text = |literal: &Literal| match literal {
        Literal::Text(text) => Some(text.clone()),
        Literal::Null | Literal::Bool(_) | Literal::Number(_) => None,
    };
    match &constraint.kind {
        ConstraintKind::Equal(literal) => Some(text(literal).into_iter().collect()),
        ConstraintKind::OneOf(literals) => Some(literals.iter().filter_map(text).collect()),
        ConstraintKind::Range {
            lower: Bound::Included(_) | Bound::Excluded(_) | Bound::Unbounded, ..
        }
        | ConstraintKind::Prefix(_)
        | ConstraintKind::Defined => None,
    }
}

/// How far a job is with one device.
struct JobRow<'j> {
    job: &'j Job,
    slot: u32,
}

impl Source for JobRow<'_> {
    fn resolve(&self, path: &Path) -> Datum<'_> {
        let Root::Name(root) = path.root() else { return Datum::Undefined };
        match (root.as_str(), path.steps()) {
            ("jobId", []) => Datum::from(self.job.order().id.as_str()),
            ("jobType", []) => Datum::from(self.job.order().kind().as_str()),
            ("status", []) => Datum::from(self.status().as_str()),
            _ => match self.document().resolve(path).into_value() {
                Some(value) => Datum::from(value),
                None => Datum::Undefined,
            },
        }
    }
}

impl Document for JobRow<'_> {
    fn document(&self) -> Value {
        serde_json::to_value(self.device_job()).expect("rows have text for keys, all that can fail")
    }
}

impl JobRow<'_> {
    fn status(&self) -> DeviceJobStatus {
        match (self.job.progress(self.slot), self.job.end().map(|end| end.status)) {
            (Progress::Done { result, .. }, _) if result.is_success() => DeviceJobStatus::Completed,
            (Progress::Done { .. }, _) => DeviceJobStatus::Failed,
            (_, Some(JobStatus::Cancelled)) => DeviceJobStatus::Canceled,
            (_, Some(_)) => DeviceJobStatus::Failed,
            (Progress::Pending, None) => DeviceJobStatus::Pending,
            (Progress::Running { .. }, None) => DeviceJobStatus::Running,
        }
    }

    fn device_job(&self) -> DeviceJob {
        let job = self.job;
        let at = |ms: u64| date(Timestamp::from_millis(ms));
        let started_ms = job.started_ms().unwrap_or(job.order().from_ms);
        let after = |elapsed: u32| at(started_ms.saturating_add(elapsed.into()));
        let job_ended = job.end().map(|end| at(end.at_ms));
        let Key { device, module } = job.key(self.slot);
        let (began, ended, outcome, error) = match job.progress(self.slot) {
            Progress::Pending => (None, job_ended, None, job.end().map(|end| left_out(end, ""))),
            Progress::Running { began } => {
                let error = job.end().map(|end| left_out(end, "; the device may have executed the method"));
                (Some(after(began)), job_ended, None, error)
            }
            Progress::Done { began, ended, result } => {
                let (outcome, error) = told(result);
                (Some(after(began)), Some(after(ended)), outcome, error)
            }
        };
        DeviceJob {
            device_id: device,
            module_id: module,
            job_id: job.order().id.clone(),
            job_type: job.order().kind(),
            status: self.status(),
            start_time_utc: began,
            end_time_utc: ended,
            created_date_time_utc: Some(at(started_ms)),
            last_updated_date_time_utc: Some(ended.or(began).unwrap_or(at(started_ms))),
            outcome,
            error,
        }
    }
}

fn told(result: DeviceResult) -> (Option<DeviceJobOutcome>, Option<DeviceJobError>) {
    match result {
        DeviceResult::Updated => (Some(DeviceJobOutcome::default()), None),
        DeviceResult::Answered { status, payload } => {
            let kept = payload.and_then(|json| RawValue::from_string(json).ok());
            let not_kept = || {
                error(ErrorCode::JobQuotaExceeded, "the hub had no room for the payload of the answer".into())
            };
            let left_out = kept.is_none().then(not_kept);
            let payload = kept.unwrap_or_else(|| RawValue::NULL.to_owned());
            let response = Some(MethodResult { status, payload });
            (Some(DeviceJobOutcome { device_method_response: response }), left_out)
        }
        DeviceResult::Failed { code, description } => {
            let code =
                ErrorCode::from_number(code).map_or_else(|| code.to_string(), |code| code.name().to_owned());
            (None, Some(DeviceJobError { code, description }))
        }
    }
}

/// Why a job that has ended is not done with a device.
fn left_out(end: &JobEnd, addition: &str) -> DeviceJobError {
    let (code, why) = match end.status {
        JobStatus::Cancelled => (ErrorCode::JobCancelled, "the job was cancelled before"),
        JobStatus::Failed => (ErrorCode::JobRunPreconditionFailed, "the job could not be done"),
        JobStatus::Completed
        | JobStatus::Unknown
        | JobStatus::Queued
        | JobStatus::Enqueued
        | JobStatus::Scheduled
        | JobStatus::Running => (ErrorCode::GenericTimeout, "the time of the job was over before"),
    };
    error(code, format!("{why}{addition}"))
}

fn error(code: ErrorCode, description: String) -> DeviceJobError {
    DeviceJobError { code: code.name().to_owned(), description }
}
