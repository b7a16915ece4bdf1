//! How enrollments and registrations look in a terminal.

use iothub_model::{Attestation, DeviceRegistrationState, EnrollmentTerms, ReprovisionPolicy};
use serde_json::Value;

use super::terms::twin_line;

/// What is shown of an enrollment, whoever it is for.
pub(super) fn fields(terms: &EnrollmentTerms, show_keys: bool) -> Vec<(&'static str, String)> {
    let attestation = terms.attestation.clone().unwrap_or_default();
    let mut fields = vec![
        ("attestation", attestation.kind.to_string()),
        ("status", terms.provisioning_status.to_string()),
        ("hubs", hubs(terms)),
        ("reprovisioning", terms.reprovision_policy.map(reprovisioning).unwrap_or_default().into()),
        ("initial twin", twin_line(terms.initial_twin.as_ref())),
        ("payload", terms.payload.as_ref().map(Value::to_string).unwrap_or_default()),
    ];
    match attestation.symmetric_key {
        Some(keys) if show_keys => fields.extend([
            ("primary key", keys.primary_key.unwrap_or_default()),
            ("secondary key", keys.secondary_key.unwrap_or_default()),
        ]),
        Some(_) | None if attestation.x509.is_none() => {
            fields.push(("keys", "hidden (--show-keys shows them)".into()));
        }
        Some(_) | None => fields.extend(certificates(&attestation)),
    }
    fields.push(("etag", terms.etag.as_ref().map(ToString::to_string).unwrap_or_default()));
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

fn hubs(terms: &EnrollmentTerms) -> String {
    let policy = terms.allocation_policy.unwrap_or_default();
    match (&terms.iot_hub_host_name, &terms.iot_hubs) {
        (Some(name), _) => name.clone(),
        (None, Some(hubs)) => format!("{policy} among {}", hubs.join(", ")),
        (None, None) => format!("{policy} among all"),
    }
}

const fn reprovisioning(policy: ReprovisionPolicy) -> &'static str {
    match (policy.update_hub_assignment, policy.migrate_device_data) {
        (true, true) => "moves, with its twin",
        (true, false) => "moves, with a new twin",
        (false, _) => "stays",
    }
}

fn certificates(attestation: &Attestation) -> Vec<(&'static str, String)> {
    let Some(x509) = &attestation.x509 else { return Vec::new() };
    let both = [&x509.client_certificates, &x509.signing_certificates].into_iter().flatten();
    let infos = both.flat_map(|both| [&both.primary, &both.secondary]).flatten();
    let infos = infos.filter_map(|certificate| certificate.info.as_ref());
    let mut fields: Vec<_> = infos
        .map(|info| ("certificate", format!("{}\n{}", info.subject_name, info.sha256_thumbprint)))
        .collect();
    let names = x509.ca_references.iter().flat_map(|names| [&names.primary, &names.secondary]).flatten();
    fields.extend(names.map(|name| ("authority", name.clone())));
    fields
}

/// What is shown of a registration.
pub(super) fn registration(state: &DeviceRegistrationState) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let mut fields = vec![
        ("registration", state.registration_id.clone()),
        ("status", state.status.to_string()),
        ("substatus", state.substatus.map(|substatus| substatus.to_string()).unwrap_or_default()),
        ("hub", text(&state.assigned_hub)),
        ("device", text(&state.device_id)),
        ("group", text(&state.enrollment_group_id)),
        ("error", text(&state.error_message)),
        ("payload", json(&state.payload)),
        ("device payload", json(&state.device_payload)),
        ("last updated", state.last_updated_date_time_utc.to_string()),
    ];
    fields.retain(|(_, value)| !value.is_empty());
    fields
}
