//! The service API, as values: a request comes in, a response goes out.

mod authorities;
mod bulk;
mod commands;
mod configurations;
mod device_messages;
mod digital_twins;
mod entry;
mod events;
mod feedback;
mod file_notifications;
mod files;
mod identities;
mod job_rows;
mod jobs;
mod name;
mod path;
mod policies;
mod provisioning;
mod query;
mod refusals;
mod registration;
pub(crate) mod row;
mod statistics;
mod transfer;
mod transfers;
mod twins;
mod uploads;
mod wish;

pub(crate) use identities::not_found;
pub(crate) use query::Groupings;
pub(crate) use registration::json;
pub(crate) use transfer::{Keys, Lines};
pub(crate) use twins::merging;

use iothub_model::{ErrorCode, Etag, Form, Problem};
use iothub_proto::Now;
use serde::Serialize;

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::{ExchangeId, RestRequest};
use crate::notice::{Level, Notice};
use crate::policy::Rights;
use crate::provisioning::not_here;
use crate::quota::Operation;
use crate::reading::Reading;
use crate::recording;
use crate::registry::Key;
use crate::response::Response;
use crate::rest::configurations::test_queries;
use crate::rest::device_messages::Settlement;
use crate::rest::path::{Path, Resource};
use crate::rest::query::Answer;
pub(crate) use crate::rest::row::Row;
use crate::rest::twins::Edit;
use crate::rule::Rule;
use crate::telemetry::Origin;
use crate::twin::date;

/// Why a request is not fulfilled.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: ErrorCode,
    form: Form,
    message: String,
}

impl Failure {
    /// In the shape of the registry's, the twins' and most other errors.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, form: Form::Registry, message: message.into() }
    }

    /// There is something at that address, and it takes other methods.
    fn not_served(method: &str, request: &RestRequest<'_>) -> Self {
        let message = format!("{method:.16} is not served at {:.256}", request.path);
        Self::new(ErrorCode::GenericMethodNotAllowed, message)
    }

    /// Why, in words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// In the shape of errors about methods and devices that cannot be reached.
    pub(crate) fn gateway(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, form: Form::Gateway, message: message.into() }
    }

    /// What is wrong, and the same in a sentence.
    pub(crate) fn into_parts(self) -> (ErrorCode, String) {
        (self.code, self.message)
    }
}

/// What a request leads to.
pub(crate) enum Outcome {
    /// This response.
    Done(Response),
    /// A response when there is one.
    Later,
    /// What this gives of the event log.
    Read(Reading),
}

impl Outcome {
    fn json(status: u16, body: &impl Serialize, etag: Option<&Etag>) -> Self {
        let mut response = written(status, body);
        response.headers.extend(etag.map(|etag| ("etag".into(), etag.quoted())));
        Self::Done(response)
    }

    /// An error whose body is not the usual one.
    fn failed(code: ErrorCode, body: &impl Serialize) -> Self {
        let mut response = written(code.http_status(), body);
        response.headers.push(("iothub-errorcode".into(), code.name().to_owned()));
        Self::Done(response)
    }

    fn empty(status: u16) -> Self {
        Self::Done(Response { status, headers: Vec::new(), body: Vec::new() })
    }
}

impl Hub {
    pub(crate) fn rest(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) {
        match self.route(now, exchange, request, effects) {
            Ok(Outcome::Done(response)) => effects.push(Effect::Respond { exchange, response }),
            Ok(Outcome::Later) => {}
            Ok(Outcome::Read(reading)) => effects.push(Effect::Read { exchange, reading }),
            Err(mut failure) => {
                let asked = format!("{:.16} {:.256}", request.method, request.path);
                let about = Path::read(request).ok().map(|path| path.resource);
                if let Some(Resource::Provisioning(_)) = about {
                    failure.form = Form::Device;
                }
                let about = about.and_then(Resource::into_key);
                self.refuse(now, (exchange, about.as_ref()), &asked, failure, effects);
            }
        }
    }

