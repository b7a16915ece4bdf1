//! Files that a device uploads to a hub that is killed: what was told to be there is there, and nothing is there in part.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use iothub_device::Uploads;
use iothub_service::Service;
use tokio::task::JoinSet;

use crate::hub::Killable;
use crate::load::TAGGED;
use crate::truth::Truth;

/// What was asked of a hub, and what of it the hub has acknowledged.
#[derive(Default)]
pub(crate) struct Files {
    next: u64,
    states: BTreeMap<u64, State>,
    pub(crate) checks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was asked for, and there was no answer.
    Unknown,
    Present,
    Absent,
}

type Shared = Arc<Mutex<Files>>;

const DEVICE: &str = TAGGED[0];

/// Has a device upload files to a hub that has just begun, until it is killed, and a back end remove some of them.
pub(crate) fn start(hub: &Killable, files: &Shared, truth: &Mutex<Truth>, tasks: &mut JoinSet<()>) {
    let key = truth.lock().unwrap().keys[DEVICE].clone();
    let uploads = Uploads::new(hub.device(DEVICE, &key));
    for _ in 0..LANES {
        tasks.spawn(upload(uploads.clone(), hub.service(), Arc::clone(files)));
    }
}

async fn upload(uploads: Uploads, service: Service, files: Shared) {
    loop {
        let number = files.lock().unwrap().begin();
        let uploading = uploads.upload(number.to_string(), content(number)).block_len(BLOCK_LEN);
        if uploading.deadline(PATIENCE).await.is_err() {
            return;
        }
        files.lock().unwrap().states.insert(number, State::Present);
        if !number.is_multiple_of(3) {
            continue;
        }
        files.lock().unwrap().states.insert(number, State::Unknown);
        if service.delete_file(&format!("{DEVICE}/{number}")).await.is_err() {
            return;
        }
        files.lock().unwrap().states.insert(number, State::Absent);
    }
}

/// What can be said after each kill.
pub(crate) async fn check(service: &Service, data: &Path, files: &Shared, when: &str) {
    let listed = service.list_files(&format!("{DEVICE}/")).await.unwrap();
    let of_name = |name: &str| name.strip_prefix(DEVICE).unwrap()[1..].parse::<u64>().unwrap();
    let lens: BTreeMap<u64, u64> =
        listed.iter().map(|file| (of_name(&file.blob_name), file.length)).collect();
    let states = files.lock().unwrap().states.clone();
    for (number, state) in &states {
        match (state, lens.get(number)) {
            (State::Present, None) => panic!("{when}: file {number} was uploaded and is lost"),
            (State::Absent, Some(_)) => panic!("{when}: file {number} was deleted and is back"),
            (_, Some(len)) => {
                assert_eq!(*len, content(*number).len() as u64, "{when}: file {number} is there in part");
            }
            (State::Unknown | State::Absent, None) => {}
        }
    }
    for number in lens.keys().rev().take(READ_BACK) {
        let file = service.download_file(&format!("{DEVICE}/{number}")).await.unwrap();
        let is_whole = file.bytes().await.unwrap() == content(*number);
        assert!(is_whole, "{when}: file {number} has not the content that was uploaded");
    }
    let kept = std::fs::read_dir(data.join("files").join("content")).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().path().extension().is_none()).count();
    assert_eq!(kept, lens.len(), "{when}: the disk has files that the hub knows nothing of");
    files.lock().unwrap().checks += (states.len() + READ_BACK.min(lens.len()) + 1) as u64;
}

impl Files {
    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.states.insert(self.next, State::Unknown);
        self.next
    }

    pub(crate) fn summary(&self) -> String {
        let count = |wanted: State| self.states.values().filter(|state| **state == wanted).count();
        let (present, absent, unknown) = (count(State::Present), count(State::Absent), count(State::Unknown));
        format!("{present} files uploaded, {absent} deleted again, {unknown} of which nothing was said")
    }
}

/// Told by the number: of one part or some.
fn content(number: u64) -> Vec<u8> {
    let len = usize::try_from(number * 7_919 % 20_000).expect("it is short");
    number.to_le_bytes().into_iter().cycle().take(len).collect()
}

const LANES: usize = 8;
const BLOCK_LEN: usize = 8 * 1024;
/// How many files are read again each time.
const READ_BACK: usize = 20;
/// Longer than a hub lives here: who waits for one that is gone is stopped.
const PATIENCE: Duration = Duration::from_secs(60);
