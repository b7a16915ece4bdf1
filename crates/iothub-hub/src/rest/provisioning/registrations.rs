//! Who has registered.

use iothub_model::{DeviceRegistrationState, ErrorCode};

use super::enrollments::must_match;
use super::listing::{Listing, Page};
use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::provisioning::{KeptRegistration, ProvisioningStep};
use crate::rest::registration::condition;
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn get_registration(&self, id: &str) -> Result<Outcome, Failure> {
        let kept = self.provisioning.registration(id).ok_or_else(|| unknown(id))?;
        Ok(Outcome::json(200, &kept.state, kept.state.etag.as_ref()))
    }

    /// Forgets that a device has registered. It stays in its hub, and may register again.
    pub(super) fn delete_registration(
        &mut self,
        id: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let kept = self.provisioning.registration(id).ok_or_else(|| unknown(id))?;
        must_match(&condition(request)?, kept.state.etag.as_ref())?;
        let step = ProvisioningStep::RegistrationRemoved { id: id.into() };
        self.record(Change::Provisioning { step }, effects);
        Ok(Outcome::empty(204))
    }

    /// Gives the registrations by one group. So many are looked at for a page, that others are not kept waiting.
    pub(super) fn query_registrations(
        &self,
        group: &str,
        request: &RestRequest<'_>,
    ) -> Result<Outcome, Failure> {
        let listing = Listing::read(request, "registrations")?;
        let is_by_group = |state: &DeviceRegistrationState| {
            state.enrollment_group_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(group))
        };
        let all = self.provisioning.registrations(listing.after());
        let page = Page::of_some(all, &listing, |kept: &KeptRegistration| {
            (&kept.state.registration_id, is_by_group(&kept.state).then(|| kept.state.clone()))
        });
        Ok(page.answer("DeviceRegistration"))
    }
}

fn unknown(id: &str) -> Failure {
    Failure::new(ErrorCode::GenericNotFound, format!("{id} has not registered."))
}
