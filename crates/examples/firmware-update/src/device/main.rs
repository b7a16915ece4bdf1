//! A device that updates its firmware to the version that its twin wants, in the background.
//!
//! Takes the connection string from `IOTHUB_DEVICE_CONNECTION_STRING`, and from `IOTHUB_CA_FILE` the certificate of a hub
//! of your own. `FIRMWARE_SOURCE` is a directory with a file for each version, in the place of whatever serves firmware,
//! and `FIRMWARE_DIR` the one where the device keeps what it has. `FIRMWARE_PAUSE_MS`, 20 unless set, makes the source as
//! slow as a link. Ctrl-C ends it; so does a power cut, after which it goes on with what it has.

mod download;
mod store;
mod version;
mod wanted;

use core::error::Error;
use core::pin::pin;
use core::time::Duration;
use std::env;
use std::path::PathBuf;

use iothub_device::{Device, Options, Reporter};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::download::Download;
use crate::store::Store;
use crate::wanted::Wanted;

const PAUSE_MS: u64 = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::from_connection_string(&env::var("IOTHUB_DEVICE_CONNECTION_STRING")?)?;
    if let Ok(file) = env::var("IOTHUB_CA_FILE") {
        options = options.ca_pem(std::fs::read(file)?);
    }
    let source = PathBuf::from(env::var("FIRMWARE_SOURCE")?);
    let store = Store::open(PathBuf::from(env::var("FIRMWARE_DIR")?))?;
    let pause = env::var("FIRMWARE_PAUSE_MS").map_or(Ok(PAUSE_MS), |pause| pause.parse())?;
    let download = Download::new(source, store, Duration::from_millis(pause));
    let device = Device::connect(options).await?;
    let outcome = run(&device, &download).await;
    device.close().await;
    outcome
}

/// Follows what is wanted until Ctrl-C.
async fn run(device: &Device, download: &Download) -> Result<(), Box<dyn Error>> {
    let replica = device.twin().replica().await?;
    let reporter = replica.reporter();
    let mut changes = replica.desired_values::<Wanted>("/firmware");
    let mut updating: Option<JoinHandle<()>> = None;
    // Listened for all the time, also while an update is being ended.
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            Some(change) = changes.next() => {
                // Another version is wanted now: what was fetched of the one before stays, should it be wanted again.
                if let Some(before) = updating.take() {
                    before.abort();
                    let _ = before.await;
                }
                match change {
                    Ok(Some(wanted)) => updating = Some(tokio::spawn(update(download.clone(), wanted, reporter.clone()))),
                    Ok(None) => {}
                    Err(error) => refuse(&reporter, &error.to_string())?,
                }
            }
            _ = &mut stop => break,
        }
    }
    Ok(())
}

/// Brings the device to that version, if it is at another, and reports how far that is.
async fn update(download: Download, wanted: Wanted, reporter: Reporter) {
    let told = match download.run(&wanted, &reporter).await {
        Ok(()) => Ok(()),
        Err(error) => refuse(&reporter, &error.to_string()),
    };
    if let Err(error) = told {
        eprintln!("not reported: {error}");
    }
}

fn refuse(reporter: &Reporter, why: &str) -> Result<(), iothub_device::ReportError> {
    eprintln!("no update: {why}");
    reporter.set(&json!({ "firmware": { "state": "failed", "error": why } }))
}
