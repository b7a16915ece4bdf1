//! A device over `rumqttc`: the session of `iothub-proto` decides what is said, and a well-known MQTT client says it.
//!
//! It connects, reads its twin, reports, sends a measurement, answers methods, and ends when a message from the back end
//! has come. `docs/embedded.md` explains it.
//!
//! ```console
//! $ eval "$(iothub env)"
//! $ cargo run -p over-rumqttc
//! ```

mod clock;
mod device;
mod link;
mod translation;

use core::error::Error;

use device::Device;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let connection_string = std::env::var("IOTHUB_DEVICE_CONNECTION_STRING")?;
    let ca_pem = std::fs::read(std::env::var("IOTHUB_CA_FILE")?)?;
    run(&connection_string, &ca_pem).await
}

/// Is a device until the back end has sent it a message.
async fn run(connection_string: &str, ca_pem: &[u8]) -> Result<(), Box<dyn Error>> {
    Device::new(connection_string, ca_pem)?.run().await
}

#[cfg(test)]
mod tests;
