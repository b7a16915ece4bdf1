//! Files that devices upload to a hub that is killed: what was told to be there is there, and nothing is there in part.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use iothub_device::Uploads;
use iothub_model::Device;
use iothub_service::Service;
use tokio::task::JoinSet;

use crate::hub::Killable;

/// What was asked of a hub, and what of it the hub has acknowledged.
#[derive(Default)]
pub(crate) struct Files {
    devices: u64,
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

/// What the names of the devices that upload begin with.
const DEVICES: &str = "uploader-";

/// Has a device upload files to a hub that has just begun, until it is killed, and a back end remove some of them.
///
/// It is a new one each time: what a kill has cut off stays open, and a device may have ten uploads open.
pub(crate) async fn start(hub: &Killable, files: &Shared, tasks: &mut JoinSet<()>) {
    let id = files.lock().unwrap().name_device();
    let device = Device { device_id: id.as_str().into(), ..Device::default() };
    let made = hub.service().create_device(&device).await.unwrap();
    let key = made.authentication.unwrap().symmetric_key.primary_key.unwrap();
    let uploads = Uploads::new(hub.device(&id, &key));
    for _ in 0..LANES {
        tasks.spawn(upload(uploads.clone(), hub.service(), Arc::clone(files)));
    }
}

async fn upload(uploads: Uploads, service: Service, files: Shared) {
    loop {
        let number = files.lock().unwrap().begin();
        let uploading = uploads.upload(number.to_string(), content(number)).block_len(BLOCK_LEN);
        let Ok(uploaded) = uploading.deadline(PATIENCE).await else { return };
        files.lock().unwrap().states.insert(number, State::Present);
        if !number.is_multiple_of(3) {
            continue;
        }
        files.lock().unwrap().states.insert(number, State::Unknown);
        if service.delete_file(&uploaded.blob_name).await.is_err() {
            return;
        }
        files.lock().unwrap().states.insert(number, State::Absent);
    }
}

/// What can be said after each kill.
pub(crate) async fn check(service: &Service, data: &Path, files: &Shared, when: &str) {
    let listed = service.list_files(DEVICES).await.unwrap();
    let number_of = |name: &str| name.split_once('/').unwrap().1.parse::<u64>().unwrap();
    let there: BTreeMap<u64, _> = listed.iter().map(|file| (number_of(&file.blob_name), file)).collect();
    let states = files.lock().unwrap().states.clone();
    for (number, state) in &states {
        match (state, there.get(number)) {
            (State::Present, None) => panic!("{when}: file {number} was uploaded and is lost"),
            (State::Absent, Some(_)) => panic!("{when}: file {number} was deleted and is back"),
            (_, Some(file)) => {
                assert_eq!(
                    file.length,
                    content(*number).len() as u64,
                    "{when}: file {number} is there in part"
                );
            }
            (State::Unknown | State::Absent, None) => {}
        }
    }
    for (number, file) in there.iter().rev().take(READ_BACK) {
        let file = service.download_file(&file.blob_name).await.unwrap();
        let is_whole = file.bytes().await.unwrap() == content(*number);
        assert!(is_whole, "{when}: file {number} has not the content that was uploaded");
    }
    let kept = std::fs::read_dir(data.join("files").join("content")).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().path().extension().is_none()).count();
    assert_eq!(kept, there.len(), "{when}: the disk has files that the hub knows nothing of");
    files.lock().unwrap().checks += (states.len() + READ_BACK.min(there.len()) + 1) as u64;
}

impl Files {
    fn name_device(&mut self) -> String {
        self.devices += 1;
        format!("{DEVICES}{}", self.devices)
    }

    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.states.insert(self.next, State::Unknown);
        self.next
    }

    /// How many were uploaded for certain.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.count(State::Present) + self.count(State::Absent)
    }

    pub(crate) fn summary(&self) -> String {
        let [present, absent, unknown] =
            [State::Present, State::Absent, State::Unknown].map(|state| self.count(state));
        format!("{present} files uploaded, {absent} deleted again, {unknown} of which nothing was said")
    }

    fn count(&self, wanted: State) -> u64 {
        self.states.values().filter(|state| **state == wanted).count() as u64
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
