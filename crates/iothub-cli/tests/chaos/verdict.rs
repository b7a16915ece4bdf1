use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iothub_codec::DeviceId;
use iothub_service::{EventPosition, EventsWanted};
use serde_json::Value;

use crate::calm;
use crate::device::{Worker, hears_commands, identity, name};
use crate::hub::Restarted;
use crate::ledger::Ledger;
use crate::storm::Storm;
use crate::twins::{compare_twins, without_metadata};

/// What went wrong, what was done, and what does not hold.
pub(crate) struct Verdict {
    seed: u64,
    storm: Storm,
    broken: u64,
    done: Vec<(String, u64)>,
    memory_kib: Vec<(&'static str, u64)>,
    wrongs: Vec<String>,
}

impl Verdict {
    pub(crate) fn holds(&self) -> bool {
        self.wrongs.is_empty()
    }
}

/// Compares, once everything is calm, what devices and back ends have seen with what the hub knows.
pub(crate) async fn judge(
    hub: &Restarted,
    fleet: Vec<Worker>,
    ledger: &Arc<Ledger>,
    storm: Storm,
    seed: u64,
) -> Verdict {
    let mut wrongs = Vec::new();
    let mut memory_kib = vec![("with all devices", memory_kib())];
    // Before the calm, in which replicas change as well.
    let replica_changes = ledger.accounts().map(|(_, account)| account.replica_changes).sum();
    calm::settle(hub, &fleet, ledger, &mut wrongs).await;
    let arrived = arrived(hub, fleet.len(), &mut wrongs).await;
    for worker in fleet {
        let (number, device) = (worker.number, worker.device.clone());
        let wrong = |what: String| format!("{}: {what}", name(number));
        match compare_twins(hub, &worker, ledger).await {
            Ok(()) => {}
            Err(what) => wrongs.push(wrong(what)),
        }
        if let Err(what) = done_with_commands(hub, number, ledger).await {
            wrongs.push(wrong(what));
        }
        drop(device);
        let twin = hub.service().get_twin(identity(number, &name(number))).await.unwrap();
        let desired = twin.properties.desired;
        match tokio::time::timeout(PATIENCE, worker.close()).await {
            Err(_) => wrongs.push(wrong("does not close".into())),
            Ok(known) if without_metadata(known.clone()) == without_metadata(desired.clone().into()) => {}
            Ok(known) => wrongs.push(wrong(format!(
                "followed the desired properties to {known}, and they are {}",
                Value::Object(desired)
            ))),
        }
    }
    // Those of the proxy end with their connections, and so a little later.
    if tokio::time::timeout(PATIENCE, no_connections(hub)).await.is_err() {
        wrongs.push(format!("{} connections are left", hub.faults().connections()));
    }
    memory_kib.push(("without devices", self::memory_kib()));
    let done = tally(ledger, &arrived, replica_changes, &mut wrongs);
    Verdict { seed, storm, broken: hub.faults().broken(), done, memory_kib, wrongs }
}

/// Of each device, how often each message has arrived.
async fn arrived(
    hub: &Restarted,
    devices: usize,
    wrongs: &mut Vec<String>,
) -> BTreeMap<String, BTreeMap<u64, u64>> {
    let mut arrived: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    let mut finished = BTreeSet::new();
    let wanted = EventsWanted { from: EventPosition::Earliest, ..EventsWanted::default() };
    let mut events = hub.service().follow_events(wanted).await.unwrap();
    let reading = async {
        while finished.len() < devices {
            let event = events.next().await.unwrap().expect("the hub runs");
            let event: Value = serde_json::from_str(event.get()).unwrap();
            if event["kind"] == "skipped" {
                wrongs.push(format!("events are missing: {event}"));
            }
            if event["kind"] != "telemetry" {
                continue;
            }
            let device = event["deviceId"].as_str().unwrap().to_owned();
            match event["body"]["n"].as_u64() {
                Some(n) => *arrived.entry(device).or_default().entry(n).or_default() += 1,
                None => drop(finished.insert(device)),
            }
        }
    };
    // All of it has one deadline: devices that connect again, as they do, would put off that of a single event.
    let is_whole = tokio::time::timeout(2 * PATIENCE, reading).await.is_ok();
    if !is_whole {
        wrongs.push(format!("the last messages of {} devices have not arrived", devices - finished.len()));
    }
    arrived
}

/// Every command has come, and the hub knows it.
async fn done_with_commands(hub: &Restarted, number: u64, ledger: &Ledger) -> Result<(), String> {
    if !hears_commands(number) {
        return Ok(());
    }
    let name = name(number);
    let done = async {
        loop {
            let device = hub.service().get_device(DeviceId::new(&name).unwrap()).await.unwrap();
            if device.cloud_to_device_message_count == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.map_err(|_| "commands wait in the hub".to_owned())?;
    let account = ledger.of(number);
    let lost: Vec<_> = account.queued.iter().filter(|n| !account.handled.contains_key(n)).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("commands have not come: {lost:?}")) }
}

/// Polls, as there is nobody who tells of sockets of the system's.
async fn no_connections(hub: &Restarted) {
    while hub.faults().connections() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn tally(
    ledger: &Ledger,
    arrived: &BTreeMap<String, BTreeMap<u64, u64>>,
    replica_changes: u64,
    wrongs: &mut Vec<String>,
) -> Vec<(String, u64)> {
    let mut done: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |what: &str, count: u64| *done.entry(what.to_owned()).or_default() += count;
    add("changes of replicas seen", replica_changes);
    for (number, account) in ledger.accounts() {
        let name = name(number);
        let none = BTreeMap::new();
        let here = arrived.get(&name).unwrap_or(&none);
        let lost: Vec<_> = account.acknowledged.iter().filter(|n| !here.contains_key(n)).collect();
        if !lost.is_empty() {
            wrongs.push(format!("{name}: acknowledged messages have not arrived: {lost:?}"));
        }
        for (call, runs) in account.runs.iter().filter(|(_, runs)| **runs > 1) {
            wrongs.push(format!("{name}: the handler of call {call} has run {runs} times"));
        }
        for call in account.answered.iter().filter(|call| !account.runs.contains_key(call)) {
            wrongs.push(format!("{name}: call {call} was answered by nobody"));
        }
        wrongs.extend(account.wrongs.iter().map(|wrong| format!("{name}: {wrong}")));
        add("times connected again", account.connections);
        add("messages acknowledged", account.acknowledged.len() as u64);
        add("messages that arrived twice", here.values().filter(|count| **count > 1).count() as u64);
        add("methods answered", account.answered.len() as u64);
        add("commands sent", account.queued.len() as u64);
        add("commands that came twice", account.handled.values().filter(|runs| **runs > 1).count() as u64);
        add("reports taken", account.reports);
        add("desired changes made", account.desires);
        add("desired changes told one by one", account.changes);
        add("desired properties told whole", account.wholes);
        for (what, ends) in [
            ("message ended", &account.not_sent),
            ("method ended", &account.not_answered),
            ("report ended", &account.not_reported),
            ("command ended", &account.not_queued),
        ] {
            ends.iter().for_each(|(end, count)| add(&format!("{what}: {end}"), *count));
        }
    }
    for what in ALWAYS_DONE {
        if done.get(what).is_none_or(|count| *count == 0) {
            wrongs.push(format!("not once in all devices in the storm: {what}"));
        }
    }
    done.into_iter().collect()
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, storm, broken, done, memory_kib, wrongs } = self;
        writeln!(
            f,
            "seed {seed}\nwhat went wrong\n{storm}  {:<28} {broken:>8}\nwhat was done",
            "connections broken"
        )?;
        for (what, count) in done {
            writeln!(f, "  {what:<44} {count:>8}")?;
        }
        for (when, kib) in memory_kib {
            writeln!(f, "memory {when:<37} {kib:>8} KiB")?;
        }
        match wrongs.len() {
            0 => write!(f, "everything that must hold does"),
            n => {
                writeln!(f, "{n} things that must hold do not:")?;
                wrongs.iter().take(WRONGS_SHOWN).try_for_each(|wrong| writeln!(f, "  {wrong}"))
            }
        }
    }
}

/// How long everything may take that needs no fault to be mended.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const WRONGS_SHOWN: usize = 40;
/// What holds of nothing shows nothing. In a short storm a single device may truly do nothing of a sort; that it still can
/// is seen when it is over.
const ALWAYS_DONE: [&str; 6] = [
    "messages acknowledged",
    "methods answered",
    "commands sent",
    "reports taken",
    "desired changes made",
    "changes of replicas seen",
];
