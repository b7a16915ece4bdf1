use core::error::Error;
use std::env;

use iothub_device::Address;

/// How to come to the hub.
pub(crate) struct Way {
    /// Of a policy.
    pub(crate) connection_string: String,
    /// Which certificates to trust, if not those of the platform.
    pub(crate) ca: Option<Vec<u8>>,
    /// Where the hub has its MQTT, if not on the port for that.
    pub(crate) mqtt: Option<Address>,
}

impl Way {
    pub(crate) fn from_environment() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            connection_string: env::var("IOTHUB_CONNECTION_STRING")?,
            ca: env::var("IOTHUB_CA_FILE").ok().map(std::fs::read).transpose()?,
            mqtt: env::var("IOTHUB_MQTT_ADDRESS").ok().map(|address| address.parse()).transpose()?,
        })
    }
}
