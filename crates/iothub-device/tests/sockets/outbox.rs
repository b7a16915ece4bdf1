use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::site::{Scratch, Site};

/// Builds the example, unless that was done: cargo does so by itself only where all tests are run.
fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "iothub-device",
        "--features",
        "outbox",
        "--example",
        "outbox",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success());
}

/// The example, which is built beside the tests.
fn example(connection: &str, folder: &Path) -> Child {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join("outbox");
    Command::new(program)
        .env("IOTHUB_DEVICE_CONNECTION_STRING", connection)
        .env("IOTHUB_CA_FILE", folder.join("ca.pem"))
        .env("IOTHUB_OUTBOX_FILE", folder.join("outbox.redb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn the_example_loses_nothing_without_a_hub_and_without_its_power() {
    let scratch = Scratch::new("outbox");
    let mut site = Site::new().await;
    let folder = scratch.path().to_owned();
    std::fs::write(folder.join("ca.pem"), site.hub.ca_pem()).unwrap();
    let connection = site.hub.device_connection_string().unwrap().to_owned();

    // Nobody is there.
    let port = format!(":{}", site.hub.mqtt_address().port());
    let nowhere = connection.replacen(&port, ":1", 1);
    assert_ne!(nowhere, connection, "the port is in the connection string");
    let killed = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || {
            build();
            let mut example = example(&nowhere, &folder);
            example.stdin.as_mut().unwrap().write_all(b"one\ntwo\n!three\n").unwrap();
            let mut said = BufReader::new(example.stdout.take().unwrap()).lines().map(Result::unwrap);
            assert_eq!(said.next().unwrap(), "0 messages are left of the last run");
            assert_eq!(said.by_ref().take(3).collect::<Vec<_>>(), ["stored"; 3]);
            example.kill().unwrap();
            example.wait().unwrap();
        }
    });
    killed.await.unwrap();

    let again = tokio::task::spawn_blocking(move || {
        let mut example = example(&connection, &folder);
        example.stdin.take().unwrap().write_all(b"four\n").unwrap();
        let said: Vec<_> =
            BufReader::new(example.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
        assert_eq!(said, ["3 messages are left of the last run", "stored", "sent"]);
        assert!(example.wait().unwrap().success());
    });
    let mut names = BTreeSet::new();
    for text in ["three", "one", "two", "four"] {
        let event = site.event("telemetry").await;
        assert_eq!(event["body"], json!(text), "{event}");
        let name = event["systemProperties"]["message-id"].as_str().unwrap().to_owned();
        assert!(names.insert(name), "each message has a name of its own: {event}");
    }
    again.await.unwrap();
}
