//! The bodies of the fuzz targets: functions of any bytes that panic when something is wrong with this crate.
//! Ordinary tests run them too. Not for use outside the workspace.

use crate::connect::{Connect, Version};
use crate::dialect::{Codec, Dialect, open_connect};
use crate::identity::{DeviceId, Identity, ModuleId};
use crate::message::{Operation, ToDevice, ToHub};
use crate::provisioning::{ProvisioningReply, ToProvisioning};
use crate::publish::{Publish, Qos};
use crate::registration::RegistrationClaim;
use crate::sas::SasToken;
use crate::section::PropertySection;
use crate::{ConnectionString, EncodeError};

/// Room for what a message of fuzzed bytes is written into: every byte may need an escape.
const ROOM: usize = 3 * 4096 + 512;

/// Topics and filters, read at both ends by a device and by a module; what is read is written and read again.
pub fn topic(data: &[u8]) {
    let Ok(topic) = core::str::from_utf8(data) else { return };
    let device = DeviceId::new("d").expect("a letter is a name");
    let module = ModuleId::new("m").expect("a letter is a name");
    for identity in [Identity::device(device), Identity::module(device, module)] {
        let codec = Codec::new(Dialect::Classic, identity);
        let _ = codec.decode_filter(topic);
        let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new(topic, b"{}") };
        if topic.len() > 4096 {
            let _ = (codec.decode_to_hub(&publish), codec.decode_to_device(&publish));
            continue;
        }
        let mut out = [0; ROOM];
        if let Ok(message) = codec.decode_to_hub(&publish) {
            let written = match &message {
                ToHub::Telemetry(telemetry) => codec.encode(telemetry, &mut out),
                ToHub::TwinGet(get) => codec.encode(get, &mut out),
                ToHub::TwinPatch(patch) => codec.encode(patch, &mut out),
                ToHub::Reply(reply) => codec.encode_reply(Operation::Method("m"), reply, &mut out),
            };
            if let Some(written) = well_written(written) {
                let again = codec.decode_to_hub(&written).expect("what was written can be read");
                assert_eq!(without_flags(again), without_flags(message), "{topic}");
            }
        }
        let mut out = [0; ROOM];
        if let Ok(message) = codec.decode_to_device(&publish) {
            let written = match &message {
                // Written with an address that may not have been there.
                ToDevice::Command(_) => continue,
                ToDevice::Input(input) => codec.encode(input, &mut out),
                ToDevice::Method(call) => codec.encode(call, &mut out),
                ToDevice::DesiredChanged(change) => codec.encode(change, &mut out),
                ToDevice::Reply(reply) => codec.encode_reply(Operation::TwinGet, reply, &mut out),
            };
            if let Some(written) = well_written(written) {
                assert_eq!(codec.decode_to_device(&written), Ok(message), "{topic}");
            }
        }
    }
}

/// The fields of a CONNECT, cut at the first two line feeds: client identifier, user name, password.
pub fn connect(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (client_id, username, password) = (next(), next(), next());
    let (Ok(client_id), Ok(username)) = (core::str::from_utf8(client_id), core::str::from_utf8(username))
    else {
        return;
    };
    for version in [Version::V311, Version::V5] {
        let connect = Connect {
            version,
            client_id,
            username: Some(username),
            password: Some(password),
            properties: PropertySection::EMPTY,
        };
        if let Ok((dialect, claim)) = open_connect(&connect) {
            assert!(claim.identity.is(client_id), "nobody connects under another name");
            #[cfg(feature = "preview5")]
            assert_eq!(dialect == Dialect::Preview5, version == Version::V5, "{dialect:?}");
        }
    }
}

/// A topic of the provisioning service, and a CONNECT to it: the first three lines, without a line feed. What is read is
/// written and read again.
pub fn provisioning(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (topic, client_id, username) = (next(), next(), next());
    let _ = ProvisioningReply::decode_filter(topic);
    let publish = Publish::new(topic, b"{}");
    let mut out = [0; ROOM];
    if let Ok(request) = ToProvisioning::decode(&publish) {
        let written = match &request {
            ToProvisioning::Register(register) => register.encode(&mut out),
            ToProvisioning::Status(status) => status.encode(&mut out),
        };
        if let Some(written) = written_within(topic.len(), written) {
            // Whatever stood in place of an empty payload.
            let written = Publish { payload: publish.payload, ..written };
            assert_eq!(ToProvisioning::decode(&written), Ok(request), "{topic}");
        }
    }
    let mut out = [0; ROOM];
    if let Ok(reply) = ProvisioningReply::decode(&publish)
        && let Some(written) = written_within(topic.len(), reply.encode(&mut out))
    {
        assert_eq!(ProvisioningReply::decode(&written), Ok(reply), "{topic}");
    }
    let (username, properties) = (Some(username), PropertySection::EMPTY);
    let connect = Connect { version: Version::V311, client_id, username, password: None, properties };
    if let Ok(claim) = RegistrationClaim::open(&connect) {
        let id = claim.registration.id.as_str();
        assert!(id.eq_ignore_ascii_case(client_id), "nobody connects under another name");
    }
}

/// For a topic that is longer than there is room for, nothing is said.
fn written_within<'a>(topic_len: usize, written: Result<Publish<'a>, EncodeError>) -> Option<Publish<'a>> {
    if topic_len > 4096 { written.ok() } else { well_written(written) }
}

/// SAS tokens and connection strings.
pub fn credentials(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(token) = SasToken::parse(text) {
        let _ = (token.covers("hub1.test", None), token.policy(), token.expiry_s());
    }
    let _ = ConnectionString::parse(text);
}

/// What can be read may be more than what can be written: readers are lenient.
fn well_written<'a>(written: Result<Publish<'a>, EncodeError>) -> Option<Publish<'a>> {
    match written {
        Ok(publish) => Some(publish),
        Err(EncodeError::BufferTooSmall { needed }) => panic!("{needed} bytes for at most {ROOM}"),
        Err(
            EncodeError::NotExpressible
            | EncodeError::Missing(_)
            | EncodeError::BadValue(_)
            | EncodeError::PropertyTooLong { .. }
            | EncodeError::TopicTooLong { .. },
        ) => None,
    }
}

/// The flags of the packet, which requests do not keep.
fn without_flags(message: ToHub<'_>) -> ToHub<'_> {
    match message {
        ToHub::Telemetry(mut telemetry) => {
            telemetry.qos = Qos::AtMostOnce;
            ToHub::Telemetry(telemetry)
        }
        ToHub::TwinGet(_) | ToHub::TwinPatch(_) | ToHub::Reply(_) => message,
    }
}
