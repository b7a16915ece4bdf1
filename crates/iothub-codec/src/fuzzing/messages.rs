use crate::dialect::{Codec, Dialect};
use crate::error::EncodeError;
use crate::message::{Command, Operation, Reply, ToDevice, ToHub};
use crate::property::{Name, SystemProperty};
use crate::publish::Publish;
use crate::status::Status;

/// Writes what a hub is to read. `operation` is what an answer answers.
pub(super) fn encode_to_hub<'a>(
    codec: Codec<'_>,
    operation: Operation<'a>,
    message: &ToHub<'a>,
    out: &'a mut [u8],
) -> Result<Publish<'a>, EncodeError> {
    match message {
        ToHub::Telemetry(telemetry) => codec.encode(telemetry, out),
        ToHub::TwinGet(get) => codec.encode(get, out),
        ToHub::TwinPatch(patch) => codec.encode(patch, out),
        ToHub::Reply(reply) => codec.encode_reply(operation, reply, out),
    }
}

/// Writes what a device is to read, likewise.
pub(super) fn encode_to_device<'a>(
    codec: Codec<'_>,
    operation: Operation<'a>,
    message: &ToDevice<'a>,
    out: &'a mut [u8],
) -> Result<Publish<'a>, EncodeError> {
    match message {
        ToDevice::Command(command) => codec.encode(command, out),
        ToDevice::Input(input) => codec.encode(input, out),
        ToDevice::Method(call) => codec.encode(call, out),
        ToDevice::DesiredChanged(change) => codec.encode(change, out),
        ToDevice::Reply(reply) => codec.encode_reply(operation, reply, out),
    }
}

/// How much room a written message takes.
pub(super) fn size(publish: Publish<'_>) -> usize {
    publish.topic.len() + publish.properties.as_wire().len()
}

/// Sees that this is what arrives of a message for a hub.
pub(super) fn arrived_at_hub(
    dialect: Dialect,
    operation: Operation<'_>,
    sent: &ToHub<'_>,
    arrived: &ToHub<'_>,
) {
    match (sent, arrived) {
        (ToHub::Reply(sent), ToHub::Reply(arrived)) => replied(dialect, operation, sent, arrived),
        _ => assert_eq!(sent, arrived),
    }
}

/// The same for a device.
pub(super) fn arrived_at_device(
    dialect: Dialect,
    operation: Operation<'_>,
    sent: &ToDevice<'_>,
    arrived: &ToDevice<'_>,
) {
    match (sent, arrived) {
        (ToDevice::Reply(sent), ToDevice::Reply(arrived)) => replied(dialect, operation, sent, arrived),
        (ToDevice::Command(sent), ToDevice::Command(arrived)) if dialect == Dialect::Classic => {
            commanded(sent, arrived);
        }
        _ => assert_eq!(sent, arrived),
    }
}

/// The classic dialect puts an address in front where there is none.
fn commanded(sent: &Command<'_>, arrived: &Command<'_>) {
    let mut properties = arrived.properties.iter();
    if sent.properties.system(SystemProperty::To).is_none() {
        let first = properties.next().map(|property| property.name);
        assert_eq!(first, Some(Name::System(SystemProperty::To)));
    }
    assert!(properties.eq(sent.properties.iter()), "{sent:?} became {arrived:?}");
    assert_eq!((sent.payload, sent.qos), (arrived.payload, arrived.qos));
}

/// An answer says what goes without saying, and leaves out what its dialect or its status has no place for.
fn replied(dialect: Dialect, operation: Operation<'_>, sent: &Reply<'_>, arrived: &Reply<'_>) {
    let is_method = matches!(operation, Operation::Method(_));
    let said = sent.code.or((sent.status.is_success()).then_some(200));
    let expected = if dialect == Dialect::Classic {
        let code = arrived.code.expect("there is always a number");
        if is_method {
            assert!(arrived.status.is_success(), "a number of the device's own is no failure");
            assert_eq!(Some(code), said);
        } else {
            match sent.code {
                Some(sent) => assert_eq!(code, sent),
                None if sent.status == Status::SUCCESS => assert!(matches!(code, 200 | 204), "{code}"),
                None => assert_eq!(code, i32::from(sent.status.http()), "{sent:?}"),
            }
            // Of statuses with the same number only one can arrive.
            assert_eq!(arrived.status.http(), sent.status.http(), "{sent:?} became {arrived:?}");
        }
        Reply { status: arrived.status, code: arrived.code, reason: None, trace_id: None, ..*sent }
    } else {
        Reply {
            code: if is_method { said } else { None },
            reason: sent.reason.filter(|_| sent.status.may_have_reason()),
            trace_id: sent.trace_id.filter(|_| sent.status.may_have_trace_id()),
            ..*sent
        }
    };
    assert_eq!(expected, *arrived, "{operation:?}");
}
