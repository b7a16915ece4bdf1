//! The program against a hub.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use iothub_test::{Telemetry, TestHub};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Ended, whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn thermostat(hub: &TestHub) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thermostat"));
    command.env("IOTHUB_DEVICE_CONNECTION_STRING", hub.device("room-7").string().await);
    let program = Running(
        command
            .env("IOTHUB_CA_FILE", hub.ca_file())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is there"),
    );
    hub.expect_connected("room-7").await;
    program
}

/// What was measured.
fn degrees(told: &Telemetry) -> Option<f64> {
    told.json()?["temperature"].as_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_measures_keeps_what_is_wanted_answers_and_ends_when_it_is_told_to() {
    let hub = TestHub::start().await;
    let mut program = thermostat(&hub).await;
    let moved = |told: &Telemetry| degrees(told).is_some_and(|degrees| degrees > 18.0);
    hub.expect_telemetry("room-7").that_is("above 18", moved).await;

    hub.desire("room-7", &json!({ "targetTemperature": 40, "interval": 0.01 })).await.unwrap();
    hub.expect_reported("room-7").at("/targetTemperature").equal(40.0).await;
    let hot = |told: &Telemetry| degrees(told).is_some_and(|degrees| degrees > 39.0);
    hub.expect_telemetry("room-7").that_is("above 39", hot).await;

    // What it cannot read it does not keep.
    hub.desire("room-7", &json!({ "targetTemperature": "hot" })).await.unwrap();
    hub.expect_method("room-7", "report").status(200).answer(json!({ "accepted": true })).await;
    hub.expect_method("room-7", "reboot").status(200).await;
    hub.expect_reported("room-7").at("/reboots").equal(1).await;
    hub.expect_reported("room-7").at("/targetTemperature").equal(40.0).await;
    hub.expect_method("room-7", "explode").status(404).await;

    kill_process(Pid::from_child(&program.0), Signal::INT).unwrap();
    hub.expect_disconnected("room-7").await;
    assert!(program.0.wait().unwrap().success());
    let mut complaints = String::new();
    program.0.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(complaints.starts_with("not to be done"), "{complaints}");
}
