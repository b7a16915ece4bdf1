//! A thermostat: measures at an interval, keeps the temperature that the back end wants, and answers methods.
//!
//! Takes the connection string from `IOTHUB_DEVICE_CONNECTION_STRING`, and from `IOTHUB_CA_FILE` the certificate of a hub
//! of your own. Ctrl-C ends it, and what is under way is finished first.
//!
//! ```console
//! $ iothub twin update dev1 --desired '{"targetTemperature":23,"interval":1}'
//! $ iothub method invoke dev1 report
//! ```

mod room;
mod wanted;

use core::error::Error;
use core::pin::pin;
use std::env;

use iothub_device::{Device, Message, MethodResponse, Options};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::room::Room;
use crate::wanted::Wanted;

/// What a method asks of the loop.
#[derive(Clone, Copy)]
enum Order {
    Measure,
    Reboot,
}

/// Orders that wait while the loop does something else.
const ORDERS: usize = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::from_connection_string(&env::var("IOTHUB_DEVICE_CONNECTION_STRING")?)?;
    if let Ok(file) = env::var("IOTHUB_CA_FILE") {
        options = options.ca_pem(std::fs::read(file)?);
    }
    let device = Device::connect(options.model_id("dtmi:com:example:Thermostat;1")).await?;
    let outcome = run(&device).await;
    // The hub is told that this is no accident.
    device.close().await;
    println!("closed");
    outcome
}

/// Measures, regulates and does what it is told, until Ctrl-C.
async fn run(device: &Device) -> Result<(), Box<dyn Error>> {
    let (ordering, mut orders) = mpsc::channel(ORDERS);
    let (measuring, rebooting) = (ordering.clone(), ordering);
    tokio::try_join!(
        device.on_method("report", move |_: Value, _call| order(measuring.clone(), Order::Measure)),
        device.on_method("reboot", move |_: Value, _call| order(rebooting.clone(), Order::Reboot)),
    )?;
    let replica = device.twin().replica().await?;
    let reporter = replica.reporter();
    let mut changes = replica.desired_values::<Wanted>("");
    let (mut room, mut wanted, mut reboots) = (Room::default(), Wanted::default(), 0);
    let (mut clock, mut deliveries) = (wanted.clock(), JoinSet::new());
    // Listened for all the time, also while the queue is full.
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = clock.tick() => drop(deliveries.spawn(measure(device, &mut room, &wanted).await)),
            Some(_) = deliveries.join_next() => {}
            Some(order) = orders.recv() => match order {
                Order::Measure => drop(deliveries.spawn(measure(device, &mut room, &wanted).await)),
                Order::Reboot => {
                    (room, reboots) = (Room::default(), reboots + 1);
                    reporter.set(&json!({ "reboots": reboots }))?;
                }
            },
            Some(change) = changes.next() => match change {
                Ok(change) => {
                    wanted = change.unwrap_or_default();
                    clock = wanted.clock();
                    reporter.set(&wanted)?;
                }
                // It goes on with what it can do.
                Err(error) => eprintln!("not to be done: {error}"),
            },
            _ = &mut stop => break,
        }
    }
    // What is on its way arrives, or has its time.
    deliveries.join_all().await;
    Ok(reporter.flush().await?)
}

/// Leaves an order for the loop.
async fn order(orders: mpsc::Sender<Order>, what: Order) -> Result<Value, MethodResponse> {
    orders.try_send(what).map_err(|_| MethodResponse::BUSY)?;
    Ok(json!({ "accepted": true }))
}

/// Measures, and puts that behind what waits to be sent; what is returned ends when the hub has it.
async fn measure(device: &Device, room: &mut Room, wanted: &Wanted) -> impl Future<Output = ()> + use<> {
    let temperature = room.regulate(wanted.target_temperature);
    println!("{temperature:.2} of {:.2} degrees", wanted.target_temperature);
    let body = json!({ "temperature": temperature }).to_string();
    let message = Message::new(body).content_type("application/json").content_encoding("utf-8");
    let delivery = device.enqueue(message).await;
    async {
        if let Err(error) = delivery.await {
            eprintln!("not delivered: {error}");
        }
    }
}
