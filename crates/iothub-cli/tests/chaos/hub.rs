use core::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use iothub_codec::Identity;
use iothub_service::Service;
use iothub_test::{Faults, Proxy};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A folder that is removed in the end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("iothub-chaos-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The built program as a hub that keeps its data, behind proxies that stay where they are.
pub(crate) struct Restarted {
    place: PathBuf,
    /// One for MQTT, and one for WebSockets, with the same faults.
    mqtt: Proxy,
    https: Proxy,
    running: Mutex<Running>,
}

struct Running {
    // Killed when dropped.
    child: Option<Child>,
    service: Service,
    ca: Vec<u8>,
}

/// Where a hub is.
struct Addresses {
    mqtt: SocketAddr,
    https: SocketAddr,
}

/// How a hub goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Without any warning.
    Killed,
    /// As a service manager asks it to.
    Stopped,
}

impl Restarted {
    pub(crate) async fn start(place: &Place) -> Self {
        let (running, addresses) = Running::start(&place.0).await;
        let mqtt = Proxy::to(addresses.mqtt).await.unwrap();
        let https = mqtt.beside(addresses.https).await.unwrap();
        Self { place: place.0.clone(), mqtt, https, running: Mutex::new(running) }
    }

    /// What goes wrong on either way.
    pub(crate) const fn faults(&self) -> &Faults {
        self.mqtt.faults()
    }

    pub(crate) async fn restart(&self, departure: Departure) {
        let mut child = self.running().child.take().expect("it is restarted once at a time");
        match departure {
            Departure::Killed => child.start_kill().unwrap(),
            Departure::Stopped => {
                let id = child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
                rustix::process::kill_process(id.unwrap(), rustix::process::Signal::TERM).unwrap();
            }
        }
        child.wait().await.unwrap();
        let (running, addresses) = Running::start(&self.place).await;
        self.mqtt.redirect(addresses.mqtt);
        self.https.redirect(addresses.https);
        *self.running() = running;
    }

    /// The one that runs now.
    pub(crate) fn service(&self) -> Service {
        self.running().service.clone()
    }

    pub(crate) fn device(&self, who: Identity<'_>, key: &str) -> iothub_device::Options {
        let mut text = format!("HostName=localhost:{};DeviceId={}", self.mqtt.address().port(), who.device);
        if let Some(module) = who.module {
            text += &format!(";ModuleId={module}");
        }
        let options =
            iothub_device::Options::from_connection_string(&format!("{text};SharedAccessKey={key}"));
        options.unwrap().ca_pem(self.running().ca.clone()).https_port(self.https.address().port())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    async fn start(place: &std::path::Path) -> (Self, Addresses) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iothub"));
        command.args(["up", "--mqtt-port", "0", "--https-port", "0", "-o", "json", "--no-device"]);
        // Each connection that breaks counts as one for what was under way.
        command.args(["--c2d-max-delivery-count", "100"]);
        command.args(["--log", "off", "--data"]).arg(place.join("data")).env("XDG_RUNTIME_DIR", place);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let ca = std::fs::read(ready["caFile"].as_str().unwrap()).unwrap();
        let text = ready["serviceConnectionString"].as_str().unwrap();
        let options = iothub_service::Options::from_connection_string(text).unwrap().ca(&ca).unwrap();
        let service = Service::new(options).unwrap();
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        let addresses = Addresses { mqtt: address("mqttAddress"), https: address("httpsAddress") };
        (Self { child: Some(child), service, ca }, addresses)
    }
}
