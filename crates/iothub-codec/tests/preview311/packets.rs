//! The published packets, byte for byte: what they say, and that it is said in the same bytes.

use iothub_codec::{
    Connect, Introduction, Operation, Proof, PropertySection, Publish, Reply, Signature, Status, Terms, Text,
    ToDevice, ToHub, TwinPatch, Version, open_connect,
};

use crate::connect::{DEVICE_CODE, HOST};
use crate::ends::{device, request};
use crate::packet::{bytes, string};

const CONNECT: &str = "10 a5 01 00 04 4d 51 54 54 04 c0 01 2c 00 05 64 65 76 2d 31 \
    00 64 68 3d 68 75 62 31 2e 61 7a 75 72 65 2d 64 65 76 69 63 65 73 2e 6e 65 74 26 64 69 64 3d 64 65 76 2d 31 \
       26 61 76 3d 32 30 32 31 2d 30 36 2d 33 30 2d 70 72 65 76 69 65 77 26 61 6d 3d 53 41 53 62 36 34 \
       26 73 65 3d 31 38 39 33 34 35 36 30 30 30 30 30 30 26 73 61 3d 31 38 39 33 34 35 32 34 30 30 30 30 30 \
    00 2c 44 32 43 2f 61 43 4f 35 6b 45 5a 62 54 66 41 4d 6d 73 5a 48 55 6b 6b 30 43 4b 6a 37 59 4e 37 7a 6c 77 \
       74 51 4f 64 75 47 6d 30 73 3d";
const PATCH: &str = "30 32 00 28 24 61 7a 2f 69 6f 74 2f 74 77 69 6e 2f 70 61 74 63 68 2f 72 65 70 6f 72 74 65 64 \
    2f 3f 72 69 64 3d 61 31 26 69 76 3d 33 7b 22 74 22 3a 32 39 7d";
const PATCHED: &str = "30 29 00 27 24 61 7a 2f 69 6f 74 2f 74 77 69 6e 2f 70 61 74 63 68 2f 72 65 73 70 6f 6e 73 65 \
    2f 3f 72 69 64 3d 61 31 26 76 3d 34";
const REFUSED: &str = "30 2c 00 2a 24 61 7a 2f 69 6f 74 2f 74 77 69 6e 2f 70 61 74 63 68 2f 72 65 73 70 6f 6e 73 65 \
    2f 3f 72 69 64 3d 61 32 26 73 3d 30 31 30 34";

#[test]
fn the_published_messages_are_written_and_read_in_the_same_bytes() {
    let patch = TwinPatch { request: request("a1"), patch: b"{\"t\":29}", if_version: Some(3) };
    let packet = bytes(PATCH);
    let mut out = [0; 64];
    let publish = device().encode(&patch, &mut out).unwrap();
    assert_same(&packet, &publish);
    assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::TwinPatch(patch)));

    let patched = Reply { version: Some(4), ..Reply::new(request("a1"), Status::SUCCESS) };
    let refused = Reply::new(request("a2"), Status::PRECONDITION_FAILED);
    for (packet, reply) in [(PATCHED, patched), (REFUSED, refused)] {
        let packet = bytes(packet);
        let publish = device().encode_reply(Operation::TwinPatch, &reply, &mut out).unwrap();
        assert_same(&packet, &publish);
        assert_eq!(device().decode_to_device(&publish), Ok(ToDevice::Reply(reply)));
    }
}

fn assert_same(packet: &[u8], publish: &Publish<'_>) {
    assert_eq!(usize::from(packet[1]), packet.len() - 2, "the packet was copied whole");
    assert_eq!(publish.topic, string(packet, 2));
    assert_eq!(&packet[4 + publish.topic.len()..], publish.payload);
}

#[test]
fn the_published_connect_says_who_and_is_said_in_the_same_bytes() {
    let packet = bytes(CONNECT);
    let (client_id, username, password) = (string(&packet, 13), string(&packet, 20), string(&packet, 122));
    let arrived = Connect {
        version: Version::V311,
        client_id,
        username: Some(username),
        password: Some(password.as_bytes()),
        properties: PropertySection::EMPTY,
    };
    let terms = Terms { expiry_ms: 1_893_456_000_000, at_ms: Some(1_893_452_400_000), policy: None };
    let proof = Proof::Signature(Signature { terms, code: DEVICE_CODE });
    let who = Introduction { host: HOST, client_agent: None, model_id: None };
    let mut out = [0; 160];
    assert_eq!(device().encode_connect(&who, &proof, &mut out), Ok(arrived));
    assert_eq!(122 + 2 + password.len(), packet.len());

    let (dialect, claim) = open_connect(&arrived).unwrap();
    assert_eq!((dialect, claim.identity), (crate::DIALECT, device().identity()));
    assert_eq!(claim.host, Some(Text::plain(HOST)));
    assert_eq!(claim.api_version.unwrap(), "2021-06-30-preview");
    assert!(claim.proof == proof, "another proof was read");
}
