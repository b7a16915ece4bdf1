//! The end of a device while all its operations are open.

use core::fmt::Debug;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use iothub_codec::Channels;
use serde_json::json;
use tokio::task::JoinHandle;

use super::hub::{Did, Hub, dialects, options};
use super::twin::{answer, request};
use crate::device::Device;
use crate::message::Message;
use crate::metrics::Metrics;

const TWIN: &[u8] = br#"{"desired":{"$version":3},"reported":{"$version":1}}"#;

/// Panics in the device's task when it is armed.
#[derive(Default)]
struct Bomb(AtomicBool);

impl Metrics for Bomb {
    fn bytes_received(&self, _count: usize) {
        assert!(!self.0.load(Ordering::Relaxed), "as the test wants it");
    }
}

/// What waits, and how that ends.
type Open = Vec<(&'static str, &'static str, JoinHandle<String>)>;

fn open<T>(
    all: &mut Open,
    what: &'static str,
    expected: &'static str,
    operation: impl Future<Output = T> + Send + 'static,
) where
    T: Debug + Send + 'static,
{
    all.push((what, expected, tokio::spawn(async move { format!("{:?}", operation.await) })));
}

#[tokio::test(start_paused = true)]
async fn whatever_waits_ends_with_the_device_also_with_one_that_panics() {
    for dialect in dialects() {
        for panics in [false, true] {
            let bomb = Arc::new(Bomb::default());
            let channels = Channels::METHODS | Channels::COMMANDS;
            let options = options(dialect).subscribe(channels).window(1).waiting_messages(1);
            let (_hub, device, mut connection) =
                Hub::with_device(options.keep_alive(0).metrics(Arc::clone(&bomb))).await;
            let replicating = tokio::spawn({
                let twin = device.twin();
                async move { twin.replica().await.unwrap() }
            });
            let asked = request(&mut connection).await;
            answer(&mut connection, asked, TWIN).await;
            let mut replica = replicating.await.unwrap();
            let mut open_ones = begin(&device).await;
            let mut values = replica.desired_values::<u8>("/none");
            assert!(values.next().await.unwrap().unwrap().is_none());
            open(&mut open_ones, "value", "true", async move { values.next().await.is_none() });
            let reporter = replica.reporter();
            open(&mut open_ones, "flush", "Err(Closed)", async move {
                reporter.set(&json!({ "t": 1 })).unwrap();
                reporter.flush().await
            });
            open(&mut open_ones, "replica", "Err(Closed)", async move { replica.changed().await });
            // Two requests for the twin, a report of each kind, and a message.
            for _ in 0..5 {
                let did = connection.next().await;
                let is_begun =
                    matches!(did, Did::TwinGet { .. } | Did::TwinPatch { .. } | Did::Telemetry { .. });
                assert!(is_begun, "{did:?}");
            }
            if panics {
                bomb.0.store(true, Ordering::Relaxed);
                connection.acknowledge(iothub_proto::AckToken::FIRST).await;
            } else {
                tokio::spawn(device.clone().close());
            }
            for (what, expected, ending) in open_ones {
                let ended = tokio::time::timeout(core::time::Duration::from_secs(3), ending).await;
                let ended = ended.unwrap_or_else(|_| panic!("{what} waits for ever")).unwrap();
                assert!(ended.contains(expected), "{what}: {ended} instead of {expected}");
            }
        }
    }
}

/// Begins what ends as closed, or with nothing.
async fn begin(device: &Device) -> Open {
    let mut all = Open::new();
    let (mut methods, mut commands) = (device.methods().await.unwrap(), device.commands().await.unwrap());
    open(&mut all, "method", "true", async move { methods.next().await.is_none() });
    open(&mut all, "command", "true", async move { commands.next().await.is_none() });
    let twin = device.twin();
    open(&mut all, "get", "Err(Closed)", async move { twin.get().await });
    let twin = device.twin();
    open(&mut all, "report", "Err(Closed)", async move { twin.report(&json!({ "t": 1 })).await });
    let twin = device.twin();
    open(&mut all, "changes", "true", async move {
        let mut changes = twin.desired_changes().await.unwrap();
        while changes.next().await.is_some() {}
        true
    });
    for what in ["on its way", "waiting", "without room"] {
        let device = device.clone();
        open(&mut all, what, "Err(Closed)", async move { device.send(Message::new(what)).await });
    }
    let mut status = device.status();
    open(&mut all, "status", "true", async move {
        while status.changed().await.is_some() {}
        true
    });
    let mut changes = device.status_changes();
    open(&mut all, "each status", "true", async move {
        while changes.next().await.is_some() {}
        true
    });
    tokio::task::yield_now().await;
    all
}
