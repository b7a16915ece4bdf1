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
async fn an_import_goes_on_when_its_hub_does() {
    let scratch = Scratch::new("resumed");
    let folder = scratch.path().join("transfers");
    std::fs::create_dir_all(&folder).unwrap();
    let line = |n| match n % 1000 {
        7 => "nonsense\n".to_owned(),
        _ => format!("{{\"id\":\"pump-{n}\",\"importMode\":\"create\"}}\n"),
    };
    std::fs::write(folder.join("devices.txt"), (0..LINES).map(line).collect::<String>()).unwrap();
    let data = scratch.path().join("data");
    let options = || Options { transfer_folder: Some(folder.clone()), data: Some(data.clone()), ..options() };
    let mut hub = start(options()).await;
    let body = r#"{"type":"import","inputBlobContainerUri":"."}"#;
    let asked = ask(&hub, "POST", &format!("/jobs/create?{VERSION}"), body).await.json();
    let path = format!("/jobs/{}?{VERSION}", asked["jobId"].as_str().unwrap());
    let (mut last, mut restarts) = (0, 0);
    let job = loop {
        let job = ask(&hub, "GET", &path, "").await.json();
        let progress = job["progress"].as_u64().unwrap_or_default();
        if job["status"] != "running" {
            break job;
        }
        if progress >= last + 20 {
            hub.stop().await;
            hub = start(options()).await;
            (last, restarts) = (progress, restarts + 1);
        }
    };
    assert_eq!(job["status"], "completed", "{job}");
    assert!(restarts > 0, "it was too fast to be interrupted");
    let lost = format!("{} lines were not done: importErrors.log says why", LINES / 1000);
    assert_eq!(job["failureReason"], lost);
    let numbers = ask(&hub, "GET", &format!("/statistics/devices?{VERSION}"), "").await.json();
    assert_eq!(numbers["totalDeviceCount"], LINES - LINES / 1000 + 1);
    let errors = std::fs::read_to_string(folder.join("importErrors.log")).unwrap();
    let told: Vec<u64> = errors
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap())
        .collect();
    assert_eq!(told, (0..LINES / 1000).map(|n| n * 1000 + 8).collect::<Vec<_>>());
    hub.stop().await;
}

/// More than a hub imports before it is asked how far it is.
const LINES: u64 = 10_000;

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
