//! Several hubs in one process, which have nothing to do with each other.

use crate::peers::*;
use iothub_hub::PacketBuf;
use iothub_server::{Options, Ready, Running, Server, StartError};
use serde_json::json;

async fn two(data: Option<std::path::PathBuf>) -> Running {
    let further_hubs = vec!["b.test".to_owned(), "c.test".to_owned()];
    start(Options { further_hubs, data, ..options() }).await
}

/// A request to a hub by its name, with the token of one.
async fn ask_at(hub: &Running, host: &str, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let len = body.len();
    let request = format!(
        "{method} {path}?api-version=2021-04-12 HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\n\
         content-length: {len}\r\nconnection: close\r\n\r\n{body}"
    );
    exchange(hub, request.as_bytes()).await
}

fn owner(ready: &Ready) -> String {
    token(&ready.service_connection_string)
}

#[tokio::test]
async fn each_name_leads_to_a_hub_of_its_own() {
    let hub = two(None).await;
    let [b, c] = &hub.further_hubs().cloned().collect::<Vec<_>>()[..] else { panic!("two were asked for") };
    let body = r#"{"deviceId":"only-b"}"#;
    assert_eq!(ask_at(&hub, "b.test", &owner(b), "PUT", "/devices/only-b", body).await.status, 200);
    for (host, ready, status) in
        [("b.test", b, 200), ("B.TEST:443", b, 200), ("c.test", c, 404), ("localhost", hub.ready(), 404)]
    {
        let reply = ask_at(&hub, host, &owner(ready), "GET", "/devices/only-b", "").await;
        assert_eq!(reply.status, status, "{host}: {}", reply.body);
    }
    // What opens one door opens no other.
    for (host, ready) in [("b.test", c), ("c.test", b), ("localhost", b), ("b.test", hub.ready())] {
        let reply = ask_at(&hub, host, &owner(ready), "GET", "/devices/only-b", "").await;
        assert_eq!(reply.status, 401, "{host}");
    }
}

#[tokio::test]
async fn a_device_is_served_by_the_hub_whose_name_it_connects_to() {
    let hub = two(None).await;
    let b = hub.further_hubs().next().unwrap().clone();
    let string = b.device_connection_string.clone().unwrap();
    let mut rows = Vec::new();
    for (name, string) in [("b.test", &*string), ("c.test", &string), ("localhost", &string)] {
        let stream = secure_as(&hub, hub.mqtt_address(), name).await.unwrap();
        let mut device = Device::new(stream);
        let answer = device.connect_to(name, DEVICE, Some(&token(string)), 60).await.unwrap();
        rows.push((name, matches!(answer, PacketBuf::Connected(..))));
    }
    assert_eq!(rows, [("b.test", true), ("c.test", false), ("localhost", false)]);
}

#[tokio::test]
async fn each_keeps_its_own_and_all_stop_together() {
    let scratch = Scratch::new("neighbours");
    let data = Some(scratch.path().to_owned());
    let hub = two(data.clone()).await;
    let b = hub.further_hubs().next().unwrap().clone();
    let body = json!({"deviceId": "kept"}).to_string();
    assert_eq!(ask_at(&hub, "b.test", &owner(&b), "PUT", "/devices/kept", &body).await.status, 200);
    assert_eq!(Ready::find(Some(&scratch.path().join("hubs/b.test"))).unwrap(), b);
    hub.stop().await;
    assert!(Ready::find(Some(&scratch.path().join("hubs/b.test"))).is_err());
    let hub = two(data).await;
    let again = hub.further_hubs().next().unwrap().clone();
    let key = |ready: &Ready| ready.service_connection_string.split_once(';').unwrap().1.to_owned();
    assert_eq!(key(&again), key(&b), "the ports are others");
    assert_eq!(ask_at(&hub, "b.test", &owner(&again), "GET", "/devices/kept", "").await.status, 200);
    assert_eq!(ask(&hub, "GET", "/devices/kept?api-version=2021-04-12", "").await.status, 404);
}

#[tokio::test]
async fn names_that_tell_no_hubs_apart_are_refused() {
    for names in
        [&["b.test", "B.test"][..], &["localhost"], &["main.test"], &["../up"], &[""], &[".."], &["a/b"]]
    {
        let further_hubs = names.iter().map(|name| (*name).to_owned()).collect();
        let host_names = vec!["main.test".to_owned()];
        let refused = Server::start(Options { further_hubs, host_names, ..options() }).await;
        assert!(matches!(refused, Err(StartError::FurtherHub { .. })), "{names:?}: {refused:?}");
    }
}
