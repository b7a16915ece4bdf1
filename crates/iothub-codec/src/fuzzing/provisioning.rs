use super::{INPUT_MAX, ROOM, sized};
use crate::connect::{Connect, Version};
use crate::provisioning::{ProvisioningReply, ToProvisioning};
use crate::publish::Publish;
use crate::registration::RegistrationClaim;
use crate::section::PropertySection;

/// A topic of the provisioning service, and a CONNECT to it: the first three lines, without a line feed. What is read is
/// written and read again.
pub fn provisioning(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (topic, client_id, username) = (next(), next(), next());
    let _ = ProvisioningReply::decode_filter(topic);
    let publish = Publish::new(topic, b"{}");
    if topic.len() <= INPUT_MAX {
        at_service(&publish);
        at_device(&publish);
    }
    let (username, properties) = (Some(username), PropertySection::EMPTY);
    let connect = Connect { version: Version::V311, client_id, username, password: None, properties };
    if let Ok(claim) = RegistrationClaim::open(&connect) {
        let id = claim.registration.id.as_str();
        assert!(id.eq_ignore_ascii_case(client_id), "nobody connects under another name");
    }
}

fn at_service(publish: &Publish<'_>) {
    let Ok(request) = ToProvisioning::decode(publish) else { return };
    let write = |out: &mut [u8]| match &request {
        ToProvisioning::Register(register) => register.encode(out).map(|written| written.topic.len()),
        ToProvisioning::Status(status) => status.encode(out).map(|written| written.topic.len()),
    };
    sized(write).expect("what was read can be written");
    let mut out = [0; ROOM];
    let written = match &request {
        ToProvisioning::Register(register) => register.encode(&mut out),
        ToProvisioning::Status(status) => status.encode(&mut out),
    };
    // Whatever stood in place of an empty payload.
    let written = written.map(|written| Publish { payload: publish.payload, ..written });
    let again = written.map(|written| ToProvisioning::decode(&written));
    assert_eq!(again, Ok(Ok(request)), "{}", publish.topic);
}

fn at_device(publish: &Publish<'_>) {
    let Ok(reply) = ProvisioningReply::decode(publish) else { return };
    sized(|out| reply.encode(out).map(|written| written.topic.len())).expect("what was read can be written");
    let mut out = [0; ROOM];
    let again = reply.encode(&mut out).map(|written| ProvisioningReply::decode(&written));
    assert_eq!(again, Ok(Ok(reply)), "{}", publish.topic);
}
