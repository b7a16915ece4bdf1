use iothub_codec::{DeviceId, Identity};
use iothub_device::{Device, Dialect};
use iothub_test::TestHub;

/// The name of the device.
pub(crate) const DEVICE: &str = "pump-7";

pub(crate) async fn device(hub: &TestHub) -> Device {
    device_in(hub, Dialect::Classic).await
}

pub(crate) async fn device_in(hub: &TestHub, dialect: Dialect) -> Device {
    Device::connect(hub.device(DEVICE).dialect(dialect).await).await.unwrap()
}

/// Each dialect; that of a test that fails is the last one printed.
pub(crate) fn dialects() -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().inspect(|dialect| println!("in the dialect {dialect}"))
}

/// The device, as a back end names it.
pub(crate) fn pump() -> Identity<'static> {
    Identity::device(DeviceId::new(DEVICE).unwrap())
}
