//! What must hold for all messages: what is written reads back, and sizes are exact.

use iothub_codec::{
    AuthStep, Command, Content, DesiredChanged, Detail, EncodeError, Introduction, MethodCall, Operation,
    Outcome, Proof, Properties, PropertySection, Publish, Qos, Reply, RequestId, RequestIdBuf, SectionOf,
    SectionProperty, Signature, Status, SystemProperty, Telemetry, Terms, Text, ToDevice, ToHub, TwinGet,
    TwinPatch, open_connect,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::ends::device;

/// Room for every message that is made up here.
const ROOM: usize = 4096;

type Bag = (Vec<(SystemProperty, String)>, Vec<(String, String)>);

fn any_time() -> impl Strategy<Value = String> {
    any::<u64>().prop_map(|time| time.to_string())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,8}", "[^\0]{0,8}"]
}

/// System properties, each at most once, in any order, and those of the application.
fn any_bag(is_command: bool) -> impl Strategy<Value = Bag> {
    use SystemProperty::{
        ContentEncoding, ContentType, CorrelationId, CreationTime, DeliveryCount, EnqueuedTime, MessageId,
        SequenceNumber, UserId,
    };
    let text = |name: SystemProperty| option::of(any_text().prop_map(move |value| (name, value)));
    let optional = (
        text(ContentType),
        text(ContentEncoding),
        text(MessageId),
        text(UserId),
        text(CorrelationId),
        option::of(any_time().prop_map(|time| (CreationTime, time))),
    );
    let required = (any_time(), any_time(), any::<u32>()).prop_map(move |(number, time, count)| {
        let all = [(SequenceNumber, number), (EnqueuedTime, time), (DeliveryCount, count.to_string())];
        all.into_iter().filter(|_| is_command).collect::<Vec<_>>()
    });
    let system = (optional, required).prop_map(|((a, b, c, d, e, f), mut all)| {
        all.extend([a, b, c, d, e, f].into_iter().flatten());
        all
    });
    (system.prop_shuffle(), vec((any_text(), any_text()), 0..4))
}

