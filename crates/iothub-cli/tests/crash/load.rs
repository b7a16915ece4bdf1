use core::time::Duration;
use std::sync::{Arc, Mutex};

use iothub_codec::{DeviceId, Identity};
use iothub_device::{Device, Dialect, Message};
use iothub_model::{IfMatch, Object, Patch, TwinPatch};
use iothub_service::{Command, Service};
use serde_json::json;
use tokio::task::JoinSet;

use crate::hub::Killable;
use crate::truth::{Churned, Truth};

/// Everything that is done to a hub until it is killed.
pub(crate) struct Load(JoinSet<()>);

type Shared = Arc<Mutex<Truth>>;

pub(crate) const TALKERS: [(&str, Dialect); 3] =
    [("classic", Dialect::Classic), ("preview311", Dialect::Preview311), ("preview5", Dialect::Preview5)];
pub(crate) const TAGGED: [&str; 2] = ["tagged-1", "tagged-2"];

/// Starts it on a hub that has just begun.
pub(crate) async fn start(hub: &Killable, truth: &Shared) -> Load {
    let service = hub.service();
    for id in TALKERS.map(|(id, _)| id).into_iter().chain(TAGGED) {
        if truth.lock().unwrap().keys.contains_key(id) {
            continue;
        }
        let device = iothub_model::Device { device_id: id.into(), ..Default::default() };
        let made = service.create_device(&device).await.unwrap();
        let key = made.authentication.unwrap().symmetric_key.primary_key.unwrap();
        truth.lock().unwrap().keys.insert(id.into(), key);
    }
    let mut tasks = JoinSet::new();
    for (id, dialect) in TALKERS {
        let key = truth.lock().unwrap().keys[id].clone();
        let options = hub.device(id, &key).dialect(dialect).operation_timeout(PATIENCE);
        let device = Device::connect(options).await.unwrap();
        for lane in 0..2 {
            tasks.spawn(send(device.clone(), id, lane, Arc::clone(truth)));
        }
        tasks.spawn(report(device.clone(), id, Arc::clone(truth)));
        tasks.spawn(take_commands(device, id, Arc::clone(truth)));
        tasks.spawn(command(service.clone(), id, Arc::clone(truth)));
    }
    for id in TAGGED {
        tasks.spawn(tag(service.clone(), id, Arc::clone(truth)));
    }
    tasks.spawn(churn(service, Arc::clone(truth)));
    Load(tasks)
}

impl Load {
    /// The hub is gone: nothing more will be acknowledged.
    pub(crate) async fn end(mut self) {
        self.0.abort_all();
        while let Some(ended) = self.0.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

/// Takes everything that waits for devices.
pub(crate) async fn drain(hub: &Killable, truth: &Shared) {
    let mut tasks = JoinSet::new();
    for (id, dialect) in TALKERS {
        let key = truth.lock().unwrap().keys[id].clone();
        let options = hub.device(id, &key).dialect(dialect).operation_timeout(PATIENCE);
        let device = Device::connect(options).await.unwrap();
        tasks.spawn(take_commands(device, id, Arc::clone(truth)));
    }
    for _ in 0..200 {
        if truth.lock().unwrap().missing_commands() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Each message is sent once by the application, and by a device that does not outlive its connection.
async fn send(device: Device, id: &'static str, lane: u8, truth: Shared) {
    loop {
        let number = truth.lock().unwrap().next();
        let text = format!("{lane}-{number}");
        truth.lock().unwrap().sent.insert((id, text.clone()));
        if device.send(Message::new(text.clone())).await.is_err() {
            return;
        }
        truth.lock().unwrap().arrived.insert((id, text));
    }
}

async fn report(device: Device, id: &'static str, truth: Shared) {
    loop {
        let number = truth.lock().unwrap().next();
        truth.lock().unwrap().reported.entry(id).or_default().attempted = number;
        let Ok(version) = device.twin().report(&json!({"n": number})).await else { return };
        let mut truth = truth.lock().unwrap();
        truth.reported.entry(id).or_default().done(number, version.unwrap_or_default());
    }
}

async fn tag(service: Service, id: &'static str, truth: Shared) {
    let identity = Identity::device(DeviceId::new(id).unwrap());
    loop {
        let number = truth.lock().unwrap().next();
        truth.lock().unwrap().tagged.entry(id).or_default().attempted = number;
        let tags: Object = json!({"n": number}).as_object().unwrap().clone();
        let patch = TwinPatch { tags: Patch::Value(tags), ..TwinPatch::default() };
        let Ok(twin) = service.update_twin(identity, &patch, &IfMatch::None).await else { return };
        truth.lock().unwrap().tagged.entry(id).or_default().done(number, twin.version);
    }
}

async fn command(service: Service, id: &'static str, truth: Shared) {
    loop {
        let number = truth.lock().unwrap().next();
        truth.lock().unwrap().commanded.insert((id, number));
        let command = Command { payload: number.to_string().into_bytes(), ..Command::default() };
        match service.send_command(DeviceId::new(id).unwrap(), &command).await {
            Ok(()) => drop(truth.lock().unwrap().queued.insert((id, number))),
            // There are too many already.
            Err(iothub_service::Error::Refused { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(_) => return,
        }
    }
}

async fn take_commands(device: Device, id: &'static str, truth: Shared) {
    let Ok(mut commands) = device.commands().await else { return };
    while let Some(command) = commands.next().await {
        let number: u64 = core::str::from_utf8(&command.payload).unwrap().parse().unwrap();
        truth.lock().unwrap().take(id, number);
        if command.complete().await.is_err() {
            return;
        }
    }
}

async fn churn(service: Service, truth: Shared) {
    loop {
        let id = format!("churned-{}", truth.lock().unwrap().next());
        truth.lock().unwrap().churned.insert(id.clone(), Churned::Unknown);
        let device = iothub_model::Device { device_id: id.clone(), ..Default::default() };
        if service.create_device(&device).await.is_err() {
            return;
        }
        truth.lock().unwrap().churned.insert(id.clone(), Churned::Present);
        if truth.lock().unwrap().next().is_multiple_of(3) {
            continue;
        }
        truth.lock().unwrap().churned.insert(id.clone(), Churned::Unknown);
        if service.delete_device(DeviceId::new(&id).unwrap(), &IfMatch::Any).await.is_err() {
            return;
        }
        truth.lock().unwrap().churned.insert(id, Churned::Absent);
    }
}

/// Longer than a hub lives here: who waits for one that is gone is stopped.
const PATIENCE: Duration = Duration::from_secs(60);
