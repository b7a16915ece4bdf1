use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{DeviceId, Identity, ModuleId};
use iothub_device::{
    Backoff, ConnectionStatus, DesiredChanges, DesiredUpdate, Device, Dialect, Message, MethodResponse,
    Properties, Replica, ReplicaError, Reporter, Undone,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::hub::Restarted;
use crate::ledger::{Ledger, count};
use crate::reports;

/// A device at work.
pub(crate) struct Worker {
    pub(crate) number: u64,
    pub(crate) device: Device,
    /// Kept from the beginning, by half of them.
    pub(crate) replica: Option<Replica>,
    /// Of those that do not report one by one.
    pub(crate) reporter: Option<Reporter>,
    /// Sends and reports until it is told to end.
    work: JoinSet<()>,
    /// Follows desired properties until the device is closed; gives what it has made of them.
    following: JoinSet<Value>,
    /// Looks at the replica until the device is closed.
    keeping: JoinSet<()>,
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

/// Half of them, in each dialect some. A replica has the whole twin asked for, which would bring those that follow the
/// desired properties what they have missed: the others show that these find it out themselves.
fn keeps_replica(number: u64) -> bool {
    number % 6 < 3
}

/// Some of those with a replica, and some of those without.
fn has_reporter(number: u64) -> bool {
    number % 5 < 2
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
        let (mut work, mut following, mut keeping) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        let twin = device.twin();
        let replica = if keeps_replica(number) { Some(twin.replica().await.unwrap()) } else { None };
        let reporter =
            has_reporter(number).then(|| replica.as_ref().map_or_else(|| twin.reporter(), Replica::reporter));
        if let Some(replica) = replica.clone() {
            keeping.spawn(keep(replica, number, Arc::clone(ledger)));
        }
        let changes = twin.desired_changes().await.unwrap();
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
        match reporter.clone() {
            Some(reporter) => work.spawn(reports::set(reporter, number, Arc::clone(ledger), end.clone())),
            None => work.spawn(reports::report(twin, number, Arc::clone(ledger), end.clone())),
        };
        work.spawn(watch_status(device.clone(), number, Arc::clone(ledger), end));
        Self { number, device, replica, reporter, work, following, keeping }
    }

    /// Waits for the end of what it does by itself.
    pub(crate) async fn ended(&mut self) {
        while let Some(ended) = self.work.join_next().await {
            ended.unwrap();
        }
    }

    /// Reports once more, in its way.
    pub(crate) async fn report_last(&self, ledger: &Ledger) -> Result<(), String> {
        let last = json!({ "last": true });
        match &self.reporter {
            None => self.device.twin().report(&last).await.map(drop).map_err(|error| error.to_string()),
            Some(reporter) => {
                let set = reports::leave(reporter, &last, self.number, ledger);
                set.map_err(|error| error.to_string())?;
                reporter.flush().await.map_err(|error| error.to_string())
            }
        }
    }

    /// Closes the device, and gives what it has made of the desired properties.
    pub(crate) async fn close(mut self) -> Value {
        self.device.close().await;
        while let Some(ended) = self.keeping.join_next().await {
            ended.unwrap();
        }
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

/// Looks at the copy whenever it is another: it never goes back.
async fn keep(mut replica: Replica, number: u64, ledger: Arc<Ledger>) {
    let (mut desired, mut reported) = (0, 0);
    loop {
        let changed = replica.changed().await;
        let mut account = ledger.of(number);
        match changed {
            Ok(now) => {
                for (what, last, version) in [
                    ("desired", &mut desired, now.desired_version()),
                    ("reported", &mut reported, now.reported_version()),
                ] {
                    if version < *last {
                        account
                            .wrongs
                            .push(format!("{what} of its replica goes back from {last} to {version}"));
                    }
                    *last = version;
                }
                account.replica_changes += 1;
            }
            Err(ReplicaError::Closed) => return,
            Err(error) => account.wrongs.push(format!("its replica does not follow: {error}")),
        }
    }
}

/// A JSON merge patch.
pub(crate) fn merge(into: &mut Value, patch: &Value) {
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
