//! The program against a hub.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use iothub_test::TestHub;
use tempfile::TempDir;

/// Ended, whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(hub: &TestHub, connection_string: &str, file: &Path) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offline-outbox"));
    command.env("IOTHUB_DEVICE_CONNECTION_STRING", connection_string);
    command.env("IOTHUB_CA_FILE", hub.ca_file()).env("IOTHUB_OUTBOX_FILE", file);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    Running(command.spawn().expect("the program is there"))
}

fn said(program: &mut Running) -> impl Iterator<Item = String> + use<> {
    let output = program.0.stdout.take().expect("it is a pipe");
    BufReader::new(output).lines().map(|line| line.expect("it is text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_a_hub_and_without_power() {
    let hub = TestHub::start().await;
    let connection_string = hub.device("pump-7").string().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("outbox.redb");
    let port = format!(":{}", hub.mqtt_port().unwrap());
    let nowhere = connection_string.replacen(&port, ":1", 1);
    assert_ne!(nowhere, connection_string, "the port is in the connection string");

    let mut killed = program(&hub, &nowhere, &file);
    killed.0.stdin.as_mut().unwrap().write_all(b"one\ntwo\n!three\n").unwrap();
    let mut lines = said(&mut killed);
    let told = tokio::task::spawn_blocking(move || lines.by_ref().take(4).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(told, ["0 messages are left of the last run", "stored", "stored", "stored"]);
    drop(killed);

    let mut again = program(&hub, &connection_string, &file);
    again.0.stdin.take().unwrap().write_all(b"four\n").unwrap();
    let lines = said(&mut again);
    let told = tokio::task::spawn_blocking(move || lines.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(told, ["3 messages are left of the last run", "stored", "sent"]);
    assert!(again.0.wait().unwrap().success());
    let events = hub.expect_telemetry("pump-7").times(4).await;
    let bodies: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(event.body())).collect();
    assert_eq!(bodies, ["three", "one", "two", "four"]);
    let names: BTreeSet<_> =
        events.iter().map(|event| event.system_property("message-id").unwrap()).collect();
    assert_eq!(names.len(), 4, "each message has a name of its own: {names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_it_can_never_send_and_what_is_stored_stays() {
    let hub = TestHub::start().await;
    let connection_string = hub.device("pump-7").string().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("outbox.redb");
    let mut command = Command::new(env!("CARGO_BIN_EXE_offline-outbox"));
    command.env("IOTHUB_DEVICE_CONNECTION_STRING", &connection_string).env("IOTHUB_OUTBOX_FILE", &file);
    let no_certificate = folder.path().join("ca.pem");
    std::fs::write(&no_certificate, "what is no certificate").unwrap();
    command.env("IOTHUB_CA_FILE", no_certificate).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut misled = Running(command.stderr(Stdio::null()).spawn().expect("the program is there"));
    misled.0.stdin.take().unwrap().write_all(b"one\n").unwrap();
    let lines = said(&mut misled);
    let told = tokio::task::spawn_blocking(move || lines.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(told, ["0 messages are left of the last run", "stored"]);
    assert!(!misled.0.wait().unwrap().success());

    let mut again = program(&hub, &connection_string, &file);
    drop(again.0.stdin.take());
    let lines = said(&mut again);
    let told = tokio::task::spawn_blocking(move || lines.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(told, ["1 messages are left of the last run", "sent"]);
}
