//! What a hub keeps in its folder, and what it leaves behind.

use crate::peers::*;
use iothub_server::{NotFound, Options, Ready, Server, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn authority_policies_and_devices_are_there_again_after_a_restart() {
    let scratch = Scratch::new("restart");
    let options = Options { data: Some(scratch.path().into()), ..options() };
    let hub = start(options.clone()).await;
    let (ca, service) = (hub.ca_pem().to_owned(), secret(hub.service_connection_string()));
    let device = secret(hub.device_connection_string().unwrap());
    let reply = ask(&hub, "PUT", "/devices/pump-7?api-version=2021-04-12", r#"{"deviceId":"pump-7"}"#).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let patch = r#"{"tags":{"floor":3},"properties":{"desired":{"fan":"on"}}}"#;
    let reply = ask(&hub, "PATCH", "/twins/pump-7?api-version=2021-04-12", patch).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let before = ask(&hub, "GET", "/twins/pump-7?api-version=2021-04-12", "").await.json();
    hub.stop().await;

    let hub = start(options).await;
    assert_eq!(hub.ca_pem(), ca);
    assert_eq!(std::fs::read_to_string(hub.ca_file()).unwrap(), ca);
    assert_eq!(secret(hub.service_connection_string()), service);
    assert_eq!(secret(hub.device_connection_string().unwrap()), device);
    let after = ask(&hub, "GET", "/twins/pump-7?api-version=2021-04-12", "").await.json();
    assert_eq!(after, before);
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_hub_that_was_not_stopped() {
    let scratch = Scratch::new("killed");
    let (running, copy) = (scratch.path().join("running"), scratch.path().join("copy"));
    let hub = start(Options { data: Some(running.clone()), ..options() }).await;
    for number in 0..20 {
        let body = format!(r#"{{"deviceId":"pump-{number}"}}"#);
        let path = format!("/devices/pump-{number}?api-version=2021-04-12");
        assert_eq!(ask(&hub, "PUT", &path, &body).await.status, 200);
    }
    // What a process that is killed here leaves behind.
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(running.join("hub.redb"), copy.join("hub.redb")).unwrap();
    let after = start(Options { data: Some(copy), ..options() }).await;
    for number in 0..20 {
        let path = format!("/devices/pump-{number}?api-version=2021-04-12");
        assert_eq!(ask(&after, "GET", &path, "").await.status, 200, "{number}");
    }
}

#[tokio::test]
async fn a_device_that_sends_much_while_changes_are_recorded_is_told_of_all_of_it() {
    const MESSAGES: u16 = 20_000;
    let scratch = Scratch::new("busy");
    let hub = start(Options { data: Some(scratch.path().into()), ..options() }).await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    let mut bytes = Vec::new();
    for id in 1..=MESSAGES {
        if id % 1000 == 1 {
            bytes.extend(report(id));
        }
        bytes.extend(telemetry_at_qos_1(id));
    }
    let (mut reader, mut writer) = tokio::io::split(device.stream);
    let mut acknowledgements = vec![0; usize::from(MESSAGES) * 4];
    let (written, read) =
        soon(async { tokio::join!(writer.write_all(&bytes), reader.read_exact(&mut acknowledgements)) })
            .await;
    written.unwrap();
    read.unwrap();
    assert_eq!(acknowledgements[acknowledgements.len() - 4..], puback(MESSAGES));
}

/// The key at the end of a connection string.
fn secret(connection_string: &str) -> String {
    connection_string.split_once("SharedAccessKey=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_hub_is_found_while_it_runs_and_not_after() {
    let scratch = Scratch::new("found");
    assert!(matches!(Ready::find(Some(scratch.path())), Err(NotFound::NoHub)));
    let hub = start(Options { data: Some(scratch.path().into()), ..options() }).await;
    assert_eq!(&Ready::find(Some(scratch.path())).unwrap(), hub.ready());
    assert!(Ready::find(None).is_ok(), "this one or a later one");
    hub.stop().await;
    assert!(matches!(Ready::find(Some(scratch.path())), Err(NotFound::NoHub)));
    assert!(!scratch.path().join("hub.json").exists());
}

#[tokio::test]
async fn a_hub_in_memory_leaves_no_file_behind() {
    let hub = hub().await;
    let ca_file = hub.ca_file().to_owned();
    assert_eq!(std::fs::read_to_string(&ca_file).unwrap(), hub.ca_pem());
    hub.stop().await;
    assert!(!ca_file.parent().unwrap().exists());
}

#[tokio::test]
async fn a_folder_has_one_hub_at_a_time() {
    let scratch = Scratch::new("one");
    let options = Options { data: Some(scratch.path().into()), ..options() };
    let first = start(options.clone()).await;
    let error = Server::start(options.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::DataInUse { .. }), "{error}");
    first.stop().await;
    start(options).await.stop().await;
}

#[tokio::test]
async fn a_damaged_journal_is_one_line() {
    let scratch = Scratch::new("damaged");
    std::fs::write(scratch.path().join("hub.redb"), "no journal").unwrap();
    let options = Options { data: Some(scratch.path().into()), ..options() };
    let line = Server::start(options).await.unwrap_err().to_string();
    assert!(line.contains("hub.redb: damaged: ") && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn host_names_are_in_the_certificate_and_the_first_in_the_connection_strings() {
    let names = vec!["hub.example".to_owned(), "other.example".to_owned()];
    let hub = start(Options { host_names: names, ..options() }).await;
    let port = hub.ready().https_port;
    assert!(hub.service_connection_string().starts_with(&format!("HostName=hub.example:{port};")));
    for name in ["hub.example", "other.example", "localhost", "127.0.0.1", "::1"] {
        secure_as(&hub, hub.mqtt_address(), name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(secure_as(&hub, hub.mqtt_address(), "else.example").await.is_err());
}

#[tokio::test]
async fn no_key_shows_in_debug() {
    let hub = hub().await;
    let debug = format!("{hub:?} {:?}", hub.ready());
    for key in [secret(hub.service_connection_string()), secret(hub.device_connection_string().unwrap())] {
        assert!(!debug.contains(&key), "{debug}");
    }
}
