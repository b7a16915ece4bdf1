use core::error::Error;
use std::sync::Arc;

use iothub_device::{Device, Message, Options, Roots};
use iothub_model::{ExportImportDevice, ImportMode};
use iothub_service::Service;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::numbers::Numbers;
use crate::way::Way;

/// All devices of the gateway.
pub(crate) struct Fleet(Vec<Device>);

/// Devices that connect at a time: a hub lets in so many a second, and TLS takes its time on both sides.
const AT_ONCE: usize = 32;
/// Messages that wait in each device, which is what keeps its memory in bounds while it is offline.
const WAITING: usize = 16;

/// Registers the devices that are not there yet.
pub(crate) async fn register(way: &Way, count: usize) -> Result<(), Box<dyn Error>> {
    let mut options = iothub_service::Options::from_connection_string(&way.connection_string)?;
    if let Some(ca) = &way.ca {
        options = options.ca(ca)?;
    }
    let devices = (0..count).map(|number| ExportImportDevice { id: name(number), ..Default::default() });
    let service = Service::new(options)?;
    let mut bulk = service.bulk_all(devices).mode(ImportMode::CreateOrUpdate);
    let total = bulk.run(|_, _| {}).await?;
    if total.failed > 0 {
        return Err(format!("{} devices were not registered", total.failed).into());
    }
    Ok(())
}

impl Fleet {
    /// Connects all of them, some at a time, or none.
    pub(crate) async fn connect(
        way: &Way,
        count: usize,
        numbers: &Arc<Numbers>,
    ) -> Result<Self, Box<dyn Error>> {
        // One set of certificates to trust, and of what TLS makes of it, for all.
        let roots = way.ca.as_deref().map_or_else(|| Ok(Roots::platform()), Roots::from_pem)?;
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut connecting = JoinSet::new();
        for number in 0..count {
            let text = format!("{};DeviceId={}", way.connection_string, name(number));
            let mut options = Options::from_connection_string(&text)?;
            if let Some(mqtt) = &way.mqtt {
                options = options.connect_to(mqtt.clone());
            }
            let options = options.roots(roots.clone()).metrics(Arc::clone(numbers)).waiting_messages(WAITING);
            let at_once = Arc::clone(&at_once);
            connecting.spawn(async move {
                let _turn = at_once.acquire().await.expect("nobody closes it");
                Device::connect(options).await
            });
        }
        let mut devices = Vec::with_capacity(count);
        while let Some(connected) = connecting.join_next().await {
            devices.push(connected??);
        }
        Ok(Self(devices))
    }

    /// Sends a message from each, and returns when the hub has all of them.
    pub(crate) async fn send_from_each(&self) -> Result<(), Box<dyn Error>> {
        let mut deliveries = Vec::with_capacity(self.0.len());
        for device in &self.0 {
            deliveries.push(device.enqueue(Message::new(r#"{"alive":true}"#)).await);
        }
        for delivery in deliveries {
            delivery.await?;
        }
        Ok(())
    }

    /// Closes all of them at once.
    pub(crate) async fn close(self) {
        let closing: JoinSet<()> = self.0.into_iter().map(Device::close).collect();
        closing.join_all().await;
    }
}

fn name(number: usize) -> String {
    format!("gateway-{number:04}")
}