    /// Responds to a method call that has come to nothing.
    pub(crate) fn fail(
        &mut self,
        now: Now,
        (exchange, key): (ExchangeId, &Key),
        failure: Failure,
        effects: &mut Effects,
    ) {
        self.refuse(now, (exchange, Some(key)), "method call", failure, effects);
    }

    /// Responds with an error, and logs its reason.
    fn refuse(
        &mut self,
        now: Now,
        (exchange, about): (ExchangeId, Option<&Key>),
        asked: &str,
        failure: Failure,
        effects: &mut Effects,
    ) {
        let Failure { code, form, message } = failure;
        let tracking_id = self.source.tracking_id();
        let (number, name) = (code.number(), code.name());
        effects.push(Effect::Log(Notice {
            level: Level::Warn,
            peer: None,
            who: about.map(ToString::to_string),
            what: "request refused",
            rule: Some(Rule::Request(code)),
            why: format!("{asked}: {number} {name}: {message} (tracking id {tracking_id})"),
        }));
        let problem = Problem { code, message, tracking_id, time: date(now.timestamp) };
        let response = Response {
            status: code.http_status(),
            headers: vec![
                ("iothub-errorcode".into(), code.name().to_owned()),
                ("x-ms-request-id".into(), problem.tracking_id.clone()),
            ],
            body: problem.body(form).into_bytes(),
        };
        effects.push(Effect::Respond { exchange, response });
    }

    /// Responds with a document.
    pub(crate) fn succeed(
        &mut self,
        exchange: ExchangeId,
        status: u16,
        body: &impl Serialize,
        effects: &mut Effects,
    ) {
        effects.push(Effect::Respond { exchange, response: written(status, body) });
    }

