//! The byte-exact packets of the reference. What MQTT itself puts around topics and sections is put around them here.

use iothub_codec::{
    Ack, AuthStep, Detail, Introduction, Operation, Outcome, Proof, Publish, Qos, Reply, RequestId,
    SectionOf, SectionProperty, SectionWriter, Signature, Status, Terms, Text, ToDevice, ToHub, TwinGet,
    open_connect,
};

use crate::ends::device;
use crate::packet::{bytes, string};
use crate::wire::section;

const HOST: &str = "hub1.azure-devices.net";

/// A signature as the reference computes it.
fn signature(terms: Terms<'static>, code: &str) -> Signature<'static> {
    let code = (0..32).map(|at| u8::from_str_radix(&code[2 * at..][..2], 16).unwrap()).collect::<Vec<_>>();
    Signature { terms, code: code.try_into().unwrap() }
}

const CONNECT: &str = "10 b6 01 00 04 4d 51 54 54 05 00 01 2c a3 01 \
    11 00 00 0e 10 \
    15 00 03 53 41 53 \
    16 00 20 0f 60 bf 68 23 b9 90 46 5b 4d f0 0c 9a c6 47 52 49 34 08 a8 fb 60 de f3 97 0b 50 39 db 86 9b 4b \
    26 00 0b 61 70 69 2d 76 65 72 73 69 6f 6e 00 12 32 30 32 30 2d 31 30 2d 30 31 2d 70 72 65 76 69 65 77 \
    26 00 04 68 6f 73 74 00 16 68 75 62 31 2e 61 7a 75 72 65 2d 64 65 76 69 63 65 73 2e 6e 65 74 \
    26 00 06 73 61 73 2d 61 74 00 0d 31 38 39 33 34 35 32 34 30 30 30 30 30 \
    26 00 0a 73 61 73 2d 65 78 70 69 72 79 00 0d 31 38 39 33 34 35 36 30 30 30 30 30 30 \
    00 05 64 65 76 2d 31";

fn terms() -> Terms<'static> {
    Terms { expiry_ms: 1_893_456_000_000, at_ms: Some(1_893_452_400_000), policy: None }
}

#[test]
fn a_connect() {
    let packet = bytes(CONNECT);
    // Behind the session expiry, which is MQTT's affair, stands what the dialect says.
    let (expiry, said) = packet[15..15 + 163].split_at(5);
    let proof = Proof::Signature(signature(
        terms(),
        "0f60bf6823b990465b4df00c9ac64752493408a8fb60def3970b5039db869b4b",
    ));
    let who = Introduction { host: HOST, client_agent: None, model_id: None };
    let mut out = [0; 256];
    let written = device().encode_connect(&who, &proof, &mut out).unwrap();
    assert_eq!(written.client_id, string(&packet, 15 + 163));
    assert_eq!(written.properties.as_wire(), said);
    assert_eq!((written.username, written.password), (None, None));

    let whole = section(&packet[15..15 + 163], SectionOf::Connect);
    assert_eq!(whole.session_expiry_interval(), Some(3600));
    assert_eq!(&whole.as_wire()[..5], expiry);
    let read = iothub_codec::Connect { properties: whole, ..written };
    let (_, claim) = open_connect(&read).unwrap();
    assert_eq!(
        (claim.identity, claim.host, claim.proof),
        (device().identity(), Some(Text::plain(HOST)), proof)
    );
}

#[test]
fn what_is_signed() {
    let host = Text::plain(HOST);
    let with_policy = Terms { expiry_ms: 1_893_456_000_000, at_ms: None, policy: Some(Text::plain("svc")) };
    for (terms, text) in [
        (terms(), "hub1.azure-devices.net\ndev-1\n\n1893452400000\n1893456000000\n"),
        (with_policy, "hub1.azure-devices.net\ndev-1\nsvc\n\n1893456000000\n"),
    ] {
        let mut out = [0; 128];
        let signed = terms.string_to_sign(host, device().identity(), &mut out).unwrap();
        assert_eq!(core::str::from_utf8(signed).unwrap(), text);
    }
}

#[cfg(feature = "hmac")]
#[test]
fn and_with_what_result() {
    let key = iothub_codec::SharedKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let with_policy = Terms { expiry_ms: 1_893_456_000_000, at_ms: None, policy: Some(Text::plain("svc")) };
    for (terms, code) in [
        (terms(), "0f60bf6823b990465b4df00c9ac64752493408a8fb60def3970b5039db869b4b"),
        (with_policy, "870d5ffb5c5fcc1c6cce241c4860c5e04829d4a435ff708f627af5c89ed9ee87"),
    ] {
        let signed = terms.sign(Text::plain(HOST), device().identity(), &key, &mut [0; 128]).unwrap();
        assert_eq!(signed.code, signature(terms, code).code);
    }
}

