//! A thermostat: reports its state, keeps the temperature that the back end wants, and can be reset.
//!
//! Takes the connection string from `IOTHUB_DEVICE_CONNECTION_STRING`, and from `IOTHUB_CA_FILE` the
//! certificate of a hub of your own. Ends with Ctrl-C.

use core::error::Error;
use core::time::Duration;
use std::env;

use iothub_device::{Device, Message, Options};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut options = Options::from_connection_string(&env::var("IOTHUB_DEVICE_CONNECTION_STRING")?)?;
    if let Ok(file) = env::var("IOTHUB_CA_FILE") {
        options = options.ca_pem(std::fs::read(file)?);
    }
    let device = Device::connect(options.model_id("dtmi:com:example:Thermostat;1")).await?;

    device.on_method("reset", async |_: serde_json::Value, _call| Ok(json!({ "reset": true }))).await?;

    let twin = device.twin();
    let mut changes = twin.desired_changes().await?;
    let (mut target, mut temperature) = (20.0, 18.0);
    let mut measure = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            _ = measure.tick() => {
                temperature += (target - temperature) / 4.0;
                let body = json!({ "temperature": temperature }).to_string();
                let message = Message::new(body).content_type("application/json").content_encoding("utf-8");
                match device.send(message).await {
                    Ok(()) => println!("{temperature:.2} of {target:.2} degrees"),
                    Err(error) => eprintln!("not delivered: {error}"),
                }
            }
            // All that is wanted comes first, and then what has changed in it.
            Some(update) = changes.next() => {
                let wanted: serde_json::Value = update.json()?;
                target = wanted["targetTemperature"].as_f64().unwrap_or(target);
                twin.report(&json!({ "targetTemperature": target })).await?;
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    device.close().await;
    Ok(())
}
