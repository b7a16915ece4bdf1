//! What the owner of an enrollment may choose.

use iothub_model::{
    AllocationPolicy, Attestation, AttestationType, EnrollmentTerms, ErrorCode, Etag, Update,
};
use iothub_proto::Now;

use crate::hub::Hub;
use crate::provisioning::{check, hubs_of};
use crate::rest::Failure;
use crate::rest::wish::check_keys;
use crate::twin::{Twin, TwinEdit, date};

/// Longest payload that is handed to devices, in bytes of JSON.
const PAYLOAD_LEN_MAX: usize = 8 * 1024;
/// Most hubs that an enrollment names.
const HUBS_MAX: usize = 100;

impl Hub {
    /// What is kept of the terms that somebody asks for, if they are in order.
    pub(super) fn kept_terms(
        &mut self,
        now: Now,
        asked: EnrollmentTerms,
        before: Option<&EnrollmentTerms>,
        is_group: bool,
    ) -> Result<EnrollmentTerms, Failure> {
        let mut terms = asked;
        let at = date(now.timestamp);
        let mut attestation = terms
            .attestation
            .take()
            .ok_or_else(|| Failure::new(ErrorCode::ArgumentNull, "attestation is missing"))?;
        fill_in(&mut attestation, before.and_then(|before| before.attestation.as_ref()));
        check(&mut attestation, is_group)?;
        if attestation.kind == AttestationType::SymmetricKey {
            let keys = attestation.symmetric_key.get_or_insert_default();
            check_keys(keys)?;
            keys.primary_key.get_or_insert_with(|| self.source.key());
            keys.secondary_key.get_or_insert_with(|| self.source.key());
        }
        terms.attestation = Some(attestation);
        self.check_allocation(&terms)?;
        check_twin(now, &terms)?;
        if terms.payload.as_ref().is_some_and(|payload| payload.to_string().len() > PAYLOAD_LEN_MAX) {
            return Err(invalid(format!("payload has at most {PAYLOAD_LEN_MAX} bytes")));
        }
        terms.allocation_policy.get_or_insert(match terms.iot_hub_host_name {
            Some(_) => AllocationPolicy::Static,
            None => AllocationPolicy::Hashed,
        });
        terms.reprovision_policy.get_or_insert_default();
        terms.etag = Etag::new(&self.source.identity_etag()).ok();
        terms.created_date_time_utc = before.map_or(at, |before| before.created_date_time_utc);
        terms.last_updated_date_time_utc = at;
        Ok(terms)
    }

    fn check_allocation(&self, terms: &EnrollmentTerms) -> Result<(), Failure> {
        match terms.allocation_policy {
            None | Some(AllocationPolicy::Hashed | AllocationPolicy::Static) => {}
            Some(policy @ (AllocationPolicy::GeoLatency | AllocationPolicy::Custom)) => {
                let why = "is not served here: hashed and static are";
                return Err(invalid(format!("allocationPolicy {policy} {why}")));
            }
        }
        if terms.iot_hubs.as_ref().is_some_and(|hubs| hubs.len() > HUBS_MAX) {
            return Err(invalid(format!("iotHubs has at most {HUBS_MAX} names")));
        }
        match &self.config.provisioning {
            Some(config) => hubs_of(config, terms).map(drop),
            None => Ok(()),
        }
    }
}

/// Who reads an enrollment is not given its keys and certificates, and may send it back without them.
fn fill_in(attestation: &mut Attestation, before: Option<&Attestation>) {
    let Some(before) = before.filter(|before| before.kind == attestation.kind) else { return };
    if let Some(known) = &before.symmetric_key {
        let keys = attestation.symmetric_key.get_or_insert_default();
        keys.primary_key = keys.primary_key.take().or_else(|| known.primary_key.clone());
        keys.secondary_key = keys.secondary_key.take().or_else(|| known.secondary_key.clone());
    }
    let mentions_certificates = attestation.x509.as_ref().is_some_and(|x509| {
        let both = [&x509.client_certificates, &x509.signing_certificates].into_iter().flatten();
        let each = both.flat_map(|both| [&both.primary, &both.secondary]).flatten();
        let given = each.filter(|each| each.certificate.is_some()).count() > 0;
        given || x509.ca_references.is_some()
    });
    if !mentions_certificates {
        attestation.x509.clone_from(&before.x509);
    }
}

fn check_twin(now: Now, terms: &EnrollmentTerms) -> Result<(), Failure> {
    let Some(initial) = &terms.initial_twin else { return Ok(()) };
    let edit = TwinEdit {
        tags: Some(Update::Replace(initial.tags.clone())),
        desired: Some(Update::Replace(initial.properties.desired.clone())),
        reported: None,
    };
    let applied = Twin::new(now.timestamp).apply(edit, now.timestamp);
    applied.map(drop).map_err(|violation| invalid(format!("initialTwin: {violation}")))
}

/// An enrollment as back ends read it: without keys and certificates, for which they ask apart.
pub(super) fn shown(mut terms: EnrollmentTerms) -> EnrollmentTerms {
    if let Some(attestation) = &mut terms.attestation {
        attestation.symmetric_key = None;
        hide_certificates(attestation);
    }
    terms
}

/// An attestation as whoever asks for it reads it: of certificates what is in them.
pub(super) fn attestation(terms: &EnrollmentTerms) -> Attestation {
    let mut attestation = terms.attestation.clone().unwrap_or_default();
    hide_certificates(&mut attestation);
    attestation
}

fn hide_certificates(attestation: &mut Attestation) {
    let Some(x509) = &mut attestation.x509 else { return };
    let both = [&mut x509.client_certificates, &mut x509.signing_certificates].into_iter().flatten();
    for certificate in both.flat_map(|both| [&mut both.primary, &mut both.secondary]).flatten() {
        certificate.certificate = None;
    }
}

pub(super) fn invalid(message: String) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, message)
}
