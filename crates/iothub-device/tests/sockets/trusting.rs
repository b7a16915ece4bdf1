use std::process::Command;

use iothub_device::{Device, Options};
use iothub_test::TestHub;

use crate::site::DEVICE;

/// Has the test below be the child that it starts: whom it connects to.
const HUB: &str = "IOTHUB_DEVICE_TEST_HUB";

/// Where the platform has its certificates is said by a process's environment, so each row is a process of its own.
#[tokio::test]
async fn who_is_told_nothing_trusts_what_the_platform_does() {
    if let Ok(hub) = std::env::var(HUB) {
        let connected = Device::connect(Options::from_connection_string(&hub).unwrap()).await;
        let outcome =
            connected.map_or_else(|error| format!("{:?}: {error}", error.class()), |_| "fine".into());
        println!("outcome: {outcome}");
        return;
    }
    let (hub, other) = (TestHub::start().await, TestHub::start().await);
    let text = hub.device(DEVICE).string().await;
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.pem");
    std::fs::write(&none, "").unwrap();
    for (store, outcome) in [
        (hub.ca_file(), "outcome: fine"),
        (other.ca_file(), "outcome: Untrusted: no TLS with localhost: invalid peer certificate: "),
        (none, "outcome: Misconfigured: no trusted certificates: the platform's certificates: it has none"),
    ] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "trusting::who_is_told_nothing_trusts_what_the_platform_does",
            "--nocapture",
        ]);
        command.env(HUB, &text).env("SSL_CERT_FILE", &store).env_remove("SSL_CERT_DIR");
        let child = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(child.stdout).unwrap();
        assert!(said.contains(outcome), "{}: {said}", store.display());
    }
}
