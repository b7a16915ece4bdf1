use core::time::Duration;
use std::sync::Arc;

use iothub_codec::DeviceId;
use iothub_device::{ConnectionStatus, Message};
use iothub_model::{IfMatch, TwinPatch};
use iothub_service::Command;
use serde_json::json;

use crate::back_end;
use crate::device::{Worker, hears_commands, identity, name};
use crate::hub::Restarted;
use crate::ledger::Ledger;
use crate::twins;
use crate::verdict::PATIENCE;

/// Beyond the numbers of calls and commands in the storm. What is done here is not written down as done there.
const FIRST: u64 = 1_000_000_000;

/// Everybody comes back, and can do everything once more: what a storm ends for good is seen in each device.
pub(crate) async fn settle(
    hub: &Restarted,
    fleet: &[Worker],
    ledger: &Arc<Ledger>,
    wrongs: &mut Vec<String>,
) {
    for worker in fleet {
        let name = name(worker.number);
        let mut wrong = |what: String| wrongs.push(format!("{name}: {what}"));
        let mut status = worker.device.status();
        match tokio::time::timeout(PATIENCE, status.connected_or_closed()).await {
            Ok(ConnectionStatus::Connected) => {}
            Ok(other) => wrong(format!("{other:?}")),
            Err(_) => wrong(format!("does not come back: {:?}", status.current())),
        }
        // Before anything happens that has the whole twin asked for.
        let kept = twins::compare_replica(hub, worker).await;
        let sent = worker.device.send(Message::new(r#"{"last":true}"#)).await;
        let sent = sent.map_err(|error| format!("cannot send any longer: {error}"));
        // A report of which it is not known whether it was taken is overtaken by this one.
        let reported = worker.report_last(ledger).await;
        let ends = [
            kept,
            sent,
            reported.map_err(|error| format!("cannot report any longer: {error}")),
            call(hub, worker.number).await,
            command(hub, worker.number, ledger).await,
            desire(hub, worker.number, ledger).await,
        ];
        ends.into_iter().filter_map(Result::err).for_each(wrong);
    }
}

/// Calls until it is answered: where the device has come back only now, the hub may not know it yet.
async fn call(hub: &Restarted, number: u64) -> Result<(), String> {
    let mut last = "nothing has come".to_owned();
    let answered = async {
        for n in FIRST.. {
            last = match back_end::invoke(hub, number, n).await {
                Ok(result) if result.status == 200 && result.payload.get() == n.to_string() => return,
                Ok(result) => format!("{} {}", result.status, result.payload.get()),
                Err(error) => error.to_string(),
            };
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, answered).await;
    ended.map_err(|_| format!("does not answer methods any longer: {last}"))
}

/// Sends a command as soon as there is room for one, and waits for it to come.
async fn command(hub: &Restarted, number: u64, ledger: &Ledger) -> Result<(), String> {
    if !hears_commands(number) {
        return Ok(());
    }
    let (name, mut refused) = (name(number), None);
    let command = Command { payload: FIRST.to_string().into_bytes(), ..Command::default() };
    let come = async {
        while let Err(error) = hub.service().send_command(DeviceId::new(&name).unwrap(), &command).await {
            refused = Some(error.to_string());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        refused = None;
        while !ledger.of(number).handled.contains_key(&FIRST) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, come).await;
    ended.map_err(|_| match refused {
        Some(error) => format!("cannot be sent a command any longer: {error}"),
        None => "does not hear commands any longer".to_owned(),
    })
}

/// A change that takes something away: a replica cannot take it for all there is, and has to merge it by itself.
async fn desire(hub: &Restarted, number: u64, ledger: &Ledger) -> Result<(), String> {
    let change = json!({ "properties": { "desired": { "n": null, "last": true } } });
    let patch: TwinPatch = serde_json::from_value(change).unwrap();
    let changed = hub.service().update_twin(identity(number, &name(number)), &patch, &IfMatch::Any).await;
    let twin = changed.map_err(|error| format!("cannot be told what is desired any longer: {error}"))?;
    ledger.of(number).desired = twin.properties.desired["$version"].as_u64().unwrap();
    Ok(())
}
