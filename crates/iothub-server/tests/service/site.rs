use iothub_codec::{DeviceId, Identity, ModuleId};
use iothub_model::{ExportImportDevice, Object, Patch};
use iothub_server::{Options, Running, Server};
use iothub_service::Service;
use serde_json::Value;

/// A hub, and a back end of it.
pub(crate) struct Site {
    /// Ends with the test.
    _hub: Running,
    pub(crate) service: Service,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Options::free_ports()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let hub = Server::start(options).await.unwrap();
        let options =
            iothub_service::Options::from_connection_string(hub.service_connection_string()).unwrap();
        let options = options.ca(hub.ca_pem().as_bytes()).unwrap().address(hub.https_address());
        let service = Service::new(options).unwrap();
        Self { _hub: hub, service }
    }

    /// A hub with so many devices, `pump-0` and so on, every tenth of which is in the plant `p1`.
    pub(crate) async fn of_pumps(count: u32) -> Self {
        let site = Self::new().await;
        let pumps = (0..count).map(|n| ExportImportDevice {
            id: format!("pump-{n}"),
            tags: Patch::Value(object(
                serde_json::json!({"plant": if n % 10 == 0 { "p1" } else { "p2" }, "n": n}),
            )),
            ..ExportImportDevice::default()
        });
        let total = site.service.bulk_all(pumps).run(|_, _| {}).await.unwrap();
        assert_eq!((total.settled, total.failed, total.warned), (count.into(), 0, 0));
        site
    }
}

pub(crate) fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

pub(crate) fn device(name: &str) -> DeviceId<'_> {
    DeviceId::new(name).unwrap()
}

pub(crate) fn module(name: &str) -> ModuleId<'_> {
    ModuleId::new(name).unwrap()
}

pub(crate) fn twin(name: &str) -> Identity<'_> {
    Identity::device(device(name))
}
