//! Imports that a hub does while it is killed: each ends, and does each of its lines once.

use core::fmt::Write as _;
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
    next: u64,
    acknowledged: BTreeSet<u64>,
    pub(crate) summary: String,
}

type Shared = Arc<Mutex<Imports>>;

/// Has a hub that has just begun import devices, one file after the other, until it is killed.
pub(crate) fn start(hub: &Killable, folder: &Path, imports: &Shared, tasks: &mut JoinSet<()>) {
    tasks.spawn(order(hub.service(), folder.to_owned(), Arc::clone(imports)));
}

async fn order(service: Service, folder: PathBuf, imports: Shared) {
    loop {
        let number = {
            let mut imports = imports.lock().unwrap();
            imports.next += 1;
            imports.next
        };
        let container = folder.join(name(number));
        std::fs::create_dir(&container).unwrap();
        std::fs::write(container.join("devices.txt"), lines(number)).unwrap();
        let wanted = JobProperties {
            kind: JobType::Import,
            input_blob_container_uri: Some(name(number)),
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
        imports.lock().unwrap().acknowledged.insert(number);
    }
}

/// Has a hub bring everything to an end, and compares it with what was asked for.
pub(crate) async fn settle(hub: &Killable, folder: &Path, imports: &Shared) {
    let service = hub.service();
    let mut missing = imports.lock().unwrap().acknowledged.clone();
    let mut ended = 0;
    for job in service.list_transfers().await.unwrap() {
        let job = service.wait_for_transfer(&job.job_id.unwrap(), PATIENCE).await.unwrap();
        let number: u64 =
            job.input_blob_container_uri.as_deref().unwrap()["import-".len()..].parse().unwrap();
        assert_eq!(job.status.unwrap().as_str(), "completed", "import {number}: {:?}", job.failure_reason);
        let refused = (0..LINES).filter(|line| is_bad(*line)).map(|line| line + 1);
        let log = std::fs::read_to_string(folder.join(name(number)).join("importErrors.log")).unwrap();
        let of_line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap();
        let told = log.lines().map(of_line);
        assert!(told.eq(refused.clone()), "import {number} has done lines twice, or not: {log}");
        let made = made(&service, number).await;
        assert_eq!(made, LINES - refused.count() as u64, "import {number} has lost devices");
        missing.remove(&number);
        ended += 1;
    }
    assert!(missing.is_empty(), "imports are lost: {missing:?}");
    imports.lock().unwrap().summary =
        format!("{ended} imports of {LINES} lines each ended, each line done once");
}

async fn made(service: &Service, number: u64) -> u64 {
    let query = format!("SELECT COUNT() AS n FROM devices WHERE STARTS_WITH(deviceId, '{}-')", name(number));
    let page = service.pages::<Value>(&query).next().await.unwrap().unwrap();
    page.rows[0]["n"].as_u64().unwrap()
}

fn name(number: u64) -> String {
    format!("import-{number}")
}

fn lines(number: u64) -> String {
    let mut lines = String::new();
    for line in 0..LINES {
        let id = format!("{}-{line}", name(number));
        match is_bad(line) {
            true => lines.push_str("nonsense"),
            // A second time it would be refused.
            false => write!(lines, "{}", json!({"id": id, "importMode": "create"})).unwrap(),
        }
        lines.push('\n');
    }
    lines
}

const fn is_bad(line: u64) -> bool {
    line % 97 == 7
}

/// More than a hub does in one go.
const LINES: u64 = 1_000;
/// Much longer than an import may take.
const PATIENCE: Duration = Duration::from_secs(120);
