//! The program against a hub.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use iothub_test::TestHub;
use rustix::process::{Pid, Signal, kill_process};

/// Ended, whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As many as the program promises.
const DEVICES: usize = 1_000;
/// What each of them has open in this process: two ends of the hub's proxy, and one of the hub itself.
const FILES_OF_EACH: u64 = 3;
/// What else is open here.
const OTHER_FILES: u64 = 256;

/// The program, with as few open files allowed as a shell says: what this process is allowed, it would be allowed as well.
fn gateway(limit: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!(r#"{limit} && exec "$0" "$@""#), env!("CARGO_BIN_EXE_gateway")]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn each_device_connects_sends_and_says_goodbye() {
    let wanted = DEVICES as u64 * FILES_OF_EACH + OTHER_FILES;
    let allowed = rlimit::increase_nofile_limit(wanted).unwrap();
    assert!(allowed >= wanted, "the hub of this test needs {wanted} open files, and may have {allowed}");
    let hub = TestHub::start().await;
    let mut command = gateway("ulimit -Sn 256");
    command.arg(DEVICES.to_string()).stdout(Stdio::piped());
    let port = hub.mqtt_port().unwrap();
    command.env("IOTHUB_MQTT_ADDRESS", format!("localhost:{port}"));
    command.env("IOTHUB_CONNECTION_STRING", hub.service_connection_string());
    let mut program =
        Running(command.env("IOTHUB_CA_FILE", hub.ca_file()).spawn().expect("the program is there"));
    let mut printed = BufReader::new(program.0.stdout.take().unwrap());
    let told = tokio::task::spawn_blocking(move || {
        let mut lines = String::new();
        while !lines.contains("acknowledged in") {
            assert_ne!(printed.read_line(&mut lines).unwrap(), 0, "it ended: {lines}");
        }
        (lines, printed)
    });
    let (lines, mut printed) = told.await.unwrap();
    println!("{lines}");
    assert!(lines.starts_with("1000 devices connected in"), "{lines}");
    for number in [0, 499, 999] {
        hub.expect_telemetry(format!("gateway-{number:04}")).body(r#"{"alive":true}"#).await;
    }
    kill_process(Pid::from_child(&program.0), Signal::INT).unwrap();
    let mut numbers = String::new();
    printed.read_to_string(&mut numbers).unwrap();
    assert!(program.0.wait().unwrap().success());
    for line in [
        "iothub_device_connect_attempts_total 1000",
        "iothub_device_connect_seconds_count 1000",
        r#"iothub_device_messages_total{outcome="acknowledged"} 1000"#,
        "iothub_device_waiting_messages 0",
        "iothub_device_connected 0",
    ] {
        assert!(numbers.lines().any(|told| told == line), "{line} is not in\n{numbers}");
    }
}

#[test]
fn it_does_not_begin_with_more_devices_than_there_may_be_files() {
    let mut command = gateway("ulimit -n 256");
    let ended = command.env("IOTHUB_CONNECTION_STRING", "of no hub").output().unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("1064 open files, and this process may have no more than 256"), "{said}");
}
