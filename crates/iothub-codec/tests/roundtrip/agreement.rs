//! The reader and the naive one are asked about the same messages: written, broken and made up.

use iothub_codec::{PropertySection, Publish, Qos, SectionOf};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::damage::{any_damage, damaged, words};
use crate::naive;
use crate::plain::{self, Receiver};
use crate::sample::{DIALECTS, Who, any_case};

fn agree(who: &Who, publish: &Publish<'_>) -> Result<(), TestCaseError> {
    for receiver in [Receiver::Hub, Receiver::Device] {
        let one = plain::read(who.codec(), receiver, publish);
        prop_assert_eq!(one, naive::read(who, receiver, publish), "{:?} {:?} {:?}", who, receiver, publish);
    }
    Ok(())
}

/// At either QoS, with those MQTT 5 properties.
fn agree_on_topic(who: &Who, topic: &str, wire: &[u8]) -> Result<(), TestCaseError> {
    let properties = PropertySection::from_wire(wire, SectionOf::Publish).unwrap();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        agree(who, &Publish { qos, properties, ..Publish::new(topic, b"{}") })?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn two_readers_agree_on_what_was_written((who, sample) in any_case()) {
        let mut out = vec![0; 1 << 16];
        sample.write(&who, &mut out, |publish| agree(&who, &publish.unwrap()))?;
    }

    #[test]
    fn two_readers_agree_on_what_was_damaged(
        ((who, sample), damage) in any_case().prop_flat_map(|case| {
            let dialect = case.0.dialect;
            (Just(case), vec(any_damage(dialect), 1..4))
        })
    ) {
        let (topic, properties) = sample.carrier(&who);
        agree_on_topic(&who, &damage.iter().fold(topic, damaged), &properties)?;
    }

    #[test]
    fn two_readers_agree_on_what_was_made_up(
        (dialect, pieces) in select(&DIALECTS[..]).prop_flat_map(|dialect| {
            (Just(dialect), vec(select(words(dialect)), 0..10))
        }),
        is_module in any::<bool>(),
    ) {
        agree_on_topic(&Who::short(dialect, is_module), &pieces.concat(), b"")?;
    }
}
