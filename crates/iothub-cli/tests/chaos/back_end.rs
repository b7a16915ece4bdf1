use core::time::Duration;
use std::sync::Arc;

use iothub_codec::DeviceId;
use iothub_model::{Device, IfMatch, MethodInvocation, MethodResult, Module, TwinPatch};
use iothub_service::{Command, Error, Service};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::device::{hears_commands, identity, name};
use crate::hub::Restarted;
use crate::ledger::{Account, Ledger, count};

/// Back ends at work.
pub(crate) struct BackEnds(JoinSet<()>);

/// Callers of methods for each device.
const CALLERS: u64 = 3;

/// Makes the devices, and gives their keys.
pub(crate) async fn register(hub: &Restarted, devices: u64) -> Vec<String> {
    let service = hub.service();
    let mut keys = Vec::new();
    for number in 0..devices {
        let device = Device { device_id: name(number), ..Device::default() };
        let made = service.create_device(&device).await.unwrap();
        let authentication = match identity(number, &device.device_id).module {
            None => made.authentication,
            Some(module) => {
                let (device_id, module_id) = (device.device_id.clone(), module.to_string());
                let module = Module { device_id, module_id, ..Module::default() };
                service.create_module(&module).await.unwrap().authentication
            }
        };
        keys.push(authentication.unwrap().symmetric_key.primary_key.unwrap());
    }
    keys
}

/// Calls methods of all devices, sends them commands and changes their desired properties until told to end.
pub(crate) fn work(
    hub: &Arc<Restarted>,
    devices: u64,
    seed: u64,
    ledger: &Arc<Ledger>,
    end: watch::Receiver<bool>,
) -> BackEnds {
    let mut tasks = JoinSet::new();
    for number in 0..devices {
        for caller in 0..CALLERS {
            let chance = Chance::new(seed + number * CALLERS + caller);
            tasks.spawn(call(Arc::clone(hub), (number, caller), chance, Arc::clone(ledger), end.clone()));
        }
        let chance = Chance::new(seed + number + devices);
        tasks.spawn(desire(Arc::clone(hub), number, chance, Arc::clone(ledger), end.clone()));
        if hears_commands(number) {
            let chance = Chance::new(seed + number + 2 * devices);
            tasks.spawn(command(Arc::clone(hub), number, chance, Arc::clone(ledger), end.clone()));
        }
    }
    BackEnds(tasks)
}

impl BackEnds {
    pub(crate) async fn ended(mut self) {
        while let Some(ended) = self.0.join_next().await {
            ended.unwrap();
        }
    }
}

async fn call(
    hub: Arc<Restarted>,
    (number, caller): (u64, u64),
    mut chance: Chance,
    ledger: Arc<Ledger>,
    end: watch::Receiver<bool>,
) {
    for n in (caller..).step_by(usize::try_from(CALLERS).unwrap()) {
        if *end.borrow() {
            break;
        }
        let outcome = invoke(&hub, number, n).await;
        enter(&mut ledger.of(number), n, outcome);
        tokio::time::sleep(Duration::from_millis(20 + chance.below(150))).await;
    }
}

/// Calls the device's method; its answer is the number.
pub(crate) async fn invoke(hub: &Restarted, number: u64, n: u64) -> Result<MethodResult, Error> {
    let mut call = MethodInvocation::new("run");
    call.payload = Some(serde_json::value::to_raw_value(&n).unwrap());
    call.response_timeout_in_seconds = Some(5);
    service(hub).invoke_method(identity(number, &name(number)), &call).await
}

fn enter(account: &mut Account, n: u64, outcome: Result<MethodResult, Error>) {
    let mut end = |name: String| *account.not_answered.entry(name).or_default() += 1;
    match outcome {
        Ok(result) if result.status == 200 && result.payload.get() == n.to_string() => {
            account.answered.insert(n);
        }
        Ok(result) if result.status == 200 => {
            let answer = result.payload.get();
            account.wrongs.push(format!("call {n} was answered {answer}"));
        }
        Ok(result) => end(format!("device {}", result.status)),
        Err(Error::Refused { code, .. }) => end(code.map_or("?", |code| code.name()).into()),
        Err(error) => count(&mut account.not_answered, &error),
    }
}

async fn command(
    hub: Arc<Restarted>,
    number: u64,
    mut chance: Chance,
    ledger: Arc<Ledger>,
    end: watch::Receiver<bool>,
) {
    for n in 0_u64.. {
        if *end.borrow() {
            break;
        }
        let name = name(number);
        let command = Command { payload: n.to_string().into_bytes(), ..Command::default() };
        let outcome = service(&hub).send_command(DeviceId::new(&name).unwrap(), &command).await;
        match outcome {
            Ok(()) => drop(ledger.of(number).queued.insert(n)),
            Err(Error::Refused { code, .. }) => {
                let ends = &mut ledger.of(number).not_queued;
                *ends.entry(code.map_or("?", |code| code.name()).into()).or_default() += 1;
            }
            Err(error) => count(&mut ledger.of(number).not_queued, &error),
        }
        tokio::time::sleep(Duration::from_millis(20 + chance.below(200))).await;
    }
}

async fn desire(
    hub: Arc<Restarted>,
    number: u64,
    mut chance: Chance,
    ledger: Arc<Ledger>,
    end: watch::Receiver<bool>,
) {
    for n in 1_u64.. {
        if *end.borrow() {
            break;
        }
        // Members come and go.
        let member = if n % 3 == 0 { json!(null) } else { json!(n) };
        let change = json!({ "properties": { "desired": { "n": n, format!("k{}", n % 5): member } } });
        let patch: TwinPatch = serde_json::from_value(change).unwrap();
        let changed = service(&hub).update_twin(identity(number, &name(number)), &patch, &IfMatch::Any).await;
        if let Ok(twin) = changed {
            let mut account = ledger.of(number);
            account.desired = twin.properties.desired["$version"].as_u64().unwrap();
            account.desires += 1;
        }
        tokio::time::sleep(Duration::from_millis(50 + chance.below(300))).await;
    }
}

fn service(hub: &Restarted) -> Service {
    hub.service().within(Duration::from_secs(8))
}
