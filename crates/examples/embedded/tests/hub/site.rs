use core::time::Duration;

use embedded::{About, Application, Device};
use iothub_codec::{ConnectionString, DeviceId, Dialect, Identity, SharedKey};
use iothub_server::{Options, Running, Server};
use iothub_service::{Events, Service};
use serde_json::Value;
use tokio::sync::mpsc;

/// The name of the device that every hub here has from the beginning.
pub(crate) const PUMP: &str = "pump-7";

/// A hub, and a back end that watches it.
pub(crate) struct Site {
    pub(crate) hub: Running,
    pub(crate) service: Service,
    events: Events,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let options = Options { ready_device: Some(PUMP.to_owned()), ..Options::free_ports() };
        let hub = Server::start(options).await.unwrap();
        let service =
            iothub_service::Options::from_connection_string(hub.service_connection_string()).unwrap();
        let service = service.ca(hub.ca_pem().as_bytes()).unwrap().address(hub.https_address());
        let service = Service::new(service).unwrap();
        let events = service.events().await.unwrap();
        Self { hub, service, events }
    }

    /// The device, with the key that the hub has for it.
    pub(crate) fn device(&self, dialect: Dialect, measure_every: Duration) -> Device<'static, SharedKey> {
        let text = ConnectionString::parse(self.hub.device_connection_string().unwrap()).unwrap();
        let key = SharedKey::from_base64(text.key().unwrap()).unwrap();
        Device::new(About { host: "localhost", identity: pump(), dialect, measure_every }, key)
    }

    /// The body of the next telemetry.
    pub(crate) async fn telemetry(&mut self) -> Value {
        loop {
            let event = self.events.next().await.unwrap().expect("the hub runs");
            let event: Value = serde_json::from_str(event.get()).unwrap();
            if event["kind"] == "telemetry" {
                return event["body"].clone();
            }
        }
    }
}

pub(crate) fn pump() -> Identity<'static> {
    Identity::device(DeviceId::new(PUMP).unwrap())
}

/// An application that counts, and tells of all that it is told.
pub(crate) struct Counter {
    count: u32,
    told: mpsc::UnboundedSender<String>,
}

impl Counter {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, heard) = mpsc::unbounded_channel();
        (Self { count: 0, told }, heard)
    }

    fn tell(&self, what: &str, text: &[u8]) {
        self.told.send(format!("{what} {}", str::from_utf8(text).unwrap())).unwrap();
    }
}

impl Application for Counter {
    fn measure(&mut self, out: &mut [u8]) -> usize {
        self.count += 1;
        put(&self.count.to_string(), out)
    }

    fn report(&self) -> &[u8] {
        br#"{"firmware":"1.4.2"}"#
    }

    fn method(&mut self, name: &str, payload: &[u8], out: &mut [u8]) -> (i32, usize) {
        self.tell(name, payload);
        (200, put(r#"{"moved":45}"#, out))
    }

    fn command(&mut self, payload: &[u8]) {
        self.tell("command", payload);
    }

    fn desired(&mut self, all: &[u8]) {
        self.tell("desired", all);
    }

    fn desired_change(&mut self, patch: &[u8]) {
        self.tell("change", patch);
    }
}

fn put(text: &str, out: &mut [u8]) -> usize {
    out[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
}
