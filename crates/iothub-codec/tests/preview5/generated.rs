//! What must hold for what only this dialect has: acknowledgements and renewals read back, sizes are exact, and
//! properties are found by their names.

use iothub_codec::{
    AuthStep, Detail, EncodeError, Outcome, Properties, PropertySection, Qos, SectionOf, SectionProperty,
    Signature, Status, SystemProperty, Telemetry, Terms, Text, ToHub,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::ends::device;

/// Room for everything that is made up here.
const ROOM: usize = 4096;

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,8}", "[^\0]{0,8}"]
}

pub(crate) fn any_qos() -> impl Strategy<Value = Qos> {
    select(&[Qos::AtMostOnce, Qos::AtLeastOnce][..])
}

fn any_status() -> impl Strategy<Value = Status> {
    prop_oneof![select(Status::ALL), any::<u16>().prop_map(Status::from_code)]
}

/// The room that something needs to be written, exactly: with less it is refused, and told how much is needed.
fn exact_room(write: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Vec<u8> {
    let needed = write(&mut [0; ROOM]).unwrap();
    for less in [0, needed / 2, needed.saturating_sub(1)].into_iter().filter(|less| *less < needed) {
        assert_eq!(write(&mut vec![0; less]), Err(EncodeError::BufferTooSmall { needed }));
    }
    vec![0; needed]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn each_property_is_found_by_its_name(
        system in subsequence(NAMED, 0..=NAMED.len()).prop_shuffle(),
        values in vec(any_text(), NAMED.len()),
        application in vec(("[ab]?", any_text()), 0..4),
    ) {
        let system: Vec<_> = system.into_iter().zip(values.iter().map(String::as_str)).collect();
        let application: Vec<_> =
            application.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let message = Telemetry { properties: Properties::new(&system, &application), ..Telemetry::default() };
        let mut out = [0; ROOM];
        let publish = device().encode(&message, &mut out).unwrap();
        let Ok(ToHub::Telemetry(read)) = device().decode_to_hub(&publish) else { panic!("{publish:?}") };
        for name in SystemProperty::ALL {
            let expected = system.iter().find(|(each, _)| each == name);
            prop_assert_eq!(read.properties.system(*name), expected.map(|(_, value)| Text::plain(value)));
        }
        for name in ["", "a", "b", "c"] {
            let last = application.iter().rfind(|(each, _)| *each == name);
            prop_assert_eq!(read.properties.get(name), last.map(|(_, value)| Text::plain(value)));
        }
    }

    #[test]
    fn an_outcome_reads_back(
        status in any_status(),
        reason in option::of(any_text()),
        trace_id in option::of(any_text()),
        room in 0_usize..64,
    ) {
        let outcome = Outcome {
            status,
            reason: reason.as_deref().map(Text::plain).filter(|_| status.may_have_reason()),
            trace_id: trace_id.as_deref().map(Text::plain).filter(|_| status.may_have_trace_id()),
        };
        let codec = device();
        let mut room_for_all = exact_room(|out| {
            codec.encode_ack(&outcome, Detail::FULL, out).map(|ack| ack.properties.as_wire().len())
        });
        let ack = codec.encode_ack(&outcome, Detail::FULL, &mut room_for_all).unwrap();
        prop_assert_eq!(codec.decode_ack(&ack), Ok(outcome));

        let full = ack.properties;
        let mut out = [0; 64];
        let cut = codec.encode_ack(&outcome, Detail::UpTo(room), &mut out).unwrap();
        prop_assert!(cut.properties.as_wire().len() <= room);
        prop_assert!(full.as_wire().starts_with(cut.properties.as_wire()));
        let next = full.iter().nth(cut.properties.iter().count());
        let next = next.map_or(usize::MAX, |property| {
            let SectionProperty::User(user) = property else { panic!("{property:?}") };
            user.name.len() + user.value.len() + 5
        });
        prop_assert!(cut.properties.as_wire().len().saturating_add(next) > room, "no more had room");
    }

    #[test]
    fn a_renewal_reads_back(at_ms in option::of(any::<u64>()), expiry_ms: u64, code: [u8; 32]) {
        let codec = device();
        let step = AuthStep::Renew(Signature { terms: Terms { expiry_ms, at_ms, policy: None }, code });
        let mut room = exact_room(|out| codec.encode_auth(&step, out).map(|auth| auth.properties.as_wire().len()));
        let auth = codec.encode_auth(&step, &mut room).unwrap();
        prop_assert_eq!(PropertySection::from_wire(auth.properties.as_wire(), SectionOf::Auth), Ok(auth.properties));
        prop_assert!(codec.decode_auth(&auth) == Ok(step));
    }
}

/// The system properties of telemetry that are texts.
const NAMED: &[SystemProperty] = &[
    SystemProperty::ContentType,
    SystemProperty::ContentEncoding,
    SystemProperty::MessageId,
    SystemProperty::UserId,
    SystemProperty::CorrelationId,
];
