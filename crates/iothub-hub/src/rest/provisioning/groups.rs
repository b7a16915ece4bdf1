//! Enrollment groups.

use iothub_model::{EnrollmentGroup, ErrorCode, IfMatch};
use iothub_proto::Now;

use super::enrollments::must_match;
use super::listing::{Listing, Page};
use super::terms::{attestation, invalid, shown};
use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::provisioning::{Provisioning, ProvisioningStep};
use crate::rest::registration::{condition, json};
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn get_enrollment_group(&self, id: &str) -> Result<Outcome, Failure> {
        let group = self.provisioning.group(id).ok_or_else(|| unknown(id))?;
        Ok(Outcome::json(200, &document(group), group.terms.etag.as_ref()))
    }

    pub(super) fn group_attestation(&self, id: &str) -> Result<Outcome, Failure> {
        let group = self.provisioning.group(id).ok_or_else(|| unknown(id))?;
        Ok(Outcome::json(200, &attestation(&group.terms), None))
    }

    pub(super) fn put_enrollment_group(
        &mut self,
        now: Now,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let asked: EnrollmentGroup = json(request.body)?;
        if !asked.enrollment_group_id.eq_ignore_ascii_case(id) {
            let named = &asked.enrollment_group_id;
            let message = format!("enrollmentGroupId in the body is {named:.128?}, and {id:?} in the path");
            return Err(invalid(message));
        }
        let condition = condition(request)?;
        let before = self.provisioning.group(id).cloned();
        match (&before, &condition) {
            (None, IfMatch::None) => {
                if !self.provisioning.has_room_for_groups() {
                    let message = format!("there are at most {} groups", Provisioning::GROUPS_MAX);
                    return Err(Failure::new(ErrorCode::TooManyDevices, message));
                }
            }
            (None, IfMatch::Any | IfMatch::Exactly(_)) => return Err(unknown(id)),
            (Some(_), IfMatch::None) => {
                let message = format!("There is a group {id} already; to change it, send If-Match.");
                return Err(Failure::new(ErrorCode::GenericConflict, message));
            }
            (Some(group), _) => must_match(&condition, group.terms.etag.as_ref())?,
        }
        let known = before.as_ref().map(|before| &before.terms);
        let terms = self.kept_terms(now, asked.terms, known, true)?;
        let enrollment_group_id =
            before.map_or(asked.enrollment_group_id, |before| before.enrollment_group_id);
        let group = EnrollmentGroup { enrollment_group_id, terms };
        // Who has chosen the keys, or had them made, is told them.
        let mut told = document(&group);
        told.terms.attestation = Some(attestation(&group.terms));
        let step = ProvisioningStep::GroupSet { group: Box::new(group) };
        self.record(Change::Provisioning { step }, effects);
        Ok(Outcome::json(200, &told, told.terms.etag.as_ref()))
    }

    /// Its devices stay in their hubs, and are still said to have registered by it.
    pub(super) fn delete_enrollment_group(
        &mut self,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let group = self.provisioning.group(id).ok_or_else(|| unknown(id))?;
        must_match(&condition(request)?, group.terms.etag.as_ref())?;
        let step = ProvisioningStep::GroupRemoved { id: id.into() };
        self.record(Change::Provisioning { step }, effects);
        Ok(Outcome::empty(204))
    }

    pub(super) fn query_groups(&self, request: &RestRequest<'_>) -> Result<Outcome, Failure> {
        let listing = Listing::read(request, "enrollmentGroups")?;
        let all = self.provisioning.groups(listing.after());
        Ok(Page::of(all, &listing, |group| (&group.enrollment_group_id, document(group)))
            .answer("EnrollmentGroup"))
    }
}

/// A group as back ends read it.
fn document(group: &EnrollmentGroup) -> EnrollmentGroup {
    EnrollmentGroup { terms: shown(group.terms.clone()), ..group.clone() }
}

fn unknown(id: &str) -> Failure {
    Failure::new(ErrorCode::GenericNotFound, format!("There is no enrollment group {id}."))
}
