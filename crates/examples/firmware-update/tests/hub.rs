//! Both programs against a hub.

use core::fmt::Write;
use std::path::Path;
use std::process::{Child, Command};

use iothub_test::TestHub;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Ended as by a power cut.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A hub with one device, what the device keeps, and what it may fetch.
struct Site {
    hub: TestHub,
    connection_string: String,
    source: TempDir,
    kept: TempDir,
}

impl Site {
    async fn new() -> Self {
        let hub = TestHub::start().await;
        let connection_string = hub.device("pump-1").string().await;
        Self { hub, connection_string, source: directory(), kept: directory() }
    }

    /// Puts a version into the source, and gives its hash.
    fn publish(&self, version: &str, size: usize) -> String {
        let firmware: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
        std::fs::write(self.source.path().join(version), &firmware).expect("the directory is there");
        Sha256::digest(&firmware).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes everything");
            text
        })
    }

    async fn power_on(&self, pause_ms: u32) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_updated-device"));
        command.env("IOTHUB_DEVICE_CONNECTION_STRING", &self.connection_string);
        command.env("IOTHUB_CA_FILE", self.hub.ca_file()).env("FIRMWARE_SOURCE", self.source.path());
        command.env("FIRMWARE_DIR", self.kept.path()).env("FIRMWARE_PAUSE_MS", pause_ms.to_string());
        let program = Running(command.spawn().expect("the program is there"));
        self.hub.expect_connected("pump-1").await;
        program
    }

    async fn roll_out(&self, job: &str, version: &str, sha256: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roll-out"));
        command.args([job, "*", version, sha256]).env("IOTHUB_CA_FILE", self.hub.ca_file());
        command.env("IOTHUB_CONNECTION_STRING", self.hub.service_connection_string());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        let output = output.expect("the program is there");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{job}: completed\n"));
    }

    async fn expect(&self, place: &str, value: impl Into<Value>) {
        self.hub.expect_reported("pump-1").at(place).equal(value).await;
    }

    fn kept(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(Path::new(self.kept.path()).join(name)).ok()
    }
}

fn directory() -> TempDir {
    TempDir::new().expect("there is room")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_in_the_middle_costs_nothing_and_a_version_is_fetched_once() {
    let site = Site::new().await;
    let sha256 = site.publish("2.0.0", 3 << 20);
    let device = site.power_on(20).await;
    site.roll_out("roll-out-1", "2.0.0", &sha256).await;
    let some = |percent: &Value| percent.as_u64().is_some_and(|percent| percent >= 10);
    site.hub.expect_reported("pump-1").at("/firmware/percent").that_is("at least 10", some).await;
    drop(device);
    let before = site.kept("2.0.0.part").unwrap().len() as u64;
    assert!(before < 3 << 20, "it is not done");

    let device = site.power_on(1).await;
    site.expect("/firmware/state", "installed").await;
    site.expect("/firmware/goesOnAt", before).await;
    site.expect("/firmware/version", "2.0.0").await;
    assert_eq!(site.kept("installed").unwrap(), b"2.0.0");
    assert_eq!(site.kept("2.0.0.bin"), std::fs::read(site.source.path().join("2.0.0")).ok());

    // Wanted once more, and after a restart, there is nothing to fetch.
    std::fs::remove_file(site.source.path().join("2.0.0")).unwrap();
    site.roll_out("roll-out-2", "2.0.0", &"0".repeat(64)).await;
    drop(device);
    let _device = site.power_on(1).await;
    site.roll_out("roll-out-3", "2.1.0", &sha256).await;
    site.expect("/firmware/state", "failed").await;
    site.roll_out("roll-out-4", "2.0.0", &sha256).await;
    site.expect("/firmware/state", "installed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_was_wanted_is_not_installed() {
    let site = Site::new().await;
    let sha256 = site.publish("2.0.0", 100);
    let _device = site.power_on(1).await;
    for (job, version, hash) in
        [("forged", "2.0.0", "0".repeat(64)), ("elsewhere", "../2.0.0", sha256.clone())]
    {
        site.roll_out(job, version, &hash).await;
        site.expect("/firmware/state", "failed").await;
        assert_eq!((site.kept("installed"), site.kept("2.0.0.part")), (None, None), "{job}");
    }
    site.roll_out("right", "2.0.0", &sha256).await;
    site.expect("/firmware/state", "installed").await;
    site.hub.expect_reported("pump-1").at("/firmware/error").absent().await;
}
