//! Writing and reading are each other's inverse, and the writer knows how much room it needs.

use iothub_codec::{Channels, Dialect, EncodeError, PropertySection, Publish, SectionOf};
use proptest::prelude::*;

use crate::plain;
use crate::sample::{any_case, any_who};

/// Room for every message that is made up here.
const ROOM: usize = 1 << 16;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_is_written_reads_back((who, sample) in any_case()) {
        let mut out = vec![0; ROOM];
        sample.write(&who, &mut out, |publish| {
            let publish = publish.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let section = PropertySection::from_wire(publish.properties.as_wire(), SectionOf::Publish);
            prop_assert_eq!(section, Ok(publish.properties), "MQTT has nothing against it");
            let read = plain::read(who.codec(), sample.receiver(), &publish);
            prop_assert_eq!(read, Ok(sample.meaning(&who)), "{}", publish.topic);
            Ok(())
        })?;
    }

    #[test]
    fn the_size_named_is_enough_and_no_more_than_enough((who, sample) in any_case()) {
        let small = |result: Result<Publish<'_>, EncodeError>| match result {
            Err(EncodeError::BufferTooSmall { needed }) => needed,
            Ok(publish) => panic!("written without room: {}", publish.topic),
            Err(error) => panic!("{error}"),
        };
        let needed = sample.write(&who, &mut [], small);
        sample.write(&who, &mut vec![0; needed], |publish| {
            let publish = publish.unwrap();
            prop_assert_eq!(needed, publish.topic.len() + publish.properties.as_wire().len());
            Ok(())
        })?;
        for room in [needed / 2, needed - 1] {
            prop_assert_eq!(sample.write(&who, &mut vec![0; room], small), needed);
        }
    }

    #[test]
    fn the_room_for_filters_is_named_exactly(who in any_who()) {
        let mut channels = Channels::COMMANDS | Channels::METHODS | Channels::REPLIES | Channels::DESIRED;
        if who.dialect == Dialect::Classic && who.module.is_some() {
            channels = channels | Channels::INPUTS;
        }
        let codec = who.codec();
        // Over MQTT 5 answers come without being asked for.
        let expected = if who.dialect == Dialect::Preview5 { channels.difference(Channels::REPLIES) } else { channels };
        let Err(EncodeError::BufferTooSmall { needed }) = codec.filters(channels, &mut []) else {
            panic!("written without room")
        };
        prop_assert!(codec.filters(channels, &mut vec![0; needed - 1]).is_err());
        let mut out = vec![0; needed];
        let filters = codec.filters(channels, &mut out).unwrap();
        let opened = filters.iter().map(|filter| codec.decode_filter(filter.topic).unwrap().channels);
        prop_assert_eq!(opened.fold(Channels::NONE, Channels::union), expected);
    }
}
