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

/// Fewer than a thousand, so that it takes seconds.
const DEVICES: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn each_device_connects_sends_and_says_goodbye() {
    let hub = TestHub::start().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
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
    assert!(lines.starts_with("200 devices connected in"), "{lines}");
    for number in [0, 99, 199] {
        hub.expect_telemetry(format!("gateway-{number:04}")).body(r#"{"alive":true}"#).await;
    }
    kill_process(Pid::from_child(&program.0), Signal::INT).unwrap();
    let mut numbers = String::new();
    printed.read_to_string(&mut numbers).unwrap();
    assert!(program.0.wait().unwrap().success());
    for line in [
        "iothub_device_connect_attempts_total 200",
        "iothub_device_connect_seconds_count 200",
        r#"iothub_device_messages_total{outcome="acknowledged"} 200"#,
        "iothub_device_waiting_messages 0",
        "iothub_device_connected 0",
    ] {
        assert!(numbers.lines().any(|told| told == line), "{line} is not in\n{numbers}");
    }
}
