//! Jobs: taken in, told of, cancelled.

use iothub_codec::MethodCall;
use iothub_model::{
    Date, ErrorCode, IfMatch, JobRequest, JobResponse, JobStatus, JobType, MethodInvocation, TwinUpdate,
};
use iothub_proto::Now;
use iothub_query::{Collection, Condition, Literal};

use crate::call::METHOD_PAYLOAD_MAX;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::jobs::{ID_MAX, Job, JobOrder, TIME_MAX_S, TIME_USUAL_S, Work};
use crate::rest::path::Path;
use crate::rest::query::rows_max_of;
use crate::rest::registration::json;
use crate::rest::twins::merging;
use crate::rest::{Failure, Outcome};
use crate::twin::{Twin, TwinEdit};

impl Hub {
    pub(super) fn put_job(
        &mut self,
        now: Now,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let order = order(now, id, json(request.body)?)?;
        let number = self.create_job(now, order, effects)?;
        self.job_response(now, number)
    }

    pub(super) fn get_job(&self, now: Now, id: &str) -> Result<Outcome, Failure> {
        self.job_response(now, self.job_number(id)?)
    }

    /// A job that has ended is not concerned, and told of as it is.
    pub(super) fn cancel_job_of(
        &mut self,
        now: Now,
        id: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let number = self.job_number(id)?;
        self.cancel_job(now, number, effects);
        self.job_response(now, number)
    }

    /// Gives jobs in the order in which they were taken in, from behind the one that the continuation names.
    pub(super) fn list_jobs(
        &self,
        now: Now,
        path: &Path,
        request: &RestRequest<'_>,
    ) -> Result<Outcome, Failure> {
        let kind = path.parameter("jobtype").filter(|word| !word.is_empty());
        let kind: Option<JobType> =
            kind.map(|word| word.parse()).transpose().map_err(|e| unfit("jobType", &e))?;
        let status = path.parameter("jobstatus").filter(|word| !word.is_empty());
        let status = status.map(|word| status_of(&word)).transpose()?;
        let either = |header: &str, parameter: &str| {
            let header = request.header(header).map(str::to_owned);
            header.or_else(|| path.parameter(parameter)).filter(|text| !text.is_empty())
        };
        let rows_max = rows_max_of(either("x-ms-max-item-count", "pagesize").as_deref())?;
        let after = match either("x-ms-continuation", "continuationtoken") {
            None => 0,
            Some(token) => {
                token.parse().map_err(|_| unfit("x-ms-continuation", &"not of this hub's making"))?
            }
        };
        let is_asked_for = |job: &Job| {
            kind.is_none_or(|kind| kind == job.order().kind())
                && status.is_none_or(|status| status == job.status(now.timestamp))
        };
        let mut jobs = self.jobs.behind(after).filter(|(_, job)| is_asked_for(job)).peekable();
        let page: Vec<(u64, JobResponse)> =
            jobs.by_ref().take(rows_max).map(|(number, job)| (number, job.response(now.timestamp))).collect();
        let next = page.last().filter(|_| jobs.peek().is_some()).map(|(number, _)| number.to_string());
        let page: Vec<JobResponse> = page.into_iter().map(|(_, job)| job).collect();
        let Outcome::Done(mut response) = Outcome::json(200, &page, None) else { return Ok(Outcome::Later) };
        response.headers.push(("x-ms-item-type".into(), "JobResponse".to_owned()));
        response.headers.extend(next.map(|next| ("x-ms-continuation".into(), next)));
        Ok(Outcome::Done(response))
    }

    fn job_response(&self, now: Now, number: u64) -> Result<Outcome, Failure> {
        match self.jobs.get(number) {
            Some(job) => Ok(Outcome::json(200, &job.response(now.timestamp), None)),
            None => Err(not_found(&number.to_string())),
        }
    }

    fn job_number(&self, id: &str) -> Result<u64, Failure> {
        self.jobs.number(id).ok_or_else(|| not_found(id))
    }
}

