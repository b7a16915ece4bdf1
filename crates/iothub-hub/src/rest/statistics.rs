//! How many there are.

use iothub_model::{RegistryStatistics, ServiceStatistics};

use crate::connection::{Connection, Stage};
use crate::hub::Hub;
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn device_statistics(&self) -> Result<Outcome, Failure> {
        let (total, disabled) = (self.registry.device_count(), self.registry.disabled_count());
        let statistics = RegistryStatistics {
            total_device_count: total,
            enabled_device_count: total - disabled,
            disabled_device_count: disabled,
        };
        Ok(Outcome::json(200, &statistics, None))
    }

    pub(super) fn service_statistics(&self) -> Result<Outcome, Failure> {
        let is_device = |connection: &&Connection| match &connection.stage {
            Stage::Serving(serving) => serving.key.module.is_none(),
            Stage::Greeting | Stage::Registering(_) | Stage::Closing => false,
        };
        let mut statistics = ServiceStatistics::default();
        for _ in self.connections.values().filter(is_device) {
            statistics.connected_device_count += 1;
        }
        Ok(Outcome::json(200, &statistics, None))
    }
}