#[test]
fn a_connack() {
    let packet =
        bytes("20 1b 00 00 18 11 ff ff ff ff 21 00 10 24 01 25 00 27 00 04 00 00 22 00 0a 29 00 2a 00");
    let limits = [
        SectionProperty::SessionExpiryInterval(u32::MAX),
        SectionProperty::ReceiveMaximum(16),
        SectionProperty::MaximumQos(Qos::AtLeastOnce),
        SectionProperty::RetainAvailable(false),
        SectionProperty::MaximumPacketSize(262_144),
        SectionProperty::TopicAliasMaximum(10),
        SectionProperty::SubscriptionIdentifiersAvailable(false),
        SectionProperty::SharedSubscriptionAvailable(false),
    ];
    let mut out = [0; 24];
    let mut writer = SectionWriter::new(SectionOf::ConnAck, &mut out);
    limits.into_iter().try_for_each(|property| writer.put(property)).unwrap();
    assert_eq!(writer.finish().unwrap().as_wire(), &packet[5..]);
    assert!(section(&packet[5..], SectionOf::ConnAck).iter().eq(limits));
}

/// The topic and section of a PUBLISH at QoS 0 with a short section, and its payload.
fn publish(packet: &[u8]) -> Publish<'_> {
    let topic = string(packet, 2);
    let at = 4 + topic.len();
    let (properties, payload) = packet[at + 1..].split_at(usize::from(packet[at]));
    Publish { properties: section(properties, SectionOf::Publish), ..Publish::new(topic, payload) }
}

#[test]
fn a_question_for_the_twin_and_its_answer() {
    let question = bytes("30 18 00 10 24 69 6f 74 68 75 62 2f 74 77 69 6e 2f 67 65 74 05 09 00 02 01 fa");
    let answer = bytes(
        "30 4d 00 11 24 69 6f 74 68 75 62 2f 72 65 73 70 6f 6e 73 65 73 05 09 00 02 01 fa \
         7b 22 64 65 73 69 72 65 64 22 3a 7b 22 24 76 65 72 73 69 6f 6e 22 3a 31 7d 2c 22 72 65 70 6f 72 74 65 \
         64 22 3a 7b 22 24 76 65 72 73 69 6f 6e 22 3a 31 7d 7d",
    );
    let request = RequestId::new(b"\x01\xfa").unwrap();
    let get = TwinGet::new(request);
    let mut out = [0; 64];
    assert_eq!(device().encode(&get, &mut out), Ok(publish(&question)));
    assert_eq!(device().decode_to_hub(&publish(&question)), Ok(ToHub::TwinGet(get)));

    let twin = br#"{"desired":{"$version":1},"reported":{"$version":1}}"#;
    let reply = Reply { payload: twin, ..Reply::new(request, Status::SUCCESS) };
    let mut out = [0; 64];
    assert_eq!(device().encode_reply(Operation::TwinGet, &reply, &mut out), Ok(publish(&answer)));
    assert_eq!(device().decode_to_device(&publish(&answer)), Ok(ToDevice::Reply(reply)));
}

#[test]
fn a_puback_for_telemetry_that_was_too_much() {
    let packet = bytes("40 13 00 03 97 0f 26 00 06 73 74 61 74 75 73 00 04 30 35 30 31");
    let ack = Ack { reason_code: packet[4], properties: section(&packet[6..], SectionOf::PubAck) };
    let outcome = Outcome::new(Status::THROTTLED);
    let mut out = [0; 64];
    assert_eq!(device().encode_ack(&outcome, Detail::FULL, &mut out), Ok(ack));
    assert_eq!(device().decode_ack(&ack), Ok(outcome));
}

#[test]
fn a_disconnect_for_correlation_data_that_is_not_there() {
    let packet = bytes(
        "e0 42 83 40 26 00 06 73 74 61 74 75 73 00 04 30 31 30 30 26 00 06 72 65 61 73 6f 6e \
         00 26 60 43 6f 72 72 65 6c 61 74 69 6f 6e 20 44 61 74 61 60 20 70 72 6f 70 65 72 74 79 20 69 73 20 6d \
         69 73 73 69 6e 67",
    );
    let ack = Ack { reason_code: packet[2], properties: section(&packet[4..], SectionOf::Disconnect) };
    let reason = Some(Text::plain("`Correlation Data` property is missing"));
    let outcome = Outcome { reason, ..Outcome::new(Status::BAD_REQUEST) };
    let mut out = [0; 128];
    assert_eq!(device().encode_ack(&outcome, Detail::FULL, &mut out), Ok(ack));
    assert_eq!(device().decode_ack(&ack), Ok(outcome));
}

#[test]
fn an_auth_that_says_that_it_is_good() {
    let packet = bytes("f0 08 00 06 15 00 03 53 41 53");
    let mut out = [0; 16];
    let auth = device().encode_auth(&AuthStep::Renewed, &mut out).unwrap();
    assert_eq!((auth.reason_code, auth.properties.as_wire()), (packet[2], &packet[4..]));
    assert_eq!(device().decode_auth(&auth), Ok(AuthStep::Renewed));
}