/// Checks all that can be said of a job before it begins.
fn order(now: Now, id: &str, request: JobRequest) -> Result<JobOrder, Failure> {
    let fit = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !fit || !(1..=ID_MAX).contains(&id.len()) {
        let message =
            format!("{id:.128?} cannot name a job: 1 to {ID_MAX} ASCII letters, digits and `-` can");
        return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
    }
    if id.eq_ignore_ascii_case("query") {
        // Whoever asks for a job of that name is given the list of all.
        let message = format!("{id:?} cannot name a job: its address is that of the list of jobs");
        return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
    }
    if !request.job_id.is_empty() && request.job_id != id {
        return Err(unfit("jobId", &format_args!("{:.128?}, and the address says {id:?}", request.job_id)));
    }
    let work = match (request.kind, request.cloud_to_device_method, request.update_twin) {
        (JobType::ScheduleDeviceMethod, Some(method), _) => Work::Method(callable(method)?),
        (JobType::ScheduleDeviceMethod, None, _) => {
            return Err(unfit("cloudToDeviceMethod", &"a job of this type has it"));
        }
        (JobType::ScheduleUpdateTwin, _, Some(update)) => Work::Twin(applicable(now, update)?),
        (JobType::ScheduleUpdateTwin, _, None) => {
            return Err(unfit("updateTwin", &"a job of this type has it"));
        }
        (kind, _, _) => {
            let why = format!("{kind}, and must be scheduleDeviceMethod or scheduleUpdateTwin");
            return Err(unfit("type", &why));
        }
    };
    let time_s = match request.max_execution_time_in_seconds {
        None => TIME_USUAL_S,
        Some(seconds) => u64::try_from(seconds)
            .ok()
            .filter(|seconds| (1..=TIME_MAX_S).contains(seconds))
            .ok_or_else(|| {
                let why = format!("{seconds}, and must be 1 to {TIME_MAX_S}");
                unfit("maxExecutionTimeInSeconds", &why)
            })?,
    };
    let created_ms = now.timestamp.as_millis();
    Ok(JobOrder {
        id: id.to_owned(),
        work,
        condition: condition(request.query_condition, request.device_ids)?,
        created_ms,
        from_ms: request.start_time.and_then(Date::as_millis).unwrap_or(0).max(created_ms),
        time_s,
    })
}

fn callable(method: MethodInvocation) -> Result<MethodInvocation, Failure> {
    let len = method.payload.as_ref().map_or(0, |payload| payload.get().len());
    if len > METHOD_PAYLOAD_MAX {
        let message = format!("the payload has {len} bytes, and at most {METHOD_PAYLOAD_MAX} are allowed");
        return Err(Failure::new(ErrorCode::MessageTooLarge, message));
    }
    if !MethodCall::is_name(&method.method_name) {
        let why = format!("{:.128?} cannot be the name of a method", method.method_name);
        return Err(unfit("cloudToDeviceMethod.methodName", &why));
    }
    Ok(method)
}

fn applicable(now: Now, update: TwinUpdate) -> Result<TwinUpdate, Failure> {
    if update.etag == IfMatch::None {
        return Err(unfit("updateTwin.etag", &"it is missing; `*` is for a twin in whatever state"));
    }
    let edit = merging(update.patch.clone());
    if edit == TwinEdit::default() {
        return Err(unfit("updateTwin", &"it has neither tags nor properties.desired"));
    }
    match Twin::new(now.timestamp).apply(edit, now.timestamp) {
        Ok(_) => Ok(update),
        Err(violation) => Err(unfit("updateTwin", &violation)),
    }
}

fn condition(condition: Option<String>, devices: Option<Vec<String>>) -> Result<String, Failure> {
    let text = match (condition, devices) {
        (Some(text), _) => text,
        (None, Some(devices)) => {
            let names: Vec<String> =
                devices.into_iter().map(|name| Literal::Text(name).to_string()).collect();
            format!("deviceId IN [{}]", names.join(","))
        }
        (None, None) => return Err(unfit("queryCondition", &"it is missing; `*` is for all devices")),
    };
    match Condition::of_targets(&text) {
        Ok((Collection::Jobs, _)) => Err(unfit("queryCondition", &"a job is about devices or modules")),
        Ok((Collection::Devices | Collection::Modules, _)) => Ok(text),
        Err(error) => Err(unfit("queryCondition", &error)),
    }
}

/// What is waiting is called in one way in the documents, and in another in the text about them.
fn status_of(word: &str) -> Result<JobStatus, Failure> {
    if ["pending", "enqueued"].iter().any(|each| word.eq_ignore_ascii_case(each)) {
        return Ok(JobStatus::Queued);
    }
    if word.eq_ignore_ascii_case("canceled") {
        return Ok(JobStatus::Cancelled);
    }
    word.parse().map_err(|error| unfit("jobStatus", &error))
}

fn not_found(id: &str) -> Failure {
    Failure::new(
        ErrorCode::JobNotFound,
        format!("There is no job named {id:.128}; jobs are kept for 30 days."),
    )
}

fn unfit(member: &str, why: &dyn core::fmt::Display) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, format!("{member}: {why}"))
}
