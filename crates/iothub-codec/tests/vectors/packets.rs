//! The published packets, byte for byte: what they say, and that it is said in the same bytes.

use iothub_codec::{
    Codec, Command, Connect, Introduction, MethodCall, Operation, Proof, Properties, PropertySection,
    Publish, Reply, Status, SystemProperty, Telemetry, Text, ToDevice, ToHub, TwinGet, Version, open_connect,
};

use crate::ends::{device, request};
use crate::packet::{bytes, string};

const CONNECT: &str = "10 47 00 04 4d 51 54 54 04 80 00 f0 \
    00 05 64 65 76 2d 31 \
    00 34 68 75 62 31 2e 61 7a 75 72 65 2d 64 65 76 69 63 65 73 2e 6e 65 74 \
          2f 64 65 76 2d 31 2f 3f 61 70 69 2d 76 65 72 73 69 6f 6e 3d 32 30 32 31 2d 30 34 2d 31 32";
const TELEMETRY: &str = "32 6c 00 60 64 65 76 69 63 65 73 2f 64 65 76 2d 31 2f 6d 65 73 73 61 67 65 73 2f \
    65 76 65 6e 74 73 2f 25 32 34 2e 6d 69 64 3d 6d 31 26 25 32 34 2e 63 74 3d 61 70 70 6c 69 63 61 74 69 6f \
    6e 25 32 46 6a 73 6f 6e 26 25 32 34 2e 63 65 3d 75 74 66 2d 38 26 6c 65 76 65 6c 3d 68 6f 74 25 32 30 7a \
    6f 6e 65 00 07 7b 22 74 22 3a 32 31 7d";
const TWIN_GET: &str =
    "32 1d 00 19 24 69 6f 74 68 75 62 2f 74 77 69 6e 2f 47 45 54 2f 3f 24 72 69 64 3d 61 31 00 08";
const PATCHED: &str = "30 2a 00 28 24 69 6f 74 68 75 62 2f 74 77 69 6e 2f 72 65 73 2f 32 30 34 2f 3f 24 72 69 64 \
    3d 61 32 26 24 76 65 72 73 69 6f 6e 3d 36";
const CALL: &str = "30 2d 00 24 24 69 6f 74 68 75 62 2f 6d 65 74 68 6f 64 73 2f 50 4f 53 54 2f 72 65 62 6f 6f 74 \
    2f 3f 24 72 69 64 3d 31 66 7b 22 64 22 3a 35 7d";

#[test]
fn the_published_messages_are_written_in_the_same_bytes() {
    let system = [
        (SystemProperty::MessageId, "m1"),
        (SystemProperty::ContentType, "application/json"),
        (SystemProperty::ContentEncoding, "utf-8"),
    ];
    let properties = Properties::new(&system, &[("level", "hot zone")]);
    let telemetry = Telemetry { payload: b"{\"t\":21}", properties, ..Telemetry::default() };
    let call = MethodCall::new(request("1f"), "reboot", b"{\"d\":5}");
    let patched = Reply { version: Some(6), ..Reply::new(request("a2"), Status::SUCCESS) };
    let mut outs = [[0; 128]; 4];
    let [first, second, third, fourth] = &mut outs;
    for (packet, publish) in [
        (TELEMETRY, device().encode(&telemetry, first)),
        (TWIN_GET, device().encode(&TwinGet::new(request("a1")), second)),
        (PATCHED, device().encode_reply(Operation::TwinPatch, &patched, third)),
        (CALL, device().encode(&call, fourth)),
    ] {
        let packet = bytes(packet);
        let publish = publish.unwrap();
        assert_eq!(publish.topic, string(&packet, 2));
        assert!(packet.ends_with(publish.payload), "{}", publish.topic);
        assert_eq!(usize::from(packet[1]), packet.len() - 2, "the packet was copied whole");
    }
}

#[test]
fn the_published_command_is_of_the_published_length() {
    let system =
        [(SystemProperty::MessageId, "c1"), (SystemProperty::To, "/devices/dev-1/messages/deviceBound")];
    let properties = Properties::new(&system, &[("color", "red")]);
    let mut out = [0; 128];
    let command = Command { payload: b"hi", properties, ..Command::default() };
    let publish = device().encode(&command, &mut out).unwrap();
    assert_eq!(publish.topic.len(), 106);
    assert_eq!(2 + publish.topic.len() + 2 + publish.payload.len(), 0x70);
}

#[test]
fn the_published_connect_says_who_and_is_said_in_the_same_bytes() {
    let packet = bytes(CONNECT);
    let (client_id, username) = (string(&packet, 12), string(&packet, 19));
    assert_eq!(username.len(), 52);
    let who = Introduction { host: "hub1.azure-devices.net", client_agent: None, model_id: None };
    let mut out = [0; 64];
    let written = device().encode_connect(&who, &Proof::None, &mut out).unwrap();
    let arrived = Connect {
        version: Version::V311,
        client_id,
        username: Some(username),
        password: None,
        properties: PropertySection::EMPTY,
    };
    assert_eq!(written, arrived);

    let (dialect, claim) = open_connect(&arrived).unwrap();
    assert_eq!(Codec::new(dialect, claim.identity), device());
    assert_eq!(claim.host, Some(Text::plain("hub1.azure-devices.net")));
    assert_eq!(claim.api_version.unwrap(), "2021-04-12");
    assert_eq!(claim.proof, Proof::None);
}

#[test]
fn the_published_messages_to_the_hub_are_understood() {
    let (telemetry, get) = (bytes(TELEMETRY), bytes(TWIN_GET));
    let publish = Publish::new(string(&telemetry, 2), b"");
    let Ok(ToHub::Telemetry(telemetry)) = device().decode_to_hub(&publish) else { panic!("{publish:?}") };
    assert_eq!(telemetry.properties.system(SystemProperty::MessageId).unwrap(), "m1");
    assert_eq!(telemetry.properties.get("level").unwrap(), "hot zone");
    let read = device().decode_to_hub(&Publish::new(string(&get, 2), b""));
    assert_eq!(read, Ok(ToHub::TwinGet(TwinGet::new(request("a1")))));
}

#[test]
fn the_published_messages_to_the_device_are_understood() {
    let (patched, call) = (bytes(PATCHED), bytes(CALL));
    let publish = Publish::new(string(&patched, 2), b"");
    let Ok(ToDevice::Reply(reply)) = device().decode_to_device(&publish) else { panic!("{publish:?}") };
    assert_eq!((reply.request, reply.code, reply.version), (request("a2"), Some(204), Some(6)));
    let publish = Publish::new(string(&call, 2), b"");
    let Ok(ToDevice::Method(method)) = device().decode_to_device(&publish) else { panic!("{publish:?}") };
    assert_eq!((method.request, method.name), (request("1f"), "reboot"));
}
