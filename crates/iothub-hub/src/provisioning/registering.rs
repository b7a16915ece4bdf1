//! A device registers, and asks what became of it.

use iothub_model::{
    DeviceRegistrationState, EnrollmentTerms, ErrorCode, Etag, RegistrationOperation, RegistrationRequest,
    RegistrationStatus,
};
use iothub_proto::Now;
use serde_json::Value;

use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::notice::{Level, Notice};
use crate::policy::{Policy, Rights};
use crate::provisioning::assigning::{Assignment, assigned};
use crate::provisioning::{Attested, By, KeptRegistration, Provisioning, ProvisioningStep};
use crate::rest::{Failure, json};
use crate::rule::Rule;
use crate::twin::date;

/// What a device is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// After how many seconds to ask again.
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) body: RegistrationOperation,
}

/// Longest payload of a device, in bytes.
const PAYLOAD_LEN_MAX: usize = 8 * 1024;
/// After how many seconds a device is to ask what became of its registering. Azure says 3; a hub nearby is faster.
const RETRY_AFTER_S: u32 = 1;

impl Hub {
    /// The service serves: it has a policy of its own from the first time on, and what it had not finished goes on.
    pub(crate) fn begin_provisioning(&mut self, now: Now, effects: &mut Effects) {
        if self.config.provisioning.is_none() {
            return;
        }
        if !self.provisioning.has_begun {
            self.record(Change::Provisioning { step: ProvisioningStep::Began }, effects);
            if !self.gate.policies.contains_key(Policy::PROVISIONING) {
                let (primary, secondary) = (self.source.key(), self.source.key());
                let policy = Policy { rights: Rights::REGISTRY_WRITE, primary, secondary };
                self.record(Change::PolicySet { name: Policy::PROVISIONING.into(), policy }, effects);
            }
        }
        self.resume_registrations(now, effects);
    }

    /// Takes a registration in. It is done by the time that the device asks for it, if its hub is this one.
    pub(crate) fn register(
        &mut self,
        now: Now,
        attested: &Attested,
        body: &[u8],
        effects: &mut Effects,
    ) -> Result<Answer, Failure> {
        let device_payload = said(attested, body)?;
        if !self.has_room() {
            return Err(crate::recording::unavailable());
        }
        let Some(terms) = self.provisioning.terms(attested).cloned() else {
            let message = format!("The enrollment of {} is gone.", attested.id);
            return Err(Failure::new(ErrorCode::IotHubUnauthorizedAccess, message));
        };
        if terms.provisioning_status == iothub_model::ProvisioningStatus::Disabled {
            return Ok(self.turned_away(now, attested, effects));
        }
        let before = self.provisioning.registration(&attested.id).cloned();
        if let Some(KeptRegistration { operation, work: Some(_), .. }) = &before {
            return Ok(Answer::later(operation));
        }
        if before.is_none() && !self.provisioning.has_room_for_registrations() {
            let message = format!("at most {} devices register here", Provisioning::REGISTRATIONS_MAX);
            return Err(Failure::new(ErrorCode::TooManyDevices, message));
        }
        let operation = format!("4.{}.{}", self.source.tracking_id(), self.source.correlation_id());
        let assignment = self.assignment(attested, &terms, before.as_ref())?;
        let registration = self.begun(now, attested, &terms, (operation, device_payload), before, assignment);
        let answer = Answer::later(&registration.operation);
        self.keep_registration(registration, effects);
        self.go_on_registering(now, &attested.id, effects);
        Ok(answer)
    }

    /// What became of the registration of that operation.
    pub(crate) fn operation_status(&self, attested: &Attested, operation: &str) -> Result<Answer, Failure> {
        let kept = self.provisioning.registration(&attested.id).filter(|kept| kept.operation == operation);
        let kept = kept.ok_or_else(|| {
            let message = format!("{} has no operation {operation:.128}.", attested.id);
            Failure::new(ErrorCode::GenericNotFound, message)
        })?;
        Ok(match kept.work {
            Some(_) => Answer::later(operation),
            None => Answer::done(kept),
        })
    }

    /// How a registration stands, for the device.
    pub(crate) fn registration_of(&self, attested: &Attested) -> Result<DeviceRegistrationState, Failure> {
        let kept = self.provisioning.registration(&attested.id);
        kept.map(KeptRegistration::told).ok_or_else(|| {
            let message = format!("{} has not registered.", attested.id);
            Failure::new(ErrorCode::GenericNotFound, message)
        })
    }

    pub(crate) fn keep_registration(&mut self, registration: KeptRegistration, effects: &mut Effects) {
        let step = ProvisioningStep::RegistrationSet { registration: Box::new(registration) };
        self.record(Change::Provisioning { step }, effects);
    }