    fn route(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let (path, device) = self.let_ask(now, request)?;
        let terms = path.terms();
        if let (Some(_), Some(key)) = (&device, path.resource.clone().into_key())
            && let Some(entry) = self.registry.get_mut(&key)
        {
            entry.presence.active = Some(now.timestamp);
        }
        path.must_have_version()?;
        if !self.has_room() && terms.is_recorded {
            return Err(recording::unavailable());
        }
        if let Some(operation) = terms.operation {
            self.spend(now, operation, charged(operation, request.body.len()))
                .map_err(|excess| Failure::gateway(excess.code(), excess.to_string()))?;
        }
        match (path.method.as_str(), &path.resource) {
            ("GET", Resource::Devices) => self.list_devices(&path),
            ("POST", Resource::Devices) => self.bulk(now, request, effects),
            ("POST", Resource::Query) => self.query(now, exchange, request, Answer::Rows),
            ("POST", Resource::ExplainedQuery) => self.query(now, exchange, request, Answer::Explained),
            ("GET", Resource::Identity(key)) => self.identity(key, 200),
            ("PUT", Resource::Identity(key)) => self.put_identity(now, key, request, effects),
            ("DELETE", Resource::Identity(key)) => self.delete_identity(now, key, request, effects),
            ("GET", Resource::Modules(device)) => self.list_modules(device),
            ("GET", Resource::Configurations) => self.list_configurations(&path),
            ("GET", Resource::Configuration(id)) => self.get_configuration(id, 200),
            ("PUT", Resource::Configuration(id)) => self.put_configuration(now, id, request, effects),
            ("DELETE", Resource::Configuration(id)) => self.delete_configuration(now, id, request, effects),
            ("POST", Resource::ConfigurationQueries) => test_queries(request),
            ("POST", Resource::ConfigurationContent(key)) => {
                self.apply_configuration_content(now, key, request, effects)
            }
            ("DELETE", Resource::Commands(key)) => self.purge_commands(now, key, effects),
            ("GET", Resource::Commands(key)) => self.list_commands(key),
            ("GET", Resource::DeadLetters(key)) => self.list_dead_letters(key),
            ("DELETE", Resource::DeadLetters(key)) => self.forget_dead_letters(key, effects),
            ("GET", Resource::Feedback) => Ok(self.receive_feedback(now, effects)),
            ("DELETE", Resource::FeedbackLock(lock)) => self.complete_feedback(now, lock, effects),
            ("POST", Resource::FeedbackReturn(lock)) => self.abandon_feedback(now, lock, effects),
            ("GET", Resource::FileNotifications) => self.receive_file_notification(now, effects),
            ("DELETE", Resource::FileNotificationLock(lock)) => {
                self.complete_file_notification(now, lock, effects)
            }
            ("POST", Resource::FileNotificationReturn(lock)) => {
                self.abandon_file_notification(now, lock, effects)
            }
            ("POST", Resource::DeviceFiles(key)) => self.begin_upload(now, (key, None), request, effects),
            ("GET", Resource::DeviceFile(key, name)) => {
                self.begin_upload(now, (key, Some(name)), request, effects)
            }
            ("POST", Resource::UploadEnds(key)) => self.complete_upload(now, (key, None), request, effects),
            ("POST", Resource::UploadEnd(key, id)) => {
                self.complete_upload(now, (key, Some(id)), request, effects)
            }
            ("GET", Resource::Files) => self.list_files(&path, request),
            ("POST", Resource::FileAccess) => self.open_file(now, request),
            ("GET", Resource::DeviceBound(key)) => Ok(self.receive_command(now, key, effects)),
            ("DELETE", Resource::DeviceBoundLock(key, lock)) => {
                let settlement = match path.parameter("reject") {
                    Some(_) => Settlement::Reject,
                    None => Settlement::Complete,
                };
                self.settle_command(now, key, (lock, settlement), effects)
            }
            ("POST", Resource::DeviceBoundReturn(key, lock)) => {
                self.settle_command(now, key, (lock, Settlement::Abandon), effects)
            }
            ("POST", Resource::DeviceEvents(key)) => {
                let origin =
                    device.ok_or_else(|| Failure::new(ErrorCode::GenericUnauthorized, "no device"))?;
                self.receive_telemetry(now, key, &origin, request, effects)
            }
            ("POST", Resource::NewTransfer) => self.create_transfer(now, request, effects),
            ("GET", Resource::Transfers) => self.list_transfers(),
            ("GET", Resource::Transfer(id)) => self.get_transfer(id),
            ("DELETE", Resource::Transfer(id)) => self.delete_transfer(now, id, effects),
            ("PUT", Resource::Job(id)) => self.put_job(now, id, request, effects),
            ("GET", Resource::Job(id)) => self.get_job(now, id),
            ("POST", Resource::JobCancel(id)) => self.cancel_job_of(now, id, effects),
            ("GET", Resource::JobQuery) => self.list_jobs(now, &path, request),
            ("GET", Resource::DeviceStatistics) => self.device_statistics(),
            ("GET", Resource::ServiceStatistics) => self.service_statistics(),
            ("GET", Resource::Twin(key)) => self.get_twin(key),
            ("PATCH", Resource::Twin(key)) => self.edit_twin(now, key, request, Edit::Merge, effects),
            ("PUT", Resource::Twin(key)) => self.edit_twin(now, key, request, Edit::Replace, effects),
            ("GET", Resource::DigitalTwin(key)) => self.get_digital_twin(key),
            ("PATCH", Resource::DigitalTwin(key)) => self.edit_digital_twin(now, key, request, effects),
            ("POST", Resource::DigitalTwinCommand(key, method)) => {
                self.invoke_command(now, (exchange, &path), (key, method), request, effects)
            }
            ("POST", Resource::Methods(key)) => self.invoke_method(now, exchange, key, request, effects),
            ("GET", Resource::Refusals(device)) => Ok(self.refusals(device)),
            ("GET", Resource::Events) => self.stream_events(&path),
            ("GET", Resource::Partitions) => Ok(Outcome::Read(Reading::Partitions)),
            ("GET", Resource::Partition(partition)) => self.read_partition(&path, partition),
            ("GET", Resource::ConsumerGroups) => self.list_groups(),
            ("GET", Resource::ConsumerGroup(name)) => self.get_group(name),
            ("PUT", Resource::ConsumerGroup(name)) => self.put_group(name, effects),
            ("DELETE", Resource::ConsumerGroup(name)) => self.delete_group(name, effects),
            ("GET", Resource::Checkpoints(group)) => self.list_checkpoints(group),
            ("PUT", Resource::Checkpoint(group, partition)) => {
                self.put_checkpoint(now, (group, partition), request, effects)
            }
            ("DELETE", Resource::Checkpoint(group, partition)) => {
                self.delete_checkpoint((group, partition), effects)
            }
            ("GET", Resource::Registry) => self.export(&path, request),
            ("POST", Resource::Registry) => self.import(now, &path, request, effects),
            ("GET", Resource::Policies) => Ok(self.list_policies()),
            ("GET", Resource::Policy(name)) => self.get_policy(name),
            ("PUT", Resource::Policy(name)) => self.put_policy(now, name, request, effects),
            ("DELETE", Resource::Policy(name)) => self.delete_policy(now, name, effects),
            ("GET", Resource::Authorities) => self.list_authorities(),
            ("GET", Resource::Authority(name)) => self.get_authority(name),
            ("PUT", Resource::Authority(name)) => self.put_authority(now, name, request, effects),
            ("DELETE", Resource::Authority(name)) => self.delete_authority(now, name, effects),
            (_, Resource::Provisioning(resource)) => {
                self.route_provisioning(now, (&path, resource), request, effects)
            }
            ("POST", Resource::Commands(key)) => self.send_command_to(now, key, request, effects),
            (method, _) => Err(Failure::not_served(method, request)),
        }
    }

