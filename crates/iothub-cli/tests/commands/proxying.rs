//! Devices behind a proxy, and in WebSockets.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::hub::Hub;
use crate::place::Place;
use crate::program::Program;

const PASSWORD: &str = "s3cret-of-the-plant";
/// `plant:s3cret-of-the-plant`, in base64.
const CODE: &str = "cGxhbnQ6czNjcmV0LW9mLXRoZS1wbGFudA==";

/// A proxy that lets in who knows the password, for as long as the tests run.
struct Relay {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for guest in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                // Who is spoken to may hang up at any time.
                thread::spawn(move || drop(relay(guest, &log)));
            }
        });
        Self { port, asked }
    }

    fn url(&self) -> String {
        format!("http://plant:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Where it was asked to connect to since this was asked last.
    fn asked(&self) -> Vec<String> {
        core::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn relay(mut guest: TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        guest.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.contains(&format!("\r\nProxy-Authorization: Basic {CODE}\r\n")) {
        guest.write_all(b"HTTP/1.1 407 Who are you\r\n\r\n")?;
        return guest.shutdown(Shutdown::Both);
    }
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    let hub = TcpStream::connect(&target)?;
    log.lock().unwrap().push(target);
    guest.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_guest, mut to_guest) = (guest.try_clone()?, guest);
    let (mut from_hub, mut to_hub) = (hub.try_clone()?, hub);
    let back = thread::spawn(move || {
        let _ = copy(&mut from_hub, &mut to_guest);
        to_guest.shutdown(Shutdown::Write)
    });
    let _ = copy(&mut from_guest, &mut to_hub);
    let _ = to_hub.shutdown(Shutdown::Write);
    back.join().unwrap()
}

/// That the password shows nowhere, and the rest.
fn run(hub: &Hub, line: &str) -> crate::program::End {
    let end = hub.line(line);
    assert!(!format!("{}{}", end.out, end.err).contains(PASSWORD), "{}{}", end.out, end.err);
    end
}

#[test]
fn a_device_goes_in_a_websocket_and_through_a_proxy() {
    let (hub, relay) = (Hub::start(), Relay::start());
    let url = relay.url();
    let file = hub.file("proxy.txt", format!("{url}\n").as_bytes());
    for (way, port) in [
        (String::new(), None),
        ("--websocket".to_owned(), None),
        (format!("--proxy {url}"), Some("mqttPort")),
        (format!("--proxy @{file}"), Some("mqttPort")),
        (format!("--websocket --proxy {url}"), Some("httpsPort")),
        (format!("--ws --dialect preview5 --proxy {url}/"), Some("httpsPort")),
    ] {
        let line = format!("device simulate dev1 --count 1 --interval 1ms {way}");
        let out = run(&hub, line.trim()).ok();
        assert!(out.contains(r#""event":"telemetry""#), "{way}: {out}");
        let asked = relay.asked();
        let ports: Vec<_> =
            asked.iter().map(|target| target.rsplit(':').next().unwrap().to_owned()).collect();
        let expected: Vec<_> = port.iter().map(|port| hub.ready[*port].to_string()).collect();
        assert_eq!(ports, expected, "{way}");
    }
}

#[test]
fn files_and_registrations_go_through_a_proxy_too() {
    let (hub, relay) = (Hub::start(), Relay::start());
    let (url, file) = (relay.url(), hub.file("pump.log", b"all is well"));
    run(&hub, &format!("device upload-file dev1 --file-path {file} --proxy {url}")).ok();
    let https = format!(":{}", hub.ready["httpsPort"]);
    let asked = relay.asked();
    assert!(!asked.is_empty() && asked.iter().all(|target| target.ends_with(&https)), "{asked:?}");
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    hub.line(&format!("enrollment create --enrollment-id reg-1 --primary-key {key}")).ok();
    for (way, port) in [("", "mqttPort"), (" --websocket", "httpsPort")] {
        let line = format!("registration create --registration-id reg-1 --key {key} --proxy {url}{way}");
        assert_eq!(run(&hub, &line).json()["status"], "assigned");
        let port = format!(":{}", hub.ready[port]);
        assert!(relay.asked().iter().all(|target| target.ends_with(&port)), "{way}");
    }
}

#[test]
fn what_is_wrong_with_a_proxy_is_said_without_its_password() {
    let (hub, relay) = (Hub::start(), Relay::start());
    let open = format!("http://127.0.0.1:{}", relay.port);
    for (proxy, code, shown) in [
        (
            open.clone(),
            1,
            format!(
                "dev1 cannot connect: proxy {open}: wants a name and a password: 407 Who are you (give it some: "
            ),
        ),
        (
            open.replace("http://", &format!("http://other:{PASSWORD}@")),
            1,
            format!(
                "dev1 cannot connect: proxy {open}: does not accept the name and password: 407 Who are you ("
            ),
        ),
        (
            format!("http://plant:{PASSWORD}@127.0.0.1:1"),
            6,
            "dev1 cannot connect: proxy http://127.0.0.1:1: cannot be reached: ".to_owned(),
        ),
        (
            format!("socks5://plant:{PASSWORD}@proxy"),
            2,
            "--proxy: a proxy of another kind than http:// and https://".to_owned(),
        ),
        (format!("http://plant:{PASSWORD}@"), 2, "--proxy: no `host` or `host:port` of a proxy".to_owned()),
        ("@nowhere".to_owned(), 1, "--proxy @nowhere: ".to_owned()),
    ] {
        let line = run(&hub, &format!("device simulate dev1 --verbose --count 1 --proxy {proxy}"));
        assert_eq!(line.code, Some(code), "{proxy}: {}", line.err);
        assert!(line.err.starts_with(&format!("iothub: {shown}")), "{}", line.err);
    }
    // In the wrong place.
    let end = run(&hub, &format!("device list {}", relay.url()));
    assert_eq!(end.code, Some(2), "{}", end.err);
    assert!(relay.asked().is_empty());
}

#[test]
fn the_environment_names_a_proxy_where_that_is_wanted() {
    let place = Place::new();
    let hub = Hub::start_in(place, &[]);
    let bad = format!("socks5://plant:{PASSWORD}@proxy");
    let simulate = ["device", "simulate", "dev1", "--count", "1", "--interval", "1ms"];
    for (variable, proxy, code) in [
        // This machine itself is reached directly.
        ("https_proxy", "http://127.0.0.1:1", 0),
        ("https_proxy", &*bad, 2),
        ("ALL_PROXY", &*bad, 2),
    ] {
        for (arguments, code) in [(&["--proxy", "env"][..], code), (&[], 0)] {
            let mut command = hub.command(&[&simulate[..], arguments].concat());
            command.env(variable, proxy);
            let end = Program::start(command, b"").end();
            assert_eq!(end.code, Some(code), "{variable}={proxy} {arguments:?}: {}", end.err);
            assert!(!end.err.contains(PASSWORD), "{}", end.err);
        }
    }
}
