use core::net::SocketAddr;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::process::Signal;

use crate::hub::Hub;
use crate::place::Place;
use crate::program::PATIENCE;

#[test]
fn a_registry_goes_from_one_hub_to_another() {
    let one = Hub::start();
    one.line("device create pump-7 --status disabled").json();
    one.line("module create dev1 camera").json();
    one.line("twin update dev1 --tags {\"floor\":2}").json();
    let exported = one.line("device export").ok();
    assert_eq!(exported.lines().count(), 3, "{exported}");
    let file = &one.path("registry.jsonl");
    assert_eq!(one.run(&["device", "export", "--file", file]).ok(), "");
    assert_eq!(std::fs::read_to_string(file).unwrap(), exported);
    assert_eq!(partial(file), None);

    let other = Hub::start();
    let report = other.run(&["device", "import", file]).json();
    assert_eq!((&report["done"], &report["failed"]), (&3.into(), &0.into()));
    let keys = |hub: &Hub| hub.line("device show dev1 --show-keys").json()["authentication"].clone();
    assert_eq!(keys(&one), keys(&other));
    assert_eq!(other.line("twin show dev1").json()["tags"]["floor"], 2);

    let again = other.run(&["device", "import", "--mode", "create", file]);
    assert_eq!(again.code, Some(1));
    let first = format!("iothub: {file}:1: dev1: DeviceAlreadyExists: ");
    assert!(again.err.starts_with(&first) && again.err.contains(":3: pump-7: "), "{}", again.err);
    assert!(again.err.ends_with(&format!("3 lines of {file} were not done\n")), "{}", again.err);
    let without = one.line("device export --no-keys").ok();
    assert!(without.contains("\"primaryKey\":null") && !exported.contains("\"primaryKey\":null"));
}

#[cfg(unix)]
#[test]
fn an_export_is_written_to_a_pipe_and_not_put_in_its_place() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};

    let hub = Hub::start();
    let exported = hub.line("device export").ok();
    let pipe = hub.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    assert_eq!(hub.run(&["device", "export", "--file", &pipe]).ok(), "");
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), exported);

    let file = hub.path("registry.jsonl");
    assert_eq!(hub.run(&["device", "export", "--file", &file]).ok(), "");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_export_that_is_stopped_leaves_what_was_there() {
    let place = Place::new();
    let file = place.file("registry.jsonl", b"of yesterday");
    for signal in [Signal::INT, Signal::TERM] {
        stop(&place, &["device", "export", "--file", &file], || partial(&file).is_some(), signal);
        assert_eq!(std::fs::read(&file).unwrap(), b"of yesterday");
    }
}

#[test]
fn exports_to_the_same_path_at_once_are_each_whole() {
    let hub = Hub::start();
    let file = &hub.path("registry.jsonl");
    let (login, reached) = silent_hub();
    let stopped = Place::start(&hub, &["device", "export", "--file", file, "--login", &login]);
    let _connection = reached.recv_timeout(PATIENCE).unwrap().unwrap();
    let begun = partial(file);
    assert!(begun.is_some());
    assert_eq!(hub.run(&["device", "export", "--file", file]).ok(), "");
    assert_eq!(partial(file), begun, "it is another's");
    stopped.signal(Signal::INT);
    assert_eq!(stopped.end().refused(130), format!("{file} is not written"));
    assert_eq!(partial(file), None);
    assert_eq!(std::fs::read_to_string(file).unwrap(), hub.line("device export").ok());
}

#[test]
fn a_download_that_is_stopped_leaves_nothing() {
    let place = Place::new();
    let file = place.path("copy.txt");
    for signal in [Signal::INT, Signal::TERM] {
        let is_begun = || Path::new(&file).exists();
        stop(&place, &["file", "download", "dev1/log.txt", "--file", &file], is_begun, signal);
    }
}

/// Stops a command that writes to the file which it names last, once a hub is reached that says nothing: something is begun
/// until then, and gone after.
fn stop(place: &Place, command: &[&str], is_begun: impl Fn() -> bool, signal: Signal) {
    let (login, reached) = silent_hub();
    let file = command.last().unwrap();
    let command = place.start(&[command, &["--login", &login]].concat());
    let _connection = reached.recv_timeout(PATIENCE).unwrap().unwrap();
    assert!(is_begun());
    command.signal(signal);
    assert_eq!(command.end().refused(130), format!("{file} is not written"));
    assert!(!is_begun(), "{signal:?}");
}

/// How it is named, and who has come to it.
fn silent_hub() -> (String, Receiver<io::Result<(TcpStream, SocketAddr)>>) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let (sender, reached) = channel();
    thread::spawn(move || sender.send(silent.accept()));
    (
        format!("HostName=127.0.0.1:{port};SharedAccessKeyName=o;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0"),
        reached,
    )
}

/// What is beside a file that is still to be written.
fn partial(file: &str) -> Option<PathBuf> {
    let beside = std::fs::read_dir(Path::new(file).parent().unwrap()).unwrap();
    let mut paths = beside.map(|entry| entry.unwrap().path());
    paths.find(|path| {
        let path = path.to_str().unwrap();
        path.starts_with(file) && path.ends_with(".part")
    })
}

#[test]
fn a_device_may_be_known_by_its_certificate() {
    let hub = Hub::start();
    let print = "ab:cd".repeat(10).replace("dab", "d:ab");
    let created = hub
        .run(&["device", "create", "x1", "--auth-method", "x509_thumbprint", "--primary-thumbprint", &print])
        .json();
    assert_eq!(created["authentication"]["type"], "selfSigned");
    let digits = &created["authentication"]["x509Thumbprint"]["primaryThumbprint"];
    assert_eq!(digits, &"abcd".repeat(10));
    assert!(hub.line("device connection-string x1").ok().ends_with(";DeviceId=x1;x509=true\n"));
    assert_eq!(
        hub.line("device create x2 --am x509_ca").json()["authentication"]["type"],
        "certificateAuthority"
    );
    hub.line("device create x3 --am x509_thumbprint").refused(2);
    hub.line("device create x3 --am x509_ca --ptp 00").refused(2);
    assert_eq!(hub.line("ca list").ok(), "[]\n");
    let not_one = hub.run(&["ca", "add", "root", "--path", hub.text("caFile")]).json();
    assert_eq!(not_one["name"], "root", "any authority will do, also the one that vouches for the hub");
    assert_eq!(hub.line("ca list").json()[0], not_one);
    hub.line("ca remove root").ok();
    let line = hub.line("ca remove root").refused(3);
    assert!(line.contains("root"), "{line}");
}
