//! Files of devices reach the disk, whole or not at all, and come back from it.

use std::path::Path;

use crate::peers::*;
use iothub_server::{FileSettings, Options, Running};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const VERSION: &str = "api-version=2021-04-12";
pub(crate) const BLOCK_BLOB: &str = "x-ms-blob-type: BlockBlob\r\n";

/// Asks as the device does.
async fn device(hub: &Running, method: &str, path: &str, body: &Value) -> Reply {
    let headers = format!("authorization: {}\r\n", token(hub.device_connection_string().unwrap()));
    ask_with(hub, method, &format!("{path}?{VERSION}"), &headers, &body.to_string()).await
}

/// What a device is told that begins an upload.
pub(crate) async fn begin(hub: &Running, name: &str) -> Value {
    let reply = device(hub, "POST", "/devices/dev1/files", &json!({"blobName": name})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// Where its file is, with the question mark and what is behind it.
pub(crate) fn place(access: &Value) -> String {
    let text = |name: &str| access[name].as_str().unwrap();
    let name = text("blobName").replace('%', "%25").replace(' ', "%20").replace('/', "%2F");
    format!("/{}/{name}{}", text("containerName"), text("sasToken"))
}

pub(crate) async fn put(hub: &Running, place: &str, headers: &str, body: &str) -> Reply {
    ask_with(hub, "PUT", place, headers, body).await
}

pub(crate) async fn get(hub: &Running, place: &str, headers: &str) -> Reply {
    ask_with(hub, "GET", place, headers, "").await
}

pub(crate) async fn end(hub: &Running, access: &Value, is_success: bool) -> u16 {
    let body = json!({"correlationId": access["correlationId"], "isSuccess": is_success, "statusCode": 200});
    device(hub, "POST", "/devices/dev1/files/notifications", &body).await.status
}

/// The names of all files below a folder. A folder may go while it is looked at.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        if entry.path().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

/// Waits for the disk to be as it should.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) fn code(reply: &Reply) -> String {
    let code = reply.head.lines().find_map(|line| line.strip_prefix("x-ms-error-code: "));
    code.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_file_is_written_at_once_and_read_in_parts() {
    let scratch = Scratch::new("files");
    let hub = start(Options { data: Some(scratch.path().into()), ..options() }).await;
    let access = begin(&hub, "logs/ä b%2F.txt").await;
    let place = place(&access);
    let headers = format!("{BLOCK_BLOB}content-type: text/plain\r\nx-ms-meta-Color: red\r\n");
    let reply = put(&hub, &place, &headers, "0123456789").await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert!(reply.head.contains("\r\netag: \"0x") && reply.head.contains("\r\nlast-modified: "), "{reply:?}");
    for (headers, status, body, range) in [
        ("", 200, "0123456789", ""),
        ("range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10"),
        ("x-ms-range: bytes=8-\r\nrange: bytes=0-0\r\n", 206, "89", "bytes 8-9/10"),
        ("if-none-match: \"0x0\"\r\n", 200, "0123456789", ""),
    ] {
        let reply = get(&hub, &place, headers).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{headers} {reply:?}");
        let len = format!("\r\ncontent-length: {}\r\n", body.len());
        assert!(reply.head.contains(&len) && reply.head.contains("x-ms-meta-color: red"), "{reply:?}");
        assert!(range.is_empty() || reply.head.contains(&format!("content-range: {range}")), "{reply:?}");
        assert!(reply.head.contains("content-type: text/plain"), "{reply:?}");
    }
    let reply = get(&hub, &place, "range: bytes=10-\r\n").await;
    assert_eq!((reply.status, code(&reply)), (416, "invalidrange".into()));
    let reply = ask_with(&hub, "HEAD", &place, "", "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert!(reply.head.contains("\r\ncontent-length: 10\r\n"), "{reply:?}");
    // That of `0123456789`, in lower case as all of the head is.
    assert!(reply.head.contains("\r\ncontent-md5: eb5ejf1ptwaxm4bijspyxw==\r\n"), "{reply:?}");

    // It is there again after a restart, and can be told of then.
    hub.stop().await;
    let hub = start(Options { data: Some(scratch.path().into()), ..options() }).await;
    assert_eq!(get(&hub, &place, "").await.body, "0123456789");
    assert_eq!(end(&hub, &access, true).await, 204);
    let told = ask(&hub, "GET", "/messages/serviceBound/filenotifications", "").await;
    assert_eq!(told.json()["blobName"], "dev1/logs/ä b%2F.txt");
    assert_eq!(told.json()["blobSizeInBytes"], 10);
    assert!(told.head.contains("application/vnd.microsoft.iothub.filenotification.json"), "{told:?}");
}

#[tokio::test]
async fn a_file_is_made_of_parts_that_survive_a_restart() {
    let scratch = Scratch::new("parts");
    let options = || Options { data: Some(scratch.path().into()), ..options() };
    let hub = start(options()).await;
    let access = begin(&hub, "f").await;
    let place = place(&access);
    let block = |id: &str| format!("{place}&comp=block&blockid={id}");
    for (id, text) in [("MDE%3D", "one,"), ("MDI%3D", "two,"), ("MDM%3D", "three")] {
        assert_eq!(put(&hub, &block(id), "", text).await.status, 201);
    }
    hub.stop().await;
    let hub = start(options()).await;
    let list = get(&hub, &format!("{place}&comp=blocklist&blocklisttype=uncommitted"), "").await;
    assert!(list.body.contains("<Block><Name>MDM=</Name><Size>5</Size></Block>"), "{list:?}");
    assert_eq!(get(&hub, &place, "").await.status, 404, "it is no file yet");
    let commit = format!("{place}&comp=blocklist");
    let missing = "<BlockList><Latest>MDE=</Latest><Latest>MDk=</Latest></BlockList>";
    let reply = put(&hub, &commit, "", missing).await;
    assert_eq!((reply.status, code(&reply)), (400, "invalidblocklist".into()));
    let all =
        "<BlockList><Latest>MDM=</Latest><Latest>MDE=</Latest><Uncommitted>MDI=</Uncommitted></BlockList>";
    let headers = "content-type: application/xml\r\nx-ms-blob-content-type: text/x\r\n";
    assert_eq!(put(&hub, &commit, headers, all).await.status, 201);
    let reply = get(&hub, &place, "").await;
    assert_eq!(reply.body, "threeone,two,");
    assert!(reply.head.contains("content-type: text/x\r\n"), "{reply:?}");
    // Parts of the file and new ones.
    assert_eq!(put(&hub, &block("MDQ%3D"), "", "four,").await.status, 201);
    let more = "<BlockList><Committed>MDE=</Committed><Latest>MDQ=</Latest><Latest>MDM=</Latest></BlockList>";
    assert_eq!(put(&hub, &commit, "", more).await.status, 201);
    assert_eq!(get(&hub, &place, "").await.body, "one,four,three");
    let list = get(&hub, &format!("{place}&comp=blocklist&blocklisttype=all"), "").await;
    assert!(list.body.contains("<Name>MDQ=</Name><Size>5</Size>"), "{list:?}");
    assert!(list.body.ends_with("<UncommittedBlocks></UncommittedBlocks></BlockList>"), "{list:?}");
    // One file and the list of its parts.
    until(|| files(&scratch.path().join("files")).len() == 2).await;
}

#[tokio::test]
async fn what_ends_half_way_leaves_nothing() {
    let scratch = Scratch::new("half");
    let options = || Options { data: Some(scratch.path().into()), ..options() };
    let folder = scratch.path().join("files");
    let hub = start(options()).await;
    let access = begin(&hub, "f").await;
    let place = place(&access);
    let mut stream = secure(&hub, hub.https_address()).await;
    let head = format!(
        "PUT {place} HTTP/1.1\r\nhost: localhost\r\n{BLOCK_BLOB}content-length: 1000000\r\n\r\nbegun"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    until(|| files(&folder).len() == 1).await;
    drop(stream);
    until(|| files(&folder).is_empty()).await;
    // Parts are there until the end is told.
    assert_eq!(put(&hub, &format!("{place}&comp=block&blockid=MDE%3D"), "", "one").await.status, 201);
    assert_eq!(files(&folder).len(), 1);
    assert_eq!(end(&hub, &access, false).await, 204);
    until(|| files(&folder).is_empty()).await;
    hub.stop().await;
    // What a hub that was killed has left.
    for stray in ["unfinished/0123", "content/4567", "content/4567.parts", "parts/89ab/30"] {
        std::fs::create_dir_all(folder.join(stray).parent().unwrap()).unwrap();
        std::fs::write(folder.join(stray), "x").unwrap();
    }
    let hub = start(options()).await;
    assert_eq!(files(&folder), [""; 0]);
    hub.stop().await;
}

#[tokio::test]
async fn no_part_is_kept_behind_the_end_of_its_upload() {
    let scratch = Scratch::new("behind");
    let hub = start(Options { data: Some(scratch.path().into()), ..options() }).await;
    let folder = scratch.path().join("files");
    let access = begin(&hub, "f").await;
    let block = format!("{}&comp=block&blockid=MDE%3D", place(&access));
    // One is on its way when the end is told.
    let mut stream = secure(&hub, hub.https_address()).await;
    let head = format!("PUT {block} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\non");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    until(|| files(&folder).len() == 1).await;
    assert_eq!(end(&hub, &access, false).await, 204);
    stream.write_all(b"e!").await.unwrap();
    stream.flush().await.unwrap();
    soon(stream.read_u8()).await.unwrap();
    assert_eq!(files(&folder), [""; 0], "it has been answered");
    // The signature would still be good.
    let reply = put(&hub, &block, "", "one").await;
    assert_eq!((reply.status, code(&reply)), (403, "authenticationfailed".into()), "{reply:?}");
    assert_eq!(files(&folder), [""; 0]);
    hub.stop().await;
}

#[tokio::test]
async fn what_a_device_has_announced_counts_as_its_own() {
    let settings = FileSettings::default().with_file_len_max(100).with_device_len_max(150);
    let scratch = Scratch::new("announced");
    let data = Some(scratch.path().into());
    let hub = start(Options { files: Some(settings), data, ..options() }).await;
    let folder = scratch.path().join("files");
    let place = place(&begin(&hub, "1").await);
    let mut slow = secure(&hub, hub.https_address()).await;
    let head = format!("PUT {place} HTTP/1.1\r\nhost: localhost\r\n{BLOCK_BLOB}content-length: 100\r\n\r\n");
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    let block = format!("{place}&comp=block&blockid=MDE%3D");
    until(|| files(&folder).len() == 1).await;
    let reply = put(&hub, &block, "", &"x".repeat(60)).await;
    assert_eq!((reply.status, code(&reply)), (403, "storagequotaexceeded".into()), "{reply:?}");
    drop(slow);
    soon(async { while put(&hub, &block, "", &"x".repeat(60)).await.status != 201 {} }).await;
}

#[tokio::test]
async fn a_file_that_is_lost_is_forgotten() {
    let scratch = Scratch::new("lost");
    let options = || Options { data: Some(scratch.path().into()), ..options() };
    let hub = start(options()).await;
    let place = place(&begin(&hub, "f").await);
    assert_eq!(put(&hub, &place, BLOCK_BLOB, "x").await.status, 201);
    hub.stop().await;
    std::fs::remove_dir_all(scratch.path().join("files/content")).unwrap();
    let hub = start(options()).await;
    assert_eq!(get(&hub, &place, "").await.status, 404);
    assert_eq!(ask(&hub, "GET", "/$local/files", "").await.body, "[]");
}

#[tokio::test]
async fn what_a_client_must_not_write_is_refused_with_azures_codes() {
    let settings = FileSettings::default().with_file_len_max(100);
    let hub = start(Options { files: Some(settings), ..options() }).await;
    let access = begin(&hub, "f").await;
    let good = place(&access);
    let changed = good.replace("sig=", "sig=A");
    let other = good.replace("dev1%2Ff", "dev1%2Fg");
    let outside = good.replace("dev1%2Ff", "dev1%2F..%2F..%2Ff");
    let bare = good.split('?').next().unwrap().to_owned();
    let block = format!("{good}&comp=block&blockid=");
    let list = format!("{good}&comp=blocklist");
    let long = "x".repeat(101);
    let crc = format!("{BLOCK_BLOB}x-ms-content-crc64: AAAAAAAAAAA=\r\n");
    let md5 = format!("{BLOCK_BLOB}content-md5: AAAAAAAAAAAAAAAAAAAAAA==\r\n");
    let metadata = format!("{BLOCK_BLOB}x-ms-meta-a: {}\r\n", "x".repeat(9000));
    for (place, headers, body, status, expected) in [
        (&changed, BLOCK_BLOB, "x", 403, "AuthenticationFailed"),
        (&other, BLOCK_BLOB, "x", 403, "AuthenticationFailed"),
        (&outside, BLOCK_BLOB, "x", 403, "AuthenticationFailed"),
        (&bare, BLOCK_BLOB, "x", 401, "NoAuthenticationInformation"),
        (&"/iothub-files".to_owned(), BLOCK_BLOB, "x", 400, "InvalidUri"),
        (&good, "", "x", 400, "MissingRequiredHeader"),
        (&good, "x-ms-blob-type: PageBlob\r\n", "x", 400, "InvalidHeaderValue"),
        (&good, BLOCK_BLOB, &long, 413, "RequestBodyTooLarge"),
        (&good, &crc, "x", 400, "InvalidHeaderValue"),
        (&good, &md5, "x", 400, "Md5Mismatch"),
        (&good, &metadata, "x", 400, "MetadataTooLarge"),
        (&good, "if-match: \"x\"\r\nx-ms-blob-type: BlockBlob\r\n", "x", 412, "ConditionNotMet"),
        (&format!("{good}&comp=page"), BLOCK_BLOB, "x", 400, "InvalidQueryParameterValue"),
        (&block, "", "x", 400, "InvalidBlobOrBlock"),
        (&format!("{block}..%2F..%2Fx"), "", "x", 400, "InvalidBlobOrBlock"),
        (&format!("{block}MDE%3D"), "", &long, 413, "RequestBodyTooLarge"),
        (&list, "", "<BlockList>", 400, "InvalidXmlDocument"),
    ] {
        let reply = put(&hub, place, headers, body).await;
        assert_eq!((reply.status, code(&reply)), (status, expected.to_lowercase()), "{reply:?}");
        assert!(reply.body.contains(&format!("<Code>{expected}</Code>")), "{reply:?}");
    }
    assert_eq!(put(&hub, &good, BLOCK_BLOB, "x").await.status, 201);
    let reply = put(&hub, &good, &format!("{BLOCK_BLOB}if-none-match: *\r\n"), "x").await;
    assert_eq!((reply.status, code(&reply)), (409, "blobalreadyexists".into()));
    let reply = ask_with(&hub, "DELETE", &good, "", "").await;
    assert_eq!((reply.status, code(&reply)), (403, "authorizationpermissionmismatch".into()));
}

#[tokio::test]
async fn what_is_on_its_way_has_a_limit_as_well() {
    let settings = FileSettings::default().with_file_len_max(100).with_device_len_max(150);
    let hub = start(Options { files: Some(settings), ..options() }).await;
    let (one, other) = (place(&begin(&hub, "1").await), place(&begin(&hub, "2").await));
    let part = "x".repeat(90);
    let block = |place: &str, id: &str| format!("{place}&comp=block&blockid={id}");
    assert_eq!(put(&hub, &block(&one, "MDE%3D"), "", &part).await.status, 201);
    let reply = put(&hub, &block(&one, "MDI%3D"), "", &part).await;
    assert_eq!((reply.status, code(&reply)), (413, "requestbodytoolarge".into()), "of one file");
    let reply = put(&hub, &block(&other, "MDE%3D"), "", &part).await;
    assert_eq!((reply.status, code(&reply)), (403, "storagequotaexceeded".into()), "of one device");
    assert_eq!(put(&hub, &block(&one, "MDE%3D"), "", &part).await.status, 201, "it takes its own place");
}

#[tokio::test]
async fn back_ends_fetch_and_remove_what_devices_have_uploaded() {
    let scratch = Scratch::new("fetched");
    let hub = start(Options { data: Some(scratch.path().into()), ..options() }).await;
    let mine = place(&begin(&hub, "f").await);
    assert_eq!(put(&hub, &mine, BLOCK_BLOB, "text").await.status, 201);
    let listed = ask(&hub, "GET", "/$local/files?prefix=dev1%2F", "").await.json();
    assert_eq!((&listed[0]["blobName"], &listed[0]["length"]), (&json!("dev1/f"), &json!(4)));
    let access = ask(&hub, "POST", "/$local/files/access", r#"{"blobName":"dev1/f"}"#).await.json();
    assert_eq!(access["hostName"], "localhost");
    let theirs = place(&access);
    assert_eq!(get(&hub, &theirs, "").await.body, "text");
    assert_eq!(put(&hub, &theirs, BLOCK_BLOB, "x").await.status, 403);
    assert_eq!(ask_with(&hub, "DELETE", &theirs, "", "").await.status, 202);
    assert_eq!(get(&hub, &theirs, "").await.status, 404);
    until(|| files(&scratch.path().join("files")).is_empty()).await;
}
