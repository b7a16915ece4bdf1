//! Imports that a hub does while it is killed: each ends, and does each of its lines once.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use iothub_model::{JobProperties, JobType};
use iothub_service::{Error, Service};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::hub::Killable;

/// What was asked for.
#[derive(Default)]
pub(crate) struct Imports {
    last: u64,
    /// Whose devices are to be removed again, so that the hub does not grow.
    to_remove: Vec<u64>,
    /// Asked for, and there was no answer.
    unanswered: Option<Import>,
    /// The oldest first.
    acknowledged: Vec<Import>,
    pub(crate) summary: String,
}

/// One file of lines, in a folder of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Import {
    Make(u64),
    Remove(u64),
}

type Shared = Arc<Mutex<Imports>>;

/// Has a hub that has just begun do one import after the other until it is killed.
pub(crate) fn start(hub: &Killable, folder: &Path, imports: &Shared, tasks: &mut JoinSet<()>) {
    tasks.spawn(order(hub.service(), folder.to_owned(), Arc::clone(imports)));
}

async fn order(service: Service, folder: PathBuf, imports: Shared) {
    let Ok(there) = service.list_transfers().await else { return };
    let containers = there.iter().filter_map(|job| job.input_blob_container_uri.as_deref());
    imports.lock().unwrap().find(&containers.map(Import::called).collect());
    loop {
        let import = imports.lock().unwrap().next();
        let container = folder.join(import.to_string());
        std::fs::create_dir_all(&container).unwrap();
        std::fs::write(container.join("devices.txt"), import.lines()).unwrap();
        let wanted = JobProperties {
            kind: JobType::Import,
            input_blob_container_uri: Some(import.to_string()),
            ..JobProperties::default()
        };
        loop {
            match service.create_transfer(&wanted).await {
                Ok(_) => break,
                // Another one goes on.
                Err(Error::Refused { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(_) => return,
            }
        }
        imports.lock().unwrap().acknowledge(import);
    }
}

impl Imports {
    /// What was not answered is asked for again if the hub knows nothing of it: a second time it would be refused.
    fn find(&mut self, there: &BTreeSet<Import>) {
        match self.unanswered.take() {
            Some(import) if there.contains(&import) => self.acknowledge(import),
            Some(Import::Remove(number)) => self.to_remove.push(number),
            Some(Import::Make(_)) | None => {}
        }
    }

    fn next(&mut self) -> Import {
        let import = match self.to_remove.pop() {
            Some(number) => Import::Remove(number),
            None => {
                self.last += 1;
                Import::Make(self.last)
            }
        };
        self.unanswered = Some(import);
        import
    }

    fn acknowledge(&mut self, import: Import) {
        self.unanswered = None;
        self.acknowledged.push(import);
        if let Import::Make(number) = import {
            self.to_remove.push(number);
        }
    }
}

/// Has a hub bring everything to an end, and compares it with what was asked for.
pub(crate) async fn settle(hub: &Killable, folder: &Path, imports: &Shared) {
    let service = hub.service();
    let mut known = BTreeSet::new();
    for job in service.list_transfers().await.unwrap() {
        let job = service.wait_for_transfer(&job.job_id.unwrap(), PATIENCE).await.unwrap();
        let import = Import::called(job.input_blob_container_uri.as_deref().unwrap());
        assert_eq!(job.status.unwrap().as_str(), "completed", "{import}: {:?}", job.failure_reason);
        known.insert(import);
    }
    let acknowledged = imports.lock().unwrap().acknowledged.clone();
    // The last that the hub knows may be one that nobody was told of.
    let mut newest = acknowledged.iter().rev().take(KEPT - 1);
    assert!(newest.all(|import| known.contains(import)), "of {acknowledged:?} the hub knows only {known:?}");
    let ended: BTreeSet<_> = known.into_iter().chain(acknowledged).collect();
    let bad: Vec<u64> = (1..=LINES).filter(|line| is_bad(*line)).collect();
    for import in &ended {
        let log = std::fs::read_to_string(folder.join(import.to_string()).join("importErrors.log")).unwrap();
        let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap();
        let refused: Vec<u64> = log.lines().map(number).collect();
        assert_eq!(refused, bad, "{import} has done lines twice, or not: {log}");
        let Import::Make(number) = *import else { continue };
        let is_removed = ended.contains(&Import::Remove(number));
        let expected = if is_removed { 0 } else { LINES - bad.len() as u64 };
        assert_eq!(devices(&service, number).await, expected, "devices of {import}");
    }
    imports.lock().unwrap().summary =
        format!("{} imports of {LINES} lines ended, with each line done once", ended.len());
}

/// How many of them there are.
async fn devices(service: &Service, number: u64) -> u64 {
    let query = format!("SELECT COUNT() AS n FROM devices WHERE STARTS_WITH(deviceId, 'imported-{number}-')");
    let page = service.pages::<Value>(&query).next().await.unwrap().unwrap();
    page.rows.first().map_or(0, |row| row["n"].as_u64().unwrap())
}

impl Import {
    fn called(name: &str) -> Self {
        match name.split_once('-').unwrap() {
            ("make", number) => Self::Make(number.parse().unwrap()),
            ("remove", number) => Self::Remove(number.parse().unwrap()),
            _ => panic!("nobody wanted {name}"),
        }
    }

    /// A second time each of them would be refused.
    fn lines(self) -> String {
        let (number, mode) = match self {
            Self::Make(number) => (number, "create"),
            Self::Remove(number) => (number, "delete"),
        };
        let line = |line| match is_bad(line) {
            true => "nonsense\n".to_owned(),
            false => format!("{}\n", json!({"id": format!("imported-{number}-{line}"), "importMode": mode})),
        };
        (1..=LINES).map(line).collect()
    }
}

/// The name of its folder.
impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make(number) => write!(f, "make-{number}"),
            Self::Remove(number) => write!(f, "remove-{number}"),
        }
    }
}

const fn is_bad(line: u64) -> bool {
    line % 97 == 7
}

/// A hub knows so many imports and exports, and forgets the oldest.
const KEPT: usize = 100;
/// More than a hub does in one go.
const LINES: u64 = 1_000;
/// Much longer than an import may take.
const PATIENCE: Duration = Duration::from_secs(120);
