//! Imports and exports reach the disk, and only where they may.

use crate::peers::*;
use iothub_server::{Options, Running, StartError};
use serde_json::Value;

const VERSION: &str = "api-version=2021-04-12";

/// What became of a transfer.
async fn end(hub: &Running, body: &str) -> Value {
    let reply = ask(hub, "POST", &format!("/jobs/create?{VERSION}"), body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let id = reply.json()["jobId"].as_str().unwrap().to_owned();
    loop {
        let job = ask(hub, "GET", &format!("/jobs/{id}?{VERSION}"), "").await.json();
        if job["status"] != "running" {
            return job;
        }
    }
}

#[tokio::test]
async fn a_registry_goes_to_a_file_and_from_it() {
    let scratch = Scratch::new("transfers");
    let folder = scratch.path().join("transfers");
    std::fs::create_dir_all(folder.join("nightly")).unwrap();
    let options = || Options { transfer_folder: Some(folder.clone()), ..options() };
    let hub = start(options()).await;
    for n in 0..300 {
        let path = format!("/devices/pump-{n}?{VERSION}");
        let reply = ask(&hub, "PUT", &path, &format!(r#"{{"deviceId":"pump-{n}"}}"#)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let job = end(&hub, r#"{"type":"export","outputBlobContainerUri":"nightly"}"#).await;
    assert_eq!(job["status"], "completed", "{job}");
    let key =
        ask(&hub, "GET", &format!("/devices/pump-299?{VERSION}"), "").await.json()["authentication"].clone();
    let job = end(&hub, r#"{"type":"export","outputBlobContainerUri":"file:///etc"}"#).await;
    assert_eq!(job["status"], "failed", "{job}");
    assert!(job["failureReason"].as_str().unwrap().contains("not a folder below"), "{job}");
    hub.stop().await;

    let text = std::fs::read_to_string(folder.join("nightly/devices.txt")).unwrap();
    assert_eq!(text.lines().count(), 301);
    std::fs::write(folder.join("nightly/devices.txt"), format!("{text}nonsense\n")).unwrap();
    let hub = start(options()).await;
    let job = end(&hub, r#"{"type":"import","inputBlobContainerUri":"nightly"}"#).await;
    assert_eq!(job["status"], "completed", "{job}");
    let there = ask(&hub, "GET", &format!("/devices/pump-299?{VERSION}"), "").await.json();
    assert_eq!(there["authentication"], key);
    let errors = std::fs::read_to_string(folder.join("nightly/importErrors.log")).unwrap();
    assert!(errors.starts_with(r#"{"line":302,"#) && errors.lines().count() == 1, "{errors}");
    hub.stop().await;
}

#[tokio::test]
async fn without_a_folder_there_are_no_transfers() {
    let hub = start(options()).await;
    let reply = ask(
        &hub,
        "POST",
        &format!("/jobs/create?{VERSION}"),
        r#"{"type":"export","outputBlobContainerUri":"x"}"#,
    )
    .await;
    assert!(reply.status == 400 && format!("{reply:?}").contains("--transfer-folder"), "{reply:?}");
    hub.stop().await;
    let scratch = Scratch::new("nowhere");
    let refused = iothub_server::Server::start(Options {
        transfer_folder: Some(scratch.path().join("nowhere")),
        ..options()
    })
    .await;
    assert!(matches!(refused, Err(StartError::TransferFolder { .. })));
}
