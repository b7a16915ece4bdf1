//! The responses of the reference: each status, with what may be said beside it.

use iothub_codec::{Operation, Reply, Status, Text, ToDevice, ToHub};

use crate::ends::{device, request};

#[test]
fn each_response_has_its_status_and_what_may_stand_beside_it() {
    for (topic, status, reason, trace_id) in [
        ("s=0001", Status::NOT_MODIFIED, None, None),
        ("s=0100&r=no%20rid", Status::BAD_REQUEST, Some("no rid"), None),
        ("s=0101&tid=t1", Status::NOT_AUTHORIZED, None, Some("t1")),
        ("s=0102&r=x", Status::NOT_ALLOWED, Some("x"), None),
        ("s=0103&r=x&tid=t1", Status::CONFLICT, Some("x"), Some("t1")),
        ("s=0104", Status::PRECONDITION_FAILED, None, None),
        ("s=0501", Status::THROTTLED, None, None),
        ("s=0502", Status::QUOTA_EXCEEDED, None, None),
        ("s=0503&r=x", Status::RESOURCE_EXHAUSTED, Some("x"), None),
        ("s=0504&r=x", Status::NOT_FOUND, Some("x"), None),
        ("s=0601&tid=t1", Status::SERVER_ERROR, None, Some("t1")),
        ("s=0602&tid=t1", Status::TIMEOUT, None, Some("t1")),
        ("s=0603&tid=t1", Status::SERVER_BUSY, None, Some("t1")),
        ("s=06A0", Status::TARGET_UNAVAILABLE, None, None),
        ("s=06A1&r=x&tid=t1", Status::TARGET_TIMEOUT, Some("x"), Some("t1")),
        ("s=06A2&r=x", Status::TARGET_FAILED, Some("x"), None),
        ("s=0199", Status::from_code(0x0199), None, None),
    ] {
        let (reason, trace_id) = (reason.map(Text::plain), trace_id.map(Text::plain));
        let reply = Reply { reason, trace_id, ..Reply::new(request("1"), status) };
        let mut out = [0; 64];
        let publish = device().encode_reply(Operation::TwinGet, &reply, &mut out).unwrap();
        assert_eq!(publish.topic, format!("$az/iot/twin/get/response/?rid=1&{topic}"));
        assert_eq!(device().decode_to_device(&publish), Ok(ToDevice::Reply(reply)), "{topic}");
    }
}

#[test]
fn a_failure_need_not_say_what_a_success_must() {
    for (operation, topic) in [
        (Operation::TwinPatch, "$az/iot/twin/patch/response/?rid=a2&s=0104"),
        (Operation::Method("m"), "$az/iot/methods/m/response/?rid=a2&s=0104"),
    ] {
        let reply = Reply::new(request("a2"), Status::PRECONDITION_FAILED);
        let mut out = [0; 64];
        let publish = device().encode_reply(operation, &reply, &mut out).unwrap();
        assert_eq!(publish.topic, topic);
        match operation {
            Operation::Method(_) => assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::Reply(reply))),
            Operation::TwinGet | Operation::TwinPatch => {
                assert_eq!(device().decode_to_device(&publish), Ok(ToDevice::Reply(reply)));
            }
        }
    }
}