    /// Its owner has disabled its enrollment. What it was told before stays.
    fn turned_away(&mut self, now: Now, attested: &Attested, effects: &mut Effects) -> Answer {
        effects.push(Effect::Log(Notice {
            level: Level::Warn,
            peer: None,
            who: Some(attested.id.clone()),
            what: "registration refused",
            rule: Some(Rule::EnrollmentDisabled),
            why: "its enrollment is disabled".into(),
        }));
        let at = date(now.timestamp);
        let created = self.provisioning.registration(&attested.id);
        let state = DeviceRegistrationState {
            registration_id: attested.id.clone(),
            status: RegistrationStatus::Disabled,
            error_code: Some(ErrorCode::IotHubUnauthorizedAccess.number()),
            error_message: Some("The enrollment is disabled.".into()),
            created_date_time_utc: created.map_or(at, |kept| kept.state.created_date_time_utc),
            last_updated_date_time_utc: at,
            ..DeviceRegistrationState::default()
        };
        let operation_id = format!("4.{}.{}", self.source.tracking_id(), self.source.correlation_id());
        let status = RegistrationStatus::Disabled;
        let body = RegistrationOperation { operation_id, status, registration_state: Some(state) };
        Answer { status: 200, retry_after_s: None, body }
    }

    /// A registration with everything that is still to be done about it.
    fn begun(
        &mut self,
        now: Now,
        attested: &Attested,
        terms: &EnrollmentTerms,
        (operation, device_payload): (String, Option<Value>),
        before: Option<KeptRegistration>,
        assignment: Assignment,
    ) -> KeptRegistration {
        let at = date(now.timestamp);
        let initial = Box::new(terms.initial_twin.clone().unwrap_or_default());
        let Assignment { hub, device, substatus, work } = assignment;
        let work = work.map(|work| work.into_work(attested, terms, &device, initial));
        let state = DeviceRegistrationState {
            registration_id: before
                .as_ref()
                .map_or_else(|| attested.id.clone(), |kept| kept.state.registration_id.clone()),
            created_date_time_utc: before.map_or(at, |kept| kept.state.created_date_time_utc),
            assigned_hub: Some(hub),
            device_id: Some(device),
            status: if work.is_some() { RegistrationStatus::Assigning } else { RegistrationStatus::Assigned },
            substatus: Some(substatus),
            last_updated_date_time_utc: at,
            etag: Etag::new(&self.source.identity_etag()).ok(),
            payload: terms.payload.clone(),
            enrollment_group_id: match &attested.by {
                By::Enrollment => None,
                By::Group(id) => Some(id.clone()),
            },
            device_payload,
            ..DeviceRegistrationState::default()
        };
        KeptRegistration { state, operation, work }
    }

    /// The hub of a device, and what has to be done for it to be there.
    fn assignment(
        &self,
        attested: &Attested,
        terms: &EnrollmentTerms,
        before: Option<&KeptRegistration>,
    ) -> Result<Assignment, Failure> {
        let config = self.config.provisioning.as_ref().ok_or_else(not_here)?;
        let device = match &attested.by {
            By::Enrollment => {
                self.provisioning.enrollment(&attested.id).and_then(|enrollment| enrollment.device_id.clone())
            }
            By::Group(_) => before.and_then(|kept| kept.state.device_id.clone()),
        };
        let device = device.unwrap_or_else(|| attested.id.clone());
        // One that has failed says where the device still is, if it is anywhere.
        assigned(config, terms, device, before)
    }
}

impl Answer {
    fn later(operation: &str) -> Self {
        let status = RegistrationStatus::Assigning;
        let body = RegistrationOperation { operation_id: operation.into(), status, registration_state: None };
        Self { status: 202, retry_after_s: Some(RETRY_AFTER_S), body }
    }

    fn done(kept: &KeptRegistration) -> Self {
        let body = RegistrationOperation {
            operation_id: kept.operation.clone(),
            status: kept.state.status,
            registration_state: Some(kept.told()),
        };
        Self { status: 200, retry_after_s: None, body }
    }
}

impl KeptRegistration {
    /// What a device is told of it.
    fn told(&self) -> DeviceRegistrationState {
        DeviceRegistrationState { device_payload: None, enrollment_group_id: None, ..self.state.clone() }
    }
}

/// What a device says about itself.
fn said(attested: &Attested, body: &[u8]) -> Result<Option<Value>, Failure> {
    if body.len() > PAYLOAD_LEN_MAX {
        let message = format!("a registration has at most {PAYLOAD_LEN_MAX} bytes");
        return Err(Failure::new(ErrorCode::GenericRequestEntityTooLarge, message));
    }
    // Some clients send nothing, and some a space for it.
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let request: RegistrationRequest = json(body)?;
    match request.registration_id.filter(|id| !id.eq_ignore_ascii_case(&attested.id)) {
        None => Ok(request.payload),
        Some(id) => {
            let message = format!("registrationId is {id:.128?}, and {:?} registers", attested.id);
            Err(Failure::new(ErrorCode::ArgumentInvalid, message))
        }
    }
}

/// Why a hub does not do what the provisioning service does.
pub(crate) fn not_here() -> Failure {
    let message = "the provisioning service is at the first hub of this process";
    Failure::new(ErrorCode::GenericNotFound, message)
}
