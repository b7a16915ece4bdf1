use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{DeviceId, Identity, ModuleId};
use iothub_device::{
    Backoff, ConnectionStatus, DesiredChanges, DesiredUpdate, Device, Dialect, Message, MethodResponse,
    Properties, Undone,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::hub::Restarted;
use crate::ledger::{Ledger, count};

/// A device at work.
pub(crate) struct Worker {
    pub(crate) number: u64,
    pub(crate) device: Device,
    /// Sends and reports until it is told to end.
    work: JoinSet<()>,
    /// Follows desired properties until the device is closed; gives what it has made of them.
    following: JoinSet<Value>,
}

/// Messages that a device sends at a time.
const LANES: u64 = 4;

/// A device's name.
pub(crate) fn name(number: u64) -> String {
    format!("d{number}")
}

/// Who that is: some are the only module of their device.
pub(crate) fn identity(number: u64, name: &str) -> Identity<'_> {
    let device = DeviceId::new(name).unwrap();
    match number % 8 {
        5 => Identity::module(device, ModuleId::new("m").unwrap()),
        _ => Identity::device(device),
    }
}

/// Modules have none.
pub(crate) fn hears_commands(number: u64) -> bool {
    identity(number, "d").module.is_none()
}

fn dialect(number: u64) -> Dialect {
    Dialect::ALL[usize::try_from(number).unwrap() % Dialect::ALL.len()]
}

impl Worker {
    pub(crate) async fn start(
        hub: &Restarted,
        number: u64,
        key: &str,
        ledger: &Arc<Ledger>,
        end: watch::Receiver<bool>,
    ) -> Self {
        let backoff = Backoff { base: Duration::from_millis(20), longest: Duration::from_secs(1) };
        let name = name(number);
        let options = hub.device(identity(number, &name), key).dialect(dialect(number)).backoff(backoff);
        // In each dialect some.
        let options = if number % 4 == 3 { options.over_websocket() } else { options };
        // Every third renews its credentials all the time.
        let lifetime = if number % 9 < 3 { Duration::from_secs(10) } else { Duration::from_secs(3600) };
        let options = options.token_lifetime(lifetime).keep_alive(4);
        let options =
            options.connect_timeout(Duration::from_secs(4)).operation_timeout(Duration::from_secs(30));
        let device = Device::connect(options).await.unwrap();
        let (mut work, mut following) = (JoinSet::new(), JoinSet::new());
        let changes = device.twin().desired_changes().await.unwrap();
        following.spawn(follow(changes, number, Arc::clone(ledger)));
        let seen = Arc::clone(ledger);
        let handled = device.on_method("run", move |call: u64, _| {
            *seen.of(number).runs.entry(call).or_default() += 1;
            async move {
                // Some are still at it when something breaks.
                tokio::time::sleep(Duration::from_millis(call % 40)).await;
                Ok::<_, MethodResponse>(call)
            }
        });
        handled.await.unwrap();
        if hears_commands(number) {
            device.on_command(handle(number, Arc::clone(ledger))).await.unwrap();
        }
        for lane in 0..LANES {
            work.spawn(send(device.clone(), number, lane, Arc::clone(ledger), end.clone()));
        }
        work.spawn(report(device.clone(), number, Arc::clone(ledger), end.clone()));
        work.spawn(watch_status(device.clone(), number, Arc::clone(ledger), end));
        Self { number, device, work, following }
    }

    /// Waits for the end of what it does by itself.
    pub(crate) async fn ended(&mut self) {
        while let Some(ended) = self.work.join_next().await {
            ended.unwrap();
        }
    }

    /// Closes the device, and gives what it has made of the desired properties.
    pub(crate) async fn close(mut self) -> Value {
        self.device.close().await;
        self.following.join_next().await.unwrap().unwrap()
    }
}

/// Writes down what comes, in some time.
fn handle(
    number: u64,
    ledger: Arc<Ledger>,
) -> impl Fn(Bytes, Properties) -> Pin<Box<dyn Future<Output = Result<(), Undone>> + Send>> {
    move |payload, _| {
        let command: u64 = core::str::from_utf8(&payload).unwrap().parse().unwrap();
        let ledger = Arc::clone(&ledger);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(command % 30)).await;
            *ledger.of(number).handled.entry(command).or_default() += 1;
            Ok(())
        })
    }
}

/// One lane of several, each with numbers of its own.
async fn send(device: Device, number: u64, lane: u64, ledger: Arc<Ledger>, end: watch::Receiver<bool>) {
    let mut chance = Chance::new(number + 1000 + lane);
    for n in (lane..).step_by(usize::try_from(LANES).unwrap()) {
        if *end.borrow() {
            break;
        }
        let padding = "x".repeat(usize::try_from(chance.below(2000)).unwrap());
        let message =
            Message::new(json!({ "n": n, "padding": padding }).to_string()).message_id(n.to_string());
        match device.send(message).await {
            Ok(()) => drop(ledger.of(number).acknowledged.insert(n)),
            Err(error) => count(&mut ledger.of(number).not_sent, &error),
        }
        tokio::time::sleep(Duration::from_millis(5 + chance.below(50))).await;
    }
}

async fn report(device: Device, number: u64, ledger: Arc<Ledger>, end: watch::Receiver<bool>) {
    let mut chance = Chance::new(number + 2000);
    for n in 1.. {
        if *end.borrow() {
            break;
        }
        let outcome = device.twin().report(&json!({ "n": n, format!("k{}", n % 7): n })).await;
        match outcome {
            Ok(_) => ledger.of(number).reports += 1,
            Err(error) => count(&mut ledger.of(number).not_reported, &error),
        }
        tokio::time::sleep(Duration::from_millis(20 + chance.below(100))).await;
    }
}

async fn watch_status(device: Device, number: u64, ledger: Arc<Ledger>, mut end: watch::Receiver<bool>) {
    let mut status = device.status();
    drop(device);
    loop {
        tokio::select! {
            changed = status.changed() => match changed {
                Some(ConnectionStatus::Connected) => ledger.of(number).connections += 1,
                Some(ConnectionStatus::Closed { cause }) => {
                    return ledger.of(number).wrongs.push(format!("closed for good: {cause:?}"));
                }
                None => return,
                Some(_) => {}
            },
            _ = end.changed() => return,
        }
    }
}

/// Applies every change to what it knows, as an application would that keeps no other copy.
async fn follow(mut changes: DesiredChanges, number: u64, ledger: Arc<Ledger>) -> Value {
    let mut known = json!({});
    while let Some(update) = changes.next().await {
        let mut account = ledger.of(number);
        let (last, version) = (account.told, update.version());
        match &update {
            DesiredUpdate::Whole { properties, .. } => {
                known = serde_json::from_slice(properties).unwrap();
                account.wholes += 1;
                if version < last {
                    account.wrongs.push(format!("desired properties go back from {last} to {version}"));
                }
            }
            DesiredUpdate::Patch { patch, .. } => {
                merge(&mut known, &serde_json::from_slice(patch).unwrap());
                account.changes += 1;
                if version != last + 1 {
                    account.wrongs.push(format!("behind desired version {last} comes a patch to {version}"));
                }
            }
        }
        account.told = version;
    }
    known
}

/// A JSON merge patch.
fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let into = into.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            into.remove(name);
        } else {
            merge(into.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
