use iothub_codec::{DeviceId, Dialect, Identity};
use iothub_device::{Commands, DesiredChanges, Device, Methods};
use iothub_server::{Options, Running, Server};
use iothub_service::{Events, Service};
use serde_json::Value;

use super::story::{Part, Story};

/// The hub, the back end, and the device: real ones, with sockets between them.
pub(super) struct Scene {
    hub: Running,
    pub(super) service: Service,
    pub(super) events: Events,
    pub(super) device: Option<OnStage>,
    /// How the device talks.
    pub(super) dialect: Dialect,
}

/// The device, and everything that it listens to.
pub(super) struct OnStage {
    pub(super) device: Device,
    pub(super) methods: Methods,
    pub(super) commands: Commands,
    pub(super) changes: DesiredChanges,
}

/// The device's name.
pub(super) const DEVICE: &str = "pump-7";

impl Scene {
    /// Starts a hub, and a back end that watches it, for a device that speaks that dialect.
    pub(super) async fn set(dialect: Dialect, story: &Story<'_>) -> Result<Self, String> {
        let hub = Server::start(Options::free_ports()).await.map_err(text)?;
        story.happens(Part::Hub, format_args!("serves MQTT over TLS on {}", hub.mqtt_address()))?;
        story.happens(Part::Hub, format_args!("serves HTTPS on {}", hub.https_address()))?;
        let options = iothub_service::Options::from_connection_string(hub.service_connection_string())
            .and_then(|options| options.ca(hub.ca_pem().as_bytes()))
            .map_err(text)?;
        let service = Service::new(options.address(hub.https_address())).map_err(text)?;
        let events = service.events().await.map_err(text)?;
        story.travels(Part::BackEnd, Part::Hub, "GET /$local/events, to watch what devices send")?;
        Ok(Self { hub, service, events, device: None, dialect })
    }

    /// Takes everything down again.
    pub(super) async fn clear(self) {
        let Self { hub, events, device, .. } = self;
        if let Some(OnStage { device, .. }) = device {
            device.close().await;
        }
        drop(events);
        hub.stop().await;
    }

    /// The name of the device with the address that its connection goes to, and whom it trusts.
    pub(super) fn device_options(&self, key: &str) -> Result<iothub_device::Options, String> {
        let host = &self.hub.ready().host_name;
        let text_of = format!("HostName={host};DeviceId={DEVICE};SharedAccessKey={key}");
        let options = iothub_device::Options::from_connection_string(&text_of).map_err(text)?;
        let address = self.hub.mqtt_address().to_string();
        let address = address.parse().map_err(|_| format!("{address} is no address of a hub"))?;
        Ok(options.dialect(self.dialect).ca_pem(self.hub.ca_pem()).connect_to(address))
    }

    pub(super) fn on_stage(&mut self) -> Result<&mut OnStage, String> {
        self.device.as_mut().ok_or_else(|| "the device is not connected".into())
    }

    /// Waits for an event that is of this kind and as expected.
    pub(super) async fn event(&mut self, expected: impl Fn(&Value) -> bool) -> Result<Value, String> {
        while let Some(line) = self.events.next().await.map_err(text)? {
            let event: Value = serde_json::from_str(line.get()).map_err(text)?;
            if event["deviceId"] == DEVICE && expected(&event) {
                return Ok(event);
            }
        }
        Err("the stream of events has ended".into())
    }
}

/// The device, as the service API is told of it.
pub(super) fn device() -> Identity<'static> {
    Identity::device(DeviceId::new(DEVICE).expect("letters, a dash and a digit are a name"))
}

/// An error as a line of the story.
pub(super) fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}
