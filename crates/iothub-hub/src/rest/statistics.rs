//! How many there are.

use iothub_model::{RegistryStatistics, ServiceStatistics, Status};

use crate::hub::Hub;
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn device_statistics(&self) -> Result<Outcome, Failure> {
        let mut statistics = RegistryStatistics::default();
        for (_, entry) in self.registry.devices() {
            statistics.total_device_count += 1;
            match entry.record.status {
                Status::Enabled => statistics.enabled_device_count += 1,
                Status::Disabled => statistics.disabled_device_count += 1,
            }
        }
        Ok(Outcome::json(200, &statistics, None))
    }

    pub(super) fn service_statistics(&self) -> Result<Outcome, Failure> {
        let connected = self.registry.devices().filter(|(_, entry)| entry.presence.connection.is_some());
        let mut statistics = ServiceStatistics::default();
        for _ in connected {
            statistics.connected_device_count += 1;
        }
        Ok(Outcome::json(200, &statistics, None))
    }
}
