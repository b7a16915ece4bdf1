//! A device that loses nothing it was told to send: each line of standard input is a message, stored before anything else
//! happens to it, and sent whenever there is a hub. A line that begins with `!` goes before the others.
//!
//! Takes the connection string from `IOTHUB_DEVICE_CONNECTION_STRING`, from `IOTHUB_CA_FILE` the certificate of a hub of
//! your own, and from `IOTHUB_OUTBOX_FILE` where to keep messages. Ends when its input has ended and everything was
//! acknowledged, or when it can never be. Kill it at any time: what it has called stored is sent by the next run.

use core::error::Error;
use std::env;

use iothub_device::outbox::{Outbox, OutboxOptions, Priority};
use iothub_device::{ConnectionStatus, Device, Message, Options};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut options = Options::from_connection_string(&env::var("IOTHUB_DEVICE_CONNECTION_STRING")?)?;
    if let Ok(file) = env::var("IOTHUB_CA_FILE") {
        options = options.ca_pem(std::fs::read(file)?);
    }
    let limits = OutboxOptions::new()
        .bytes_max(16 * 1024 * 1024)
        .on_loss(|loss| eprintln!("lost, {:?}: {:?}", loss.reason, Outbox::lost_message(loss)));
    let file = env::var("IOTHUB_OUTBOX_FILE").unwrap_or_else(|_| "outbox.redb".to_owned());
    let outbox = Outbox::open(file, limits)?;
    println!("{} messages are left of the last run", outbox.contents().messages);

    // It connects when it can; storing does not wait for that.
    let device = Device::start(options.outbox(outbox.clone()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (priority, text) = match line.strip_prefix('!') {
            Some(text) => (Priority::HIGH, text.to_owned()),
            None => (Priority::NORMAL, line),
        };
        let message = Message::new(text).content_type("text/plain").content_encoding("utf-8");
        outbox.store_as(priority, message).await?;
        println!("stored");
    }
    let outcome = tokio::select! {
        () = outbox.emptied() => {
            println!("sent");
            Ok(())
        }
        why = given_up(&device) => Err(why),
    };
    device.close().await;
    outbox.close().await;
    outcome
}

/// Returns when the device will never connect, with the reason. What is stored stays for a run that can.
async fn given_up(device: &Device) -> Box<dyn Error> {
    let mut status = device.status();
    loop {
        if let ConnectionStatus::Closed { cause } = status.current() {
            return cause.map_or("the device is closed".into(), |cause| cause.to_string().into());
        }
        status.changed().await;
    }
}
