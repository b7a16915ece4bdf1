//! Files that devices upload, as far as a hub decides about them.

use core::time::Duration;
use std::collections::BTreeMap;

use iothub_hub::{
    BlobCondition, BlobDoor, BlobProblem, BlobRequest, Change, ExchangeId, FileStep, Input, Recording,
    Response, WrittenBlob,
};
use serde_json::{Value, json};

use crate::world::{HOST, World};

const FILES: &str = "/devices/dev1/files";
const ENDS: &str = "/devices/dev1/files/notifications";
const NOTIFICATIONS: &str = "/messages/serviceBound/filenotifications";
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Asks as a device does: the status, and the document or the code of the error.
fn ask(world: &mut World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let token = world.token(path.split('/').nth(2).unwrap(), 36_000);
    let response = world.rest_with(method, path, &body.to_string(), &[("authorization", &*token)]);
    let code = header(&response, "iothub-errorcode").to_owned();
    if response.status >= 400 {
        return (response.status, code.into());
    }
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value)
}

/// Begins an upload, and gives what the device is told.
fn begin(world: &mut World, name: &str) -> Value {
    let (status, access) = ask(world, "POST", FILES, &json!({"blobName": name}));
    assert_eq!(status, 200, "{access}");
    access
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn open(world: &World, method: &str, access: &Value) -> Result<BlobDoor, BlobProblem> {
    let path = format!("/{}/{}", text(access, "containerName"), text(access, "blobName"));
    let query = text(access, "sasToken").trim_start_matches('?');
    open_at(world, method, &path, query)
}

fn open_at(world: &World, method: &str, path: &str, query: &str) -> Result<BlobDoor, BlobProblem> {
    let request = BlobRequest { method, path, query: Some(query) };
    world.hub.open_blob(world.now, &request).map_err(|refusal| refusal.problem)
}

/// Writes a file as whoever has the bytes does, and gives the status.
fn write(world: &mut World, name: &str, file: &str, len: u64) -> u16 {
    write_if(world, name, file, len, BlobCondition::default())
}

fn write_if(world: &mut World, name: &str, file: &str, len: u64, condition: BlobCondition) -> u16 {
    let blob = WrittenBlob { name: name.into(), file: file.into(), len, headers: BTreeMap::new(), condition };
    world.put(Input::BlobWritten { exchange: ExchangeId(u64::MAX), blob });
    world.response(ExchangeId(u64::MAX)).unwrap().status
}

fn complete(world: &mut World, access: &Value) -> (u16, Value) {
    let id = text(access, "correlationId");
    let body = json!({"correlationId": id, "isSuccess": true, "statusCode": 200, "statusDescription": "ok"});
    ask(world, "POST", ENDS, &body)
}

/// The next notification, and its lock.
fn notified(world: &mut World) -> Option<(Value, String)> {
    let response = world.rest_with("GET", NOTIFICATIONS, "", &[]);
    let lock = header(&response, "etag").trim_matches('"').to_owned();
    (response.status == 200).then(|| (serde_json::from_slice(&response.body).unwrap(), lock))
}

#[test]
fn a_device_writes_where_it_is_told_and_back_ends_are_told_of_it() {
    let mut world = World::new();
    let access = begin(&mut world, "logs/a b.txt");
    assert_eq!(text(&access, "hostName"), HOST);
    assert_eq!(text(&access, "blobName"), "dev1/logs/a b.txt");
    assert!(text(&access, "sasToken").starts_with("?sv="));
    let door = open(&world, "PUT", &access).unwrap();
    assert_eq!((door.name.as_str(), door.kept), ("dev1/logs/a b.txt", None));
    world.pass(SECOND);
    assert_eq!(write(&mut world, &door.name, "f1", 1234), 201);
    assert_eq!(notified(&mut world), None, "the end was not told");
    assert_eq!(complete(&mut world, &access).0, 204);
    let (notification, lock) = notified(&mut world).unwrap();
    assert_eq!(
        notification,
        json!({
            "deviceId": "dev1",
            "blobUri": "https://hub1.test/iothub-files/dev1/logs/a%20b.txt",
            "blobName": "dev1/logs/a b.txt",
            "lastUpdatedTime": "2030-01-01T00:00:01.0000000Z",
            "blobSizeInBytes": 1234,
            "enqueuedTimeUtc": "2030-01-01T00:00:01.0000000Z",
        })
    );
    assert_eq!(notified(&mut world), None, "it is under a lock");
    let abandon = world.rest("POST", &format!("{NOTIFICATIONS}/{lock}/abandon"), json!(null)).0;
    let (_, lock) = notified(&mut world).unwrap();
    let complete = world.rest("DELETE", &format!("/$local{NOTIFICATIONS}/{lock}"), json!(null)).0;
    assert_eq!((abandon, complete, notified(&mut world)), (204, 204, None));
    assert_eq!(world.rest("DELETE", &format!("{NOTIFICATIONS}/{lock}"), json!(null)).0, 412);
}

#[test]
fn the_end_of_an_upload_is_told_once_in_any_of_the_ways_that_clients_have() {
    let mut world = World::new();
    let in_body = |id: &str| (ENDS.to_owned(), json!({"correlationId": id, "isSuccess": true}));
    let in_path = |id: &str| (format!("{ENDS}/{id}"), json!({"isSuccess": true, "statusCode": -1}));
    let slashed = |id: &str| (format!("{ENDS}/"), json!({"correlationId": id, "isSuccess": true}));
    for way in [in_body, in_path, slashed] {
        let access = begin(&mut world, "f");
        assert_eq!(write(&mut world, "dev1/f", "f1", 1), 201);
        let (path, body) = way(text(&access, "correlationId"));
        assert_eq!(ask(&mut world, "POST", &path, &body).0, 204, "{path}");
        let again = ask(&mut world, "POST", &path, &body);
        assert_eq!(again, (400, "InvalidFileUploadCorrelationId".into()), "{path}");
    }
    let by_name = ask(&mut world, "GET", "/devices/dev1/files/a/b", &json!(null));
    assert_eq!((by_name.0, text(&by_name.1, "blobName")), (200, "dev1/a/b"));
    assert_eq!(ask(&mut world, "POST", "/devices/dev1/files/", &json!({"blobName": "n"})).0, 200);
}

#[test]
fn an_end_that_cannot_be_is_refused_and_the_upload_stays_open() {
    let mut world = World::new();
    world.create_device("dev2");
    let access = begin(&mut world, "f");
    let id = text(&access, "correlationId").to_owned();
    for (path, body, code) in [
        (ENDS, json!({"isSuccess": true}), "InvalidFileUploadCorrelationId"),
        (ENDS, json!({"correlationId": "x", "isSuccess": true}), "InvalidFileUploadCorrelationId"),
        (ENDS, json!({"correlationId": id}), "InvalidFileUploadCompletionStatus"),
        (ENDS, json!({"correlationId": id, "isSuccess": true}), "InvalidStorageEndpointOrBlob"),
        (
            "/devices/dev2/files/notifications",
            json!({"correlationId": id, "isSuccess": false}),
            "InvalidFileUploadCorrelationId",
        ),
    ] {
        assert_eq!(ask(&mut world, "POST", path, &body), (400, code.into()), "{path} {body}");
    }
    assert_eq!(write(&mut world, "dev1/f", "f1", 1), 201);
    assert_eq!(complete(&mut world, &access).0, 204);
    // What was there before is no success of this upload.
    world.pass(SECOND);
    let access = begin(&mut world, "f");
    assert_eq!(complete(&mut world, &access), (400, "InvalidStorageEndpointOrBlob".into()));
    let failed =
        json!({"correlationId": text(&access, "correlationId"), "isSuccess": false, "statusCode": 500});
    assert_eq!(ask(&mut world, "POST", ENDS, &failed).0, 204);
    assert_eq!(world.file_steps.last(), Some(&FileStep::DropParts { name: "dev1/f".into() }));
}

#[test]
fn the_eleventh_upload_at_once_is_refused_until_one_is_over() {
    let mut world = World::new();
    let first = begin(&mut world, "0");
    for n in 1..10 {
        begin(&mut world, &n.to_string());
    }
    let eleventh = |world: &mut World| ask(world, "POST", FILES, &json!({"blobName": "x"}));
    let refused = (403, "DeviceMaximumActiveFileUploadLimitExceeded".into());
    assert_eq!(eleventh(&mut world), refused);
    let failed = json!({"correlationId": text(&first, "correlationId"), "isSuccess": false});
    assert_eq!(ask(&mut world, "POST", ENDS, &failed).0, 204);
    assert_eq!(eleventh(&mut world).0, 200);
    assert_eq!(eleventh(&mut world), refused);
    world.pass(HOUR);
    assert_eq!(eleventh(&mut world).0, 200, "all are over");
    let late = ask(&mut world, "POST", ENDS, &json!({"correlationId": text(&first, "correlationId")}));
    assert_eq!(late, (400, "ExpiredFileUploadCorrelationId".into()));
}

#[test]
fn no_part_is_let_in_behind_the_end_of_its_upload() {
    let mut world = World::new();
    let access = begin(&mut world, "f");
    let other = begin(&mut world, "f");
    let query = |component: &str| format!("{}{component}", text(&access, "sasToken").trim_start_matches('?'));
    let put = |world: &World, component: &str| {
        open_at(world, "PUT", "/iothub-files/dev1/f", &query(component)).err()
    };
    let failed = |access: &Value| json!({"correlationId": text(access, "correlationId"), "isSuccess": false});
    assert_eq!(ask(&mut world, "POST", ENDS, &failed(&access)).0, 204);
    assert_eq!(put(&world, "&comp=block&blockid=x"), None, "another upload goes on with the same file");
    assert_eq!(ask(&mut world, "POST", ENDS, &failed(&other)).0, 204);
    for (component, problem) in [
        ("&comp=block&blockid=x", Some(BlobProblem::AuthenticationFailed)),
        ("&COMP=Block&blockid=x", Some(BlobProblem::AuthenticationFailed)),
        ("&comp=blocklist", None),
        ("", None),
    ] {
        assert_eq!(put(&world, component), problem, "{component}");
    }
}

#[test]
fn parts_are_dropped_when_nobody_writes_the_file_any_longer() {
    let mut world = World::new();
    begin(&mut world, "f");
    world.pass(HOUR / 2);
    begin(&mut world, "f");
    world.pass(HOUR / 2);
    assert_eq!(world.file_steps, [], "one is over, and the other is not");
    world.pass(HOUR / 2);
    assert_eq!(world.file_steps, [FileStep::DropParts { name: "dev1/f".into() }]);
}

#[test]
fn names_that_no_address_can_have_are_refused() {
    let mut world = World::new();
    let long = "x".repeat(1025);
    for name in ["", "/x", "..", "a/../b", "a/..", "./a", "a\\..\\b", "a\nb", "a\0", &long] {
        let refused = ask(&mut world, "POST", FILES, &json!({"blobName": name}));
        assert_eq!(refused, (400, "ArgumentInvalid".into()), "{name:?}");
    }
    for (n, name) in ["a b", "ä/€.txt", "100%", "a+b?c#d&e", "...", ".hidden", "a//b"].into_iter().enumerate()
    {
        let access = begin(&mut world, name);
        assert_eq!(text(&access, "blobName"), format!("dev1/{name}"), "{n}");
    }
}

#[test]
fn only_the_device_itself_begins_and_ends_its_uploads() {
    let mut world = World::new();
    world.create_device("dev2");
    let other = world.token("dev2", 3600);
    for path in [FILES, ENDS] {
        for (authorization, host) in [(&*other, HOST), ("nonsense", HOST), ("", HOST)] {
            let headers = [("authorization", authorization), ("host", host)];
            assert_eq!(world.rest_with("POST", path, "{}", &headers).status, 401, "{path} {authorization}");
        }
    }
}

#[test]
fn a_signature_is_for_one_file_and_its_time_and_not_for_a_disabled_device() {
    use BlobProblem::{
        AuthenticationFailed as Failed, AuthorizationPermissionMismatch as Mismatch, InvalidUri,
        NoAuthenticationInformation as Nobody, ServerBusy, UnsupportedHttpVerb,
    };

    let mut world = World::new();
    let access = begin(&mut world, "f");
    let query = text(&access, "sasToken").trim_start_matches('?').to_owned();
    let problem = |world: &World, method, path, query: &str| open_at(world, method, path, query).err();
    for (method, path, query, expected) in [
        ("PUT", "/iothub-files/dev1/f", query.as_str(), None),
        ("PUT", "/iothub-files/dev1%2Ff", &query, None),
        ("GET", "/iothub-files/dev1/f", &query, None),
        ("DELETE", "/iothub-files/dev1/f", &query, Some(Mismatch)),
        ("PATCH", "/iothub-files/dev1/f", &query, Some(UnsupportedHttpVerb)),
        ("PUT", "/iothub-files/dev1/g", &query, Some(Failed)),
        ("PUT", "/iothub-files/dev2/f", &query, Some(Failed)),
        ("PUT", "/iothub-files/dev1/x/../f", &query, Some(Failed)),
        ("PUT", "/iothub-files/f", &query, Some(InvalidUri)),
        ("PUT", "/iothub-files/dev1/f", "", Some(Nobody)),
    ] {
        assert_eq!(problem(&world, method, path, query), expected, "{method} {path}");
    }
    world.put(Input::Recording { recording: Recording::Closed });
    assert_eq!(open(&world, "PUT", &access).err(), Some(ServerBusy));
    assert!(open(&world, "GET", &access).is_ok());
    world.put(Input::Recording { recording: Recording::Open });
    let set = |world: &mut World, status: &str| {
        world.rest_if("PUT", "/devices/dev1", json!({"deviceId": "dev1", "status": status}), Some("*")).0
    };
    let status = set(&mut world, "disabled");
    assert_eq!((status, open(&world, "PUT", &access).err()), (200, Some(Failed)));
    let status = set(&mut world, "enabled");
    assert!(status == 200 && open(&world, "PUT", &access).is_ok());
    world.pass(HOUR);
    assert_eq!(open(&world, "PUT", &access).err(), Some(Failed));
}

#[test]
fn what_is_written_anew_takes_the_place_of_what_was_there() {
    let mut world = World::new();
    let access = begin(&mut world, "f");
    assert_eq!(write(&mut world, "dev1/f", "one", 10), 201);
    let first = open(&world, "GET", &access).unwrap().kept.unwrap();
    let none = BlobCondition { differs: Some("*".into()), ..BlobCondition::default() };
    assert_eq!(write_if(&mut world, "dev1/f", "two", 20, none), 409);
    let same = BlobCondition { matches: Some(first.etag.clone()), ..BlobCondition::default() };
    assert_eq!(write_if(&mut world, "dev1/f", "three", 30, same.clone()), 201);
    assert_eq!(write_if(&mut world, "dev1/f", "four", 40, same), 412);
    let kept = open(&world, "GET", &access).unwrap().kept.unwrap();
    assert_eq!((kept.file.as_str(), kept.len), ("three", 30));
    assert_ne!(kept.etag, first.etag);
    let dropped: Vec<FileStep> =
        ["two", "one", "four"].map(|file| FileStep::DropFile { file: file.into() }).into();
    assert_eq!(world.file_steps, dropped);
}

#[test]
fn a_device_and_a_hub_have_room_for_so_much() {
    const GIB: u64 = 1 << 30;
    let mut world = World::new();
    let access = begin(&mut world, "f");
    let room = |world: &World| open(world, "PUT", &access).unwrap().len_max;
    assert_eq!(room(&world), GIB);
    for n in 0..4 {
        assert_eq!(write(&mut world, &format!("dev1/{n}"), "x", GIB - 1), 201);
    }
    assert_eq!(room(&world), 4);
    assert_eq!(write(&mut world, "dev1/f", "x", 5), 403);
    assert_eq!(write(&mut world, "dev1/f", "x", 4), 201);
    assert_eq!(room(&world), 4, "it would take its own place");
    for n in 0..12 {
        assert_eq!(write(&mut world, &format!("dev{n}x/f"), "x", GIB), 201);
    }
    assert_eq!(write(&mut world, "other/f", "x", 1), 403, "the hub is full");
}

#[test]
fn back_ends_list_fetch_and_remove_files() {
    let mut world = World::new();
    for name in ["dev1/a", "dev1/ä b", "dev2/c"] {
        assert_eq!(write(&mut world, name, name, 7), 201);
    }
    let list = |world: &mut World, query: &str| {
        let path = format!("/$local/files?{query}");
        let (status, files) = world.rest("GET", &path, json!(null));
        assert_eq!(status, 200, "{files}");
        files.as_array().unwrap().iter().map(|file| text(file, "blobName").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(&mut world, ""), ["dev1/a", "dev1/ä b", "dev2/c"]);
    assert_eq!(list(&mut world, "prefix=dev1%2F"), ["dev1/a", "dev1/ä b"]);
    let (status, access) = world.rest("POST", "/$local/files/access", json!({"blobName": "dev1/ä b"}));
    assert_eq!(status, 200, "{access}");
    assert!(open(&world, "GET", &access).is_ok() && open(&world, "DELETE", &access).is_ok());
    assert_eq!(open(&world, "PUT", &access).err(), Some(BlobProblem::AuthorizationPermissionMismatch));
    assert_eq!(world.rest("POST", "/$local/files/access", json!({"blobName": "dev1/x"})).0, 404);
    let unwanted = |world: &mut World| {
        let condition = BlobCondition::default();
        world.put(Input::BlobUnwanted { exchange: ExchangeId(u64::MAX), name: "dev1/ä b", condition });
        world.response(ExchangeId(u64::MAX)).unwrap().status
    };
    assert_eq!((unwanted(&mut world), unwanted(&mut world)), (202, 404));
    world.put(Input::BlobsLost { names: vec!["dev2/c".into(), "dev2/d".into()] });
    assert_eq!(list(&mut world, ""), ["dev1/a"]);
}

#[test]
fn a_long_list_comes_in_pages() {
    let mut world = World::new();
    for n in 0..2001 {
        assert_eq!(write(&mut world, &format!("dev1/ä{n:04}"), "x", 1), 201);
    }
    let (mut after, mut lens) = (String::new(), Vec::new());
    loop {
        let response = world.rest_with("GET", "/$local/files", "", &[("x-ms-continuation", &after)]);
        lens.push(serde_json::from_slice::<Vec<Value>>(&response.body).unwrap().len());
        after = header(&response, "x-ms-continuation").to_owned();
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(lens, [1000, 1000, 1]);
}

/// The same hub from its record.
fn replayed(changes: &[Change]) -> World {
    let mut world = World::empty();
    for change in changes {
        let text = serde_json::to_string(change).unwrap();
        world.hub.apply(&serde_json::from_str(&text).unwrap()).unwrap();
    }
    world.put(Input::Start);
    world
}

#[test]
fn a_hub_that_was_killed_goes_on_with_uploads_files_and_notifications() {
    let mut world = World::new();
    let done = begin(&mut world, "done");
    write(&mut world, "dev1/done", "f1", 1);
    assert_eq!(complete(&mut world, &done).0, 204);
    let open_one = begin(&mut world, "open");
    let changes = world.changes.clone();
    // Stated anew, a few at a time, what came before that is of no use.
    let before = world.changes.len();
    while !world.changes[before..].contains(&Change::RestatementEnded) {
        world.put(Input::Restate { identities: 1 });
    }
    for changes in [&changes[..], &world.changes[before..]] {
        let mut world = replayed(changes);
        assert_eq!(world.hub.blob_files().collect::<Vec<_>>(), [("dev1/done", "f1")]);
        assert_eq!(world.hub.blobs_being_written().collect::<Vec<_>>(), ["dev1/open"]);
        assert!(open(&world, "PUT", &open_one).is_ok(), "the key is the same");
        assert!(notified(&mut world).is_some());
        assert_eq!(write(&mut world, "dev1/open", "f2", 1), 201);
        assert_eq!(complete(&mut world, &open_one).0, 204);
        begin(&mut world, "late");
        world.pass(HOUR);
        assert_eq!(world.hub.blobs_being_written().count(), 0);
    }
}

#[test]
fn a_hub_without_storage_says_so() {
    let mut config = iothub_hub::Config::new(iothub_hub::Seed([7; 32]));
    config.ready_device = Some("dev1".into());
    let mut world = World::new();
    world.hub = iothub_hub::Hub::new(config);
    world.put(Input::Start);
    let refused = (400, "DefaultStorageEndpointNotConfigured".into());
    assert_eq!(ask(&mut world, "POST", FILES, &json!({"blobName": "f"})), refused);
    assert_eq!(ask(&mut world, "POST", ENDS, &json!({"isSuccess": true})), refused);
    assert_eq!(world.rest("GET", "/$local/files", json!(null)).0, 400);
}
