//! Individual enrollments.

use iothub_codec::DeviceId;
use iothub_model::{
    BulkEnrollmentError, BulkEnrollmentMode, BulkEnrollmentOperation, BulkEnrollmentResult, ErrorCode,
    IfMatch, IndividualEnrollment,
};
use iothub_proto::Now;

use super::listing::{Listing, Page};
use super::terms::{attestation, invalid, shown};
use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::provisioning::{Provisioning, ProvisioningStep};
use crate::rest::registration::{condition, json, other_etag};
use crate::rest::{Failure, Outcome};

/// Most enrollments of a bulk request.
const BULK_MAX: usize = 10;
/// Longest note of an owner, in bytes of JSON.
const NOTE_LEN_MAX: usize = 8 * 1024;

impl Hub {
    pub(super) fn get_enrollment(&self, id: &str) -> Result<Outcome, Failure> {
        let enrollment = self.provisioning.enrollment(id).ok_or_else(|| unknown(id))?;
        Ok(Outcome::json(200, &self.document(enrollment), enrollment.terms.etag.as_ref()))
    }

    pub(super) fn enrollment_attestation(&self, id: &str) -> Result<Outcome, Failure> {
        let enrollment = self.provisioning.enrollment(id).ok_or_else(|| unknown(id))?;
        Ok(Outcome::json(200, &attestation(&enrollment.terms), None))
    }

    pub(super) fn put_enrollment(
        &mut self,
        now: Now,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let asked: IndividualEnrollment = json(request.body)?;
        if !asked.registration_id.eq_ignore_ascii_case(id) {
            let named = &asked.registration_id;
            return Err(invalid(format!(
                "registrationId in the body is {named:.128?}, and {id:?} in the path"
            )));
        }
        self.set_enrollment(now, asked, &condition(request)?, effects)?;
        let enrollment = self.provisioning.enrollment(id).ok_or_else(|| unknown(id))?;
        // Who has chosen the keys, or had them made, is told them.
        let mut told = self.document(enrollment);
        told.terms.attestation = Some(attestation(&enrollment.terms));
        Ok(Outcome::json(200, &told, enrollment.terms.etag.as_ref()))
    }

    pub(super) fn delete_enrollment(
        &mut self,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.remove_enrollment(id, &condition(request)?, effects)?;
        Ok(Outcome::empty(204))
    }

    pub(super) fn query_enrollments(&self, request: &RestRequest<'_>) -> Result<Outcome, Failure> {
        let listing = Listing::read(request, "enrollments")?;
        let all = self.provisioning.enrollments(listing.after());
        Ok(Page::of(all, &listing, |enrollment| (&enrollment.registration_id, self.document(enrollment)))
            .answer("Enrollment"))
    }

    /// Does the same with each enrollment; one that fails does not keep others from being done.
    pub(super) fn bulk_enrollments(
        &mut self,
        now: Now,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let BulkEnrollmentOperation { mode, enrollments } = json(request.body)?;
        if enrollments.len() > BULK_MAX {
            let len = enrollments.len();
            return Err(invalid(format!("{len} enrollments, and at most {BULK_MAX} are taken at once")));
        }
        let mut errors = Vec::new();
        for enrollment in enrollments {
            let id = enrollment.registration_id.clone();
            let etag = enrollment.terms.etag.clone();
            let done = match mode {
                BulkEnrollmentMode::Create => self.set_enrollment(now, enrollment, &IfMatch::None, effects),
                BulkEnrollmentMode::Update => self.set_enrollment(now, enrollment, &IfMatch::Any, effects),
                BulkEnrollmentMode::UpdateIfMatchEtag => match etag {
                    Some(etag) => self.set_enrollment(now, enrollment, &IfMatch::Exactly(etag), effects),
                    None => Err(Failure::new(ErrorCode::ArgumentNull, "this mode takes etag")),
                },
                BulkEnrollmentMode::Delete => self.remove_enrollment(&id, &IfMatch::None, effects),
            };
            if let Err(failure) = done {
                let (code, error_status) = failure.into_parts();
                let error_code = code.number();
                errors.push(BulkEnrollmentError { registration_id: id, error_code, error_status });
            }
        }
        let result = BulkEnrollmentResult { is_successful: errors.is_empty(), errors };
        Ok(Outcome::json(200, &result, None))
    }

