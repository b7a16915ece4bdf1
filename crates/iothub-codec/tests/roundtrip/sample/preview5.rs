//! What the MQTT 5 dialect can say.

use iothub_codec::{Status, SystemProperty};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{Answer, Asked, Bag, Sample, any_payload, any_qos, any_request};
use crate::plain::Bytes;

/// No name stands in a topic.
pub(super) const NAME: &str = "[-:.+%_#*?!(),=@$'a-zA-Z0-9]{1,128}";

pub(super) fn any_sample() -> BoxedStrategy<Sample> {
    prop_oneof![
        (any_bag(&[]), any_payload(), any_qos()).prop_map(|(bag, payload, qos)| Sample::Telemetry {
            bag,
            payload,
            qos,
            retain: false
        }),
        (any_bag(COMMAND), any_payload(), any_qos()).prop_map(|(bag, payload, qos)| Sample::Command {
            bag,
            payload,
            qos
        }),
        (any_id(), any_method(), option::of(any_text()), any_payload()).prop_map(
            |(request, name, media_type, payload)| {
                Sample::Method { request, name, media_type, encoding: None, payload }
            }
        ),
        any_id().prop_map(Sample::twin_get),
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

fn any_answer() -> impl Strategy<Value = Answer> {
    let asked =
        prop_oneof![Just(Asked::TwinGet), Just(Asked::TwinPatch), any_method().prop_map(Asked::Method)];
    let status =
        prop_oneof![Just(Status::SUCCESS), select(Status::ALL), any::<u16>().prop_map(Status::from_code)];
    let said = (any_id(), asked, status, any::<u64>(), option::of(0..=i32::MAX), any_payload());
    let texts = (option::of(any_text()), option::of(any_text()), option::of(any_text()));
    (said, texts).prop_map(
        |((request, asked, status, version, code, payload), (media_type, reason, trace_id))| {
            let mut answer = Answer { payload, media_type, ..Answer::new(request, asked, status) };
            match answer.asked {
                Asked::TwinGet => {}
                // What was changed has a version from then on, and nothing else has.
                Asked::TwinPatch => answer.version = (status == Status::SUCCESS).then_some(version),
                Asked::Method(_) => answer.code = code.or(status.is_success().then_some(0)),
            }
            answer.reason = reason.filter(|_| status.may_have_reason());
            answer.trace_id = trace_id.filter(|_| status.may_have_trace_id());
            answer
        },
    )
}

const COMMAND: &[SystemProperty] =
    &[SystemProperty::SequenceNumber, SystemProperty::EnqueuedTime, SystemProperty::DeliveryCount];
const BOTH: &[SystemProperty] = &[
    SystemProperty::ContentType,
    SystemProperty::ContentEncoding,
    SystemProperty::MessageId,
    SystemProperty::UserId,
    SystemProperty::CorrelationId,
    SystemProperty::CreationTime,
];

/// Each system property at most once, in any order, and those that must be there always.
fn any_bag(required: &'static [SystemProperty]) -> impl Strategy<Value = Bag> {
    let number = || prop_oneof![Just(u32::MAX), any::<u32>()].prop_map(|number| number.to_string());
    let value = move |property| {
        if BOTH.contains(&property) && property != SystemProperty::CreationTime {
            any_text().boxed()
        } else {
            number().boxed()
        }
    };
    let optional = subsequence(BOTH, 0..=BOTH.len());
    let named = optional.prop_map(move |optional| [&optional, required].concat()).prop_shuffle();
    let system = named.prop_flat_map(move |named| {
        let values: Vec<_> = named.iter().map(|property| value(*property)).collect();
        values.prop_map(move |values| named.iter().copied().zip(values).collect::<Vec<_>>())
    });
    let application = vec((any_text(), any_text()), 0..4);
    (system, application).prop_map(|(system, application)| Bag { system, application })
}

fn any_method() -> impl Strategy<Value = String> {
    "[-!%&'*.^_`|~a-zA-Z0-9]{1,40}"
}

/// MQTT has no text with NUL in it.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,8}", "[^\0]{0,8}"]
}

/// Ids are any bytes.
fn any_id() -> impl Strategy<Value = Bytes> {
    prop_oneof![any_request().prop_filter("at most 16 bytes", |id| id.len() <= 16), vec(any::<u8>(), 1..=16)]
}