    /// Whether whoever makes a request may make it. If not, the answer is 401. The body is not looked at.
    pub fn may_ask(&self, now: Now, request: &RestRequest<'_>) -> bool {
        match self.let_ask(now, request) {
            Ok(_) => true,
            Err(failure) => failure.code != ErrorCode::IotHubUnauthorizedAccess,
        }
    }

    /// Sees to it that whoever makes a request may do so: a back end, or the device that it is about.
    fn let_ask(&self, now: Now, request: &RestRequest<'_>) -> Result<(Path, Option<Origin>), Failure> {
        let path = match Path::read(request) {
            Ok(path) => path,
            // Nobody else is told what there is not.
            Err(failure) => return Err(self.let_anybody_in(now, request).err().unwrap_or(failure)),
        };
        if let Resource::Provisioning(resource) = &path.resource {
            if let Some(asking) = resource.asking() {
                self.let_registrant_in(now, asking, request)?;
                return Ok((path, None));
            }
            if self.config.provisioning.is_none() {
                self.let_anybody_in(now, request)?;
                return Err(not_here());
            }
        }
        let rights = path.terms().rights;
        let device = match path.resource.clone().into_key() {
            Some(key) if rights == Rights::DEVICE_CONNECT => {
                Some(self.let_device_in(now, &key.device, request)?)
            }
            Some(_) | None => {
                self.let_in(now, request, rights)?;
                None
            }
        };
        Ok((path, device))
    }

    fn let_anybody_in(&self, now: Now, request: &RestRequest<'_>) -> Result<(), Failure> {
        self.let_in(now, request, Rights::NONE).or_else(|failure| {
            let device = path::device_asking(request).ok_or(failure)?;
            self.let_device_in(now, &device, request).map(drop)
        })
    }

    fn let_in(&self, now: Now, request: &RestRequest<'_>, needed: Rights) -> Result<(), Failure> {
        let host = request.header("host").unwrap_or_default();
        let authorization = request.header("authorization");
        self.gate.authorize(authorization, host, needed, now.timestamp).map_err(|denied| {
            Failure::new(ErrorCode::IotHubUnauthorizedAccess, format!("Unauthorized: {}", denied.why))
        })
    }
}

/// What is charged for by its length is charged by that of the body, and a twin that is read as one message.
const fn charged(operation: Operation, len: usize) -> Option<usize> {
    match operation {
        Operation::Registry
        | Operation::Query
        | Operation::Connection
        | Operation::Configuration
        | Operation::Job => None,
        Operation::TwinRead | Operation::Upload => Some(0),
        Operation::Method
        | Operation::TwinUpdate
        | Operation::Command
        | Operation::Telemetry
        | Operation::JobDevice => Some(len),
    }
}

fn written(status: u16, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("documents have text for keys, which is all that can fail");
    Response { status, headers: Vec::new(), body }
}
