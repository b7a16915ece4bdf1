//! What the `$az/iot` dialect can say.

use iothub_codec::{Status, SystemProperty, TwinPart};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Answer, Asked, Bag, Sample, any_payload, any_qos, any_request, any_value};
use crate::plain::Bytes;

/// No name stands in a topic.
pub(super) const NAME: &str = "[-:.+%_#*?!(),=@$'a-zA-Z0-9]{1,128}";

pub(super) fn any_sample() -> BoxedStrategy<Sample> {
    prop_oneof![
        (any_bag(TELEMETRY, &[]), any_payload(), any_qos())
            .prop_map(|(bag, payload, qos)| Sample::Telemetry { bag, payload, qos, retain: false }),
        (any_bag(&[], COMMAND), any_payload(), any_qos()).prop_map(|(bag, payload, qos)| Sample::Command {
            bag,
            payload,
            qos
        }),
        (any_id(), any_method(), any_text(), any_text(), any_payload()).prop_map(
            |(request, name, media_type, encoding, payload)| Sample::Method {
                request,
                name,
                media_type,
                encoding,
                payload
            }
        ),
        any_get(),
        (any_id(), any_payload(), option::of(any::<u64>()))
            .prop_map(|(request, patch, if_version)| Sample::TwinPatch { request, patch, if_version }),
        (any::<u64>(), any_payload(), any_qos()).prop_map(|(version, patch, qos)| Sample::DesiredChanged {
            version,
            patch,
            qos
        }),
        any_answer().prop_map(Sample::Reply),
    ]
    .boxed()
}

fn any_get() -> impl Strategy<Value = Sample> {
    let section = select(&[TwinPart::Reported, TwinPart::Desired][..]);
    prop_oneof![
        any_id().prop_map(Sample::twin_get),
        (any_id(), section, option::of(any::<u64>()))
            .prop_map(|(request, part, known_version)| Sample::TwinGet { request, part, known_version }),
    ]
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let asked =
        prop_oneof![Just(Asked::TwinGet), Just(Asked::TwinPatch), any_method().prop_map(Asked::Method),];
    let status =
        prop_oneof![Just(Status::SUCCESS), select(Status::ALL), any::<u16>().prop_map(Status::from_code),];
    let number = option::of(any::<u64>());
    let said = (any_id(), asked, status, number, any_payload());
    (said, (any_text(), any_text()), (any_text(), any_text())).prop_map(
        |((request, asked, status, number, payload), (media_type, encoding), (reason, trace_id))| {
            let mut answer = Answer { payload, ..Answer::new(request, asked, status) };
            // A success must say what a failure may.
            let number = number.or(status.is_success().then_some(0));
            match answer.asked {
                Asked::TwinGet => answer.version = number,
                Asked::TwinPatch => answer.version = number.or(status.is_success().then_some(0)),
                Asked::Method(_) => {
                    answer.code = number.map(|number| (number >> 33) as i32);
                    (answer.media_type, answer.encoding) = (media_type, encoding);
                }
            }
            answer.reason = reason.filter(|_| status.may_have_reason());
            answer.trace_id = trace_id.filter(|_| status.may_have_trace_id());
            answer
        },
    )
}

const TELEMETRY: &[SystemProperty] =
    &[SystemProperty::Component, SystemProperty::TraceParent, SystemProperty::TraceState];
const COMMAND: &[SystemProperty] = &[
    SystemProperty::SequenceNumber,
    SystemProperty::Expiry,
    SystemProperty::EnqueuedTime,
    SystemProperty::DeliveryCount,
];
const BOTH: &[SystemProperty] = &[
    SystemProperty::MessageId,
    SystemProperty::CorrelationId,
    SystemProperty::UserId,
    SystemProperty::ContentType,
    SystemProperty::ContentEncoding,
    SystemProperty::CreationTime,
];

/// Those that must be there come last.
fn any_bag(
    optional: &'static [SystemProperty],
    required: &'static [SystemProperty],
) -> impl Strategy<Value = Bag> {
    let optional: Vec<_> = BOTH.iter().chain(optional).copied().collect();
    let number = || prop_oneof![Just(u32::MAX), any::<u32>()].prop_map(|number| number.to_string());
    let value = move |property| {
        if property == SystemProperty::CreationTime { number().boxed() } else { any_value().boxed() }
    };
    (
        vec(select(optional).prop_flat_map(move |property| (Just(property), value(property))), 0..4),
        vec(number(), required.len()),
        vec((prop_oneof!["[a-z]{0,3}", "[ -~]{0,6}", ".{0,6}"], any_value()), 0..4),
    )
        .prop_map(|(mut system, numbers, application)| {
            system.extend(required.iter().copied().zip(numbers));
            Bag { system, application }
        })
}

fn any_method() -> impl Strategy<Value = String> {
    "[-!%&'*.^_`|~a-zA-Z0-9]{1,40}"
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    option::of(any_value())
}

/// Ids are of any bytes, and percent-encoded like all that is in a topic.
fn any_id() -> impl Strategy<Value = Bytes> {
    prop_oneof![any_request(), vec(any::<u8>(), 1..=32)]
}
