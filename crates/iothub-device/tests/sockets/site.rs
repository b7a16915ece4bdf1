use std::path::{Path, PathBuf};

use iothub_codec::{DeviceId, Identity};
use iothub_device::{Device, Dialect, Options};
use iothub_server::{Running, Server};
use iothub_service::{Events, Service};
use serde_json::Value;

/// The name of the device that every hub here has from the beginning.
pub(crate) const DEVICE: &str = "pump-7";

/// A hub, and a back end that watches it.
pub(crate) struct Site {
    pub(crate) hub: Running,
    pub(crate) service: Service,
    events: Events,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(iothub_server::Options::free_ports()).await
    }

    pub(crate) async fn with(options: iothub_server::Options) -> Self {
        let options = iothub_server::Options { ready_device: Some(DEVICE.to_owned()), ..options };
        let hub = Server::start(options).await.unwrap();
        let service =
            iothub_service::Options::from_connection_string(hub.service_connection_string()).unwrap();
        let service = service.ca(hub.ca_pem().as_bytes()).unwrap().address(hub.https_address());
        let service = Service::new(service).unwrap();
        let events = service.events().await.unwrap();
        Self { hub, service, events }
    }

    /// A hub that is known by other names than `localhost`. The back end finds it all the same.
    pub(crate) async fn with_names(host_names: Vec<String>) -> Self {
        Self::with(iothub_server::Options { host_names, ..iothub_server::Options::free_ports() }).await
    }

    /// What the device has to know to connect.
    pub(crate) fn options(&self) -> Options {
        let text = self.hub.device_connection_string().unwrap();
        Options::from_connection_string(text).unwrap().ca_pem(self.hub.ca_pem())
    }

    pub(crate) async fn device(&self) -> Device {
        self.device_in(Dialect::Classic).await
    }

    pub(crate) async fn device_in(&self, dialect: Dialect) -> Device {
        Device::connect(self.options().dialect(dialect)).await.unwrap()
    }

    /// The next event of that kind.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        loop {
            let event = self.events.next().await.unwrap().expect("the hub runs");
            let event: Value = serde_json::from_str(event.get()).unwrap();
            if event["kind"] == kind {
                return event;
            }
        }
    }
}

/// Each dialect; that of a test that fails is the last one printed.
pub(crate) fn dialects() -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().inspect(|dialect| println!("in the dialect {dialect}"))
}

/// The device, as a back end names it.
pub(crate) fn pump() -> Identity<'static> {
    Identity::device(DeviceId::new(DEVICE).unwrap())
}

/// A folder for the hub's data that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iothub-device-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
