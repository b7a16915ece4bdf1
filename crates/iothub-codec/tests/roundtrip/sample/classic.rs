//! What the classic dialect can say.

use iothub_codec::{Dialect, Status, SystemProperty};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Answer, Asked, Bag, Sample, any_payload, any_qos, any_request, any_value};
use crate::naive::classic::status;

/// Names as hubs accept them, without the two characters that no topic can have.
pub(super) const NAME: &str = "[-:.%_*?!(),=@$'a-zA-Z0-9]{1,128}";

/// Some only for a module.
pub(super) fn any_sample(is_module: bool) -> BoxedStrategy<Sample> {
    let input = ("[^\0]{1,12}", any_bag(), any_payload(), any_qos())
        .prop_map(|(name, bag, payload, qos)| Sample::Input { name, bag, payload, qos });
    if is_module { prop_oneof![1 => input, 8 => any_of_device()].boxed() } else { any_of_device().boxed() }
}

fn any_of_device() -> impl Strategy<Value = Sample> {
    prop_oneof![
        (any_bag(), any_payload(), any_qos(), any::<bool>())
            .prop_map(|(bag, payload, qos, retain)| Sample::Telemetry { bag, payload, qos, retain }),
        (any_bag(), any_payload(), any_qos()).prop_map(|(bag, payload, qos)| Sample::Command {
            bag,
            payload,
            qos
        }),
        (any_id(), "[-!%&'*.^_`|~a-zA-Z0-9]{1,40}", any_payload()).prop_map(|(request, name, payload)| {
            Sample::Method { request, name, media_type: None, encoding: None, payload }
        }),
        any_id().prop_map(Sample::twin_get),
        (any_id(), any_payload(), option::of(any::<u64>()))
            .prop_map(|(request, patch, if_version)| Sample::TwinPatch { request, patch, if_version }),
        (any::<u64>(), any_payload(), any_qos()).prop_map(|(version, patch, qos)| Sample::DesiredChanged {
            version,
            patch,
            qos
        }),
        (any_id(), any::<i32>(), any_payload()).prop_map(|(request, code, payload)| {
            let asked = Asked::Method("any".to_owned());
            Sample::Reply(Answer {
                code: Some(code),
                payload,
                ..Answer::new(request, asked, Status::SUCCESS)
            })
        }),
        (any_id(), 100..=999, option::of(any::<u64>()), any_payload()).prop_map(
            |(request, code, version, payload)| {
                let answer = Answer::new(request, Asked::TwinGet, status(code));
                Sample::Reply(Answer { code: Some(code), version, payload, ..answer })
            }
        ),
    ]
}

fn any_bag() -> impl Strategy<Value = Bag> {
    let own = |(name, _): &(String, String)| !name.starts_with("$.") && !name.starts_with("iothub-");
    let application = prop_oneof!["[a-z]{0,3}", "[ -~]{0,6}", ".{0,6}"];
    (
        vec((select(named()), any_value()), 0..3),
        vec((application, any_value()).prop_filter("no name of a system property", own), 0..4),
    )
        .prop_map(|(system, application)| Bag { system, application })
}

fn named() -> Vec<SystemProperty> {
    let all = SystemProperty::ALL.iter().copied();
    all.filter(|property| Dialect::Classic.property_name(*property).is_some()).collect()
}

/// Ids stand in topics as they are.
fn any_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![any_request(), "[ -~&&[^&#+]]{1,16}".prop_map(String::into_bytes)]
}
