//! Devices that register over HTTPS. They prove themselves with each request.

use iothub_codec::{IdScope, Proof, Registration, RegistrationId};
use iothub_model::ErrorCode;
use iothub_proto::Now;

use super::path::Asking;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::provisioning::{Answer, Attested};
use crate::rest::{Failure, Outcome};

impl Hub {
    /// Sees to it that a request is by the device that it is about.
    pub(in crate::rest) fn let_registrant_in(
        &self,
        now: Now,
        asking: &Asking,
        request: &RestRequest<'_>,
    ) -> Result<Attested, Failure> {
        let refused = |why: &dyn core::fmt::Display| {
            Failure::new(ErrorCode::IotHubUnauthorizedAccess, format!("Unauthorized: {why}"))
        };
        let config = self.config.provisioning.as_ref();
        if config.is_none_or(|config| config.id_scope != asking.scope) {
            return Err(refused(&format_args!("there is no id scope {:.128?}", asking.scope)));
        }
        let scope = IdScope::new(&asking.scope).map_err(|error| refused(&error))?;
        let id = RegistrationId::new(&asking.id).map_err(|error| refused(&error))?;
        let proof = request.header("authorization").map_or(Proof::None, Proof::Token);
        let bid = (Registration::new(scope, id), &proof);
        let attested = self.provisioning.attest(&self.gate, bid, request.certificates, now.timestamp);
        attested.map_err(|denied| refused(&denied.why))
    }

    pub(super) fn register_over_https(
        &mut self,
        now: Now,
        asking: &Asking,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let attested = self.let_registrant_in(now, asking, request)?;
        Ok(answered(&self.register(now, &attested, request.body, effects)?))
    }

    pub(super) fn operation_over_https(
        &self,
        now: Now,
        asking: &Asking,
        operation: &str,
        request: &RestRequest<'_>,
    ) -> Result<Outcome, Failure> {
        let attested = self.let_registrant_in(now, asking, request)?;
        Ok(answered(&self.operation_status(&attested, operation)?))
    }

    pub(super) fn look_up_over_https(
        &self,
        now: Now,
        asking: &Asking,
        request: &RestRequest<'_>,
    ) -> Result<Outcome, Failure> {
        let attested = self.let_registrant_in(now, asking, request)?;
        Ok(Outcome::json(200, &self.registration_of(&attested)?, None))
    }
}

fn answered(answer: &Answer) -> Outcome {
    let mut outcome = Outcome::json(answer.status, &answer.body, None);
    if let (Outcome::Done(response), Some(seconds)) = (&mut outcome, answer.retry_after_s) {
        response.headers.push(("retry-after".into(), seconds.to_string()));
    }
    outcome
}
