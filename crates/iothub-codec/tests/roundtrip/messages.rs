//! Writing and reading are each other's inverse, and the writer knows how much room it needs.

use iothub_codec::{
    Connect, EncodeError, Introduction, Proof, Properties, Publish, SystemProperty, Text, ToDevice, ToHub,
    open_connect,
};
use proptest::option;
use proptest::prelude::*;

use crate::sample::{Bag, Sample, Who, any_case, any_who};

/// Room for every message that is made up here.
const ROOM: usize = 1 << 16;

/// Whether what was read is what was written.
fn reads_back(who: &Who, sample: &Sample, publish: &Publish<'_>) -> Result<(), TestCaseError> {
    let codec = who.codec();
    let to_device =
        || codec.decode_to_device(publish).map_err(|error| TestCaseError::fail(error.to_string()));
    let to_hub = || codec.decode_to_hub(publish).map_err(|error| TestCaseError::fail(error.to_string()));
    match sample {
        Sample::Telemetry { bag, payload, qos, retain } => {
            let ToHub::Telemetry(read) = to_hub()? else { return Err(another(publish)) };
            prop_assert_eq!((read.payload, read.qos, read.retain), (&payload[..], *qos, *retain));
            same_properties(bag, read.properties, None)?;
        }
        Sample::Command { bag, payload, qos } => {
            let ToDevice::Command(read) = to_device()? else { return Err(another(publish)) };
            prop_assert_eq!((read.payload, read.qos), (&payload[..], *qos));
            same_properties(bag, read.properties, Some(who))?;
        }
        Sample::Input { name, bag, payload, qos } => {
            let ToDevice::Input(read) = to_device()? else { return Err(another(publish)) };
            prop_assert!(read.name == name.as_str());
            prop_assert_eq!((read.payload, read.qos), (&payload[..], *qos));
            same_properties(bag, read.properties, None)?;
        }
        Sample::Method { request, name, payload } => {
            let ToDevice::Method(read) = to_device()? else { return Err(another(publish)) };
            prop_assert_eq!((read.request, read.name, read.payload), (*request, &name[..], &payload[..]));
        }
        Sample::TwinGet { request } => {
            let ToHub::TwinGet(read) = to_hub()? else { return Err(another(publish)) };
            prop_assert_eq!(read.request, *request);
        }
        Sample::TwinPatch { request, patch, if_version } => {
            let ToHub::TwinPatch(read) = to_hub()? else { return Err(another(publish)) };
            prop_assert_eq!((read.request, read.patch, read.if_version), (*request, &patch[..], *if_version));
        }
        Sample::DesiredChanged { version, patch, qos } => {
            let ToDevice::DesiredChanged(read) = to_device()? else { return Err(another(publish)) };
            prop_assert_eq!((read.version, read.patch, read.qos), (*version, &patch[..], *qos));
        }
        Sample::MethodReply { request, code, payload } => {
            let ToHub::Reply(read) = to_hub()? else { return Err(another(publish)) };
            prop_assert_eq!((read.request, read.code, read.payload), (*request, Some(*code), &payload[..]));
            prop_assert!(read.status.is_success(), "whatever the device's number means to it");
        }
        Sample::TwinReply { request, code, version, payload } => {
            let ToDevice::Reply(read) = to_device()? else { return Err(another(publish)) };
            prop_assert_eq!((read.request, read.code, read.payload), (*request, Some(*code), &payload[..]));
            prop_assert_eq!(read.version, *version);
            prop_assert_eq!(read.status.is_success(), (200..300).contains(code) || *code == 304);
        }
    }
    Ok(())
}

fn another(publish: &Publish<'_>) -> TestCaseError {
    TestCaseError::fail(format!("read as another message: {}", publish.topic))
}

/// The properties of `bag`, and for a command the address that is put in front when there is none.
fn same_properties(bag: &Bag, read: Properties<'_>, addressed: Option<&Who>) -> Result<(), TestCaseError> {
    let mut bag = bag.clone();
    if let Some(who) = addressed
        && !bag.system.iter().any(|(name, _)| *name == SystemProperty::To)
    {
        let module = who.module.as_ref().map_or(String::new(), |name| format!("/modules/{name}"));
        let to = format!("/devices/{}{module}/messages/devicebound", who.device);
        bag.system.insert(0, (SystemProperty::To, to));
    }
    bag.lend(|written| {
        prop_assert_eq!(read, written);
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_reads_back((who, sample) in any_case()) {
        let mut out = vec![0; ROOM];
        sample.write(&who, &mut out, |publish| match publish {
            Ok(publish) => reads_back(&who, &sample, &publish),
            Err(error) => Err(TestCaseError::fail(error.to_string())),
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
        prop_assert_eq!(needed, sample.topic(&who).len());
        sample.write(&who, &mut vec![0; needed], |publish| publish.map(drop)).unwrap();
        for room in [needed / 2, needed - 1] {
            prop_assert_eq!(sample.write(&who, &mut vec![0; room], small), needed);
        }
    }

    #[test]
    fn who_connects_is_who_is_read(
        who in any_who(),
        host in "[a-z0-9.-]{1,40}",
        client_agent in option::of(".{0,20}"),
        model_id in option::of("[ -~]{0,20}"),
        token in option::of("[ -~]{1,20}"),
    ) {
        let introduction =
            Introduction { host: &host, client_agent: client_agent.as_deref(), model_id: model_id.as_deref() };
        let proof = token.as_deref().map_or(Proof::None, Proof::Token);
        let codec = who.codec();
        let Err(EncodeError::BufferTooSmall { needed }) = codec.encode_connect(&introduction, proof, &mut [])
        else {
            panic!("written without room")
        };
        prop_assert!(codec.encode_connect(&introduction, proof, &mut vec![0; needed - 1]).is_err());
        let mut out = vec![0; needed];
        let connect: Connect<'_> = codec.encode_connect(&introduction, proof, &mut out).unwrap();

        let (dialect, claim) = open_connect(&connect).unwrap();
        prop_assert_eq!((dialect, claim.identity), (codec.dialect(), codec.identity()));
        prop_assert_eq!((claim.host, claim.proof), (Some(Text::plain(&host)), proof));
        for (read, written) in [(claim.client_agent, &client_agent), (claim.model_id, &model_id)] {
            prop_assert_eq!(&read.map(|text| text.to_string()), written);
        }
    }

    #[test]
    fn the_room_for_filters_is_named_exactly(who in any_who()) {
        use iothub_codec::Channels;
        let mut channels = Channels::COMMANDS | Channels::METHODS | Channels::REPLIES | Channels::DESIRED;
        if who.module.is_some() {
            channels = channels | Channels::INPUTS;
        }
        let codec = who.codec();
        let Err(EncodeError::BufferTooSmall { needed }) = codec.filters(channels, &mut []) else {
            panic!("written without room")
        };
        prop_assert!(codec.filters(channels, &mut vec![0; needed - 1]).is_err());
        let mut out = vec![0; needed];
        let filters = codec.filters(channels, &mut out).unwrap();
        for (filter, channel) in filters.iter().zip(channels.iter()) {
            prop_assert_eq!(codec.decode_filter(filter.topic).unwrap().channels, channel);
        }
        prop_assert_eq!(filters.iter().count(), channels.iter().count());
    }
}
