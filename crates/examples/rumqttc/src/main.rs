//! A device over `rumqttc`: the session of `iothub-proto` decides what is said, and a well-known MQTT client says it.
//!
//! It connects, reads its twin, reports, sends a measurement, answers methods, and ends when a message from the back end
//! has come. `docs/embedded.md` explains it.
//!
//! ```console
//! $ eval "$(iothub env)"
//! $ cargo run -p over-rumqttc             # in the classic dialect
//! $ cargo run -p over-rumqttc -- preview5  # over MQTT 5
//! ```

mod arrived;
mod clock;
mod device;
mod link;
mod v4;
mod v5;

use core::error::Error;

use device::Device;
use iothub_codec::Dialect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let connection_string = std::env::var("IOTHUB_DEVICE_CONNECTION_STRING")?;
    let ca_pem = std::fs::read(std::env::var("IOTHUB_CA_FILE")?)?;
    let name = std::env::args().nth(1).unwrap_or_else(|| Dialect::Classic.name().to_owned());
    let dialect =
        Dialect::ALL.iter().find(|dialect| dialect.name() == name).ok_or("there is no such dialect")?;
    run(&connection_string, &ca_pem, *dialect).await
}

/// Is a device until the back end has sent it a message.
async fn run(connection_string: &str, ca_pem: &[u8], dialect: Dialect) -> Result<(), Box<dyn Error>> {
    Device::new(connection_string, ca_pem, dialect)?.run().await
}

#[cfg(test)]
mod tests;