fn lend<T>((system, application): &Bag, borrow: impl FnOnce(Properties<'_>) -> T) -> T {
    let system: Vec<_> = system.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let application: Vec<_> =
        application.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    borrow(Properties::new(&system, &application))
}

fn any_request() -> impl Strategy<Value = RequestIdBuf> {
    vec(any::<u8>(), 1..=16).prop_map(|id| RequestId::new(&id).unwrap().to_buf())
}

pub(crate) fn any_qos() -> impl Strategy<Value = Qos> {
    select(&[Qos::AtMostOnce, Qos::AtLeastOnce][..])
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..8)
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

/// Writes a message into exactly the room that it needs, and sees that MQTT has nothing against its section.
macro_rules! sent {
    (|$out:ident| $encode:expr, |$publish:ident| $show:expr) => {{
        let len = |publish: Publish<'_>| publish.topic.len() + publish.properties.as_wire().len();
        let mut room = exact_room(|$out| $encode.map(len));
        let $out = &mut room[..];
        let publish = $encode.unwrap();
        let section = PropertySection::from_wire(publish.properties.as_wire(), SectionOf::Publish);
        assert_eq!(section, Ok(publish.properties));
        let $publish = &publish;
        $show
    }};
}

fn content(media_type: &Option<String>) -> Content<'_> {
    Content { media_type: media_type.as_deref().map(Text::plain), encoding: None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn telemetry_reads_back(bag in any_bag(false), payload in any_payload(), qos in any_qos()) {
        let codec = device();
        lend(&bag, |properties| {
            let message = Telemetry { payload: &payload, properties, qos, retain: false };
            let check = |publish: &Publish<'_>| {
                assert_eq!((publish.topic, publish.payload, publish.qos), ("$iothub/telemetry", &payload[..], qos));
                let Ok(ToHub::Telemetry(read)) = codec.decode_to_hub(publish) else { panic!("{publish:?}") };
                assert_eq!(read, message);
                for (name, value) in &bag.0 {
                    assert_eq!(read.properties.system(*name), Some(Text::plain(value)));
                }
                for (name, _) in &bag.1 {
                    let last = bag.1.iter().rfind(|(other, _)| other == name).map(|(_, value)| Text::plain(value));
                    assert_eq!(read.properties.get(name), last);
                }
            };
            sent!(|out| codec.encode(&message, out), |publish| check(publish));
        });
    }

    #[test]
    fn a_command_reads_back(bag in any_bag(true), payload in any_payload(), qos in any_qos()) {
        let codec = device();
        lend(&bag, |properties| {
            let message = Command { payload: &payload, properties, qos };
            sent!(|out| codec.encode(&message, out), |publish| {
                assert_eq!(codec.decode_to_device(publish), Ok(ToDevice::Command(message)));
            });
        });
    }

    #[test]
    fn a_request_reads_back(
        request in any_request(),
        name in "[-!%&'*.^_`|~a-zA-Z0-9]{1,40}",
        media_type in option::of(any_text()),
        if_version in option::of(any::<u64>()),
        version: u64,
        payload in any_payload(),
        qos in any_qos(),
    ) {
        let codec = device();
        let request = request.as_id();
        let call = MethodCall { content: content(&media_type), ..MethodCall::new(request, &name, &payload) };
        sent!(|out| codec.encode(&call, out), |publish| {
            assert_eq!(codec.decode_to_device(publish), Ok(ToDevice::Method(call)));
        });
        let get = TwinGet::new(request);
        sent!(|out| codec.encode(&get, out), |publish| {
            assert_eq!(codec.decode_to_hub(publish), Ok(ToHub::TwinGet(get)));
        });
        let patch = TwinPatch { request, patch: &payload, if_version };
        sent!(|out| codec.encode(&patch, out), |publish| {
            assert_eq!(codec.decode_to_hub(publish), Ok(ToHub::TwinPatch(patch)));
        });
        let change = DesiredChanged { version, patch: &payload, qos };
        sent!(|out| codec.encode(&change, out), |publish| {
            assert_eq!(codec.decode_to_device(publish), Ok(ToDevice::DesiredChanged(change)));
        });
    }

    #[test]
    fn a_reply_reads_back(
        request in any_request(),
        operation in select(&[Operation::TwinGet, Operation::TwinPatch, Operation::Method("m")][..]),
        status in any_status(),
        code in option::of(0..=i32::MAX),
        version: u64,
        media_type in option::of(any_text()),
        reason in option::of(any_text()),
        trace_id in option::of(any_text()),
        payload in any_payload(),
    ) {
        let codec = device();
        let request = request.as_id();
        let is_method = matches!(operation, Operation::Method(_));
        let reply = Reply {
            request,
            status,
            // Of a success there is always one.
            code: code.or(status.is_success().then_some(200)).filter(|_| is_method),
            version: (operation == Operation::TwinPatch && status == Status::SUCCESS).then_some(version),
            payload: &payload,
            content: content(&media_type),
            reason: reason.as_deref().map(Text::plain).filter(|_| status.may_have_reason()),
            trace_id: trace_id.as_deref().map(Text::plain).filter(|_| status.may_have_trace_id()),
        };
        sent!(|out| codec.encode_reply(operation, &reply, out), |publish| {
            if is_method {
                assert_eq!(codec.decode_to_hub(publish), Ok(ToHub::Reply(reply)));
            } else {
                assert_eq!(codec.decode_to_device(publish), Ok(ToDevice::Reply(reply)));
            }
        });
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
    fn who_connects_is_who_is_read(
        host in "[a-z0-9.-]{1,40}",
        client_agent in option::of(any_text()),
        policy in option::of("[^\0]{1,8}"),
        at_ms in option::of(any::<u64>()),
        expiry_ms: u64,
        code: [u8; 32],
        is_signed: bool,
    ) {
        let codec = device();
        let signature =
            Signature { terms: Terms { expiry_ms, at_ms, policy: policy.as_deref().map(Text::plain) }, code };
        let proof = if is_signed { Proof::Signature(signature) } else { Proof::None };
        let who = Introduction { host: &host, client_agent: client_agent.as_deref(), model_id: None };
        let mut out = vec![0; ROOM];
        let connect = codec.encode_connect(&who, proof, &mut out).unwrap();
        let section = PropertySection::from_wire(connect.properties.as_wire(), SectionOf::Connect);
        prop_assert_eq!(section, Ok(connect.properties));
        let (_, claim) = open_connect(&connect).unwrap();
        prop_assert_eq!((claim.identity, claim.host), (codec.identity(), Some(Text::plain(&host))));
        prop_assert_eq!(claim.client_agent, client_agent.as_deref().map(Text::plain));
        prop_assert!(claim.proof == proof, "another proof than was shown");
        let needed = connect.client_id.len() + connect.properties.as_wire().len();
        for room in [0, needed - 1] {
            let small = codec.encode_connect(&who, proof, &mut vec![0; room]).map(drop);
            prop_assert_eq!(small, Err(EncodeError::BufferTooSmall { needed }));
        }

        let step = AuthStep::Renew(Signature { terms: Terms { policy: None, ..signature.terms }, code });
        let mut out = [0; 128];
        let auth = codec.encode_auth(&step, &mut out).unwrap();
        prop_assert_eq!(PropertySection::from_wire(auth.properties.as_wire(), SectionOf::Auth), Ok(auth.properties));
        prop_assert!(codec.decode_auth(&auth) == Ok(step));
    }
}