    fn set_enrollment(
        &mut self,
        now: Now,
        asked: IndividualEnrollment,
        condition: &IfMatch,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let id = asked.registration_id.as_str();
        iothub_codec::RegistrationId::new(id).map_err(|error| invalid(format!("registrationId: {error}")))?;
        let before = self.provisioning.enrollment(id).cloned();
        let etag = before.as_ref().and_then(|before| before.terms.etag.as_ref());
        match (&before, condition) {
            (None, IfMatch::None) => {
                if !self.provisioning.has_room_for_enrollments() {
                    let message = format!("there are at most {} enrollments", Provisioning::ENROLLMENTS_MAX);
                    return Err(Failure::new(ErrorCode::TooManyDevices, message));
                }
            }
            (None, IfMatch::Any | IfMatch::Exactly(_)) => return Err(unknown(id)),
            (Some(_), IfMatch::None) => {
                let message = format!("There is an enrollment {id} already; to change it, send If-Match.");
                return Err(Failure::new(ErrorCode::GenericConflict, message));
            }
            (Some(_), _) => must_match(condition, etag)?,
        }
        if let Some(device) = &asked.device_id {
            DeviceId::new(device).map_err(|error| invalid(format!("deviceId: {error}")))?;
        }
        let note = asked.optional_device_information.as_ref();
        if note.is_some_and(|note| serde_json::to_string(note).is_ok_and(|note| note.len() > NOTE_LEN_MAX)) {
            return Err(invalid(format!("optionalDeviceInformation has at most {NOTE_LEN_MAX} bytes")));
        }
        let known = before.as_ref().map(|before| &before.terms);
        let terms = self.kept_terms(now, asked.terms, known, false)?;
        let registration_id = before.map_or(asked.registration_id, |before| before.registration_id);
        let enrollment = IndividualEnrollment { registration_id, registration_state: None, terms, ..asked };
        let step = ProvisioningStep::EnrollmentSet { enrollment: Box::new(enrollment) };
        self.record(Change::Provisioning { step }, effects);
        Ok(())
    }

    /// The device stays in its hub: only that it may register is gone, and that it has.
    fn remove_enrollment(
        &mut self,
        id: &str,
        condition: &IfMatch,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let enrollment = self.provisioning.enrollment(id).ok_or_else(|| unknown(id))?;
        must_match(condition, enrollment.terms.etag.as_ref())?;
        let step = ProvisioningStep::EnrollmentRemoved { id: id.into() };
        self.record(Change::Provisioning { step }, effects);
        if self.provisioning.registration(id).is_some() {
            let step = ProvisioningStep::RegistrationRemoved { id: id.into() };
            self.record(Change::Provisioning { step }, effects);
        }
        Ok(())
    }

    /// An enrollment as back ends read it.
    fn document(&self, enrollment: &IndividualEnrollment) -> IndividualEnrollment {
        let registration = self.provisioning.registration(&enrollment.registration_id);
        IndividualEnrollment {
            terms: shown(enrollment.terms.clone()),
            registration_state: registration.map(|kept| kept.state.clone()),
            ..enrollment.clone()
        }
    }
}

/// Without a condition anything is good.
pub(super) fn must_match(condition: &IfMatch, etag: Option<&iothub_model::Etag>) -> Result<(), Failure> {
    match etag {
        Some(etag) if *condition != IfMatch::None && !condition.is_met_by(etag) => Err(other_etag(etag)),
        Some(_) | None => Ok(()),
    }
}

fn unknown(id: &str) -> Failure {
    Failure::new(ErrorCode::GenericNotFound, format!("There is no enrollment {id}."))
}
