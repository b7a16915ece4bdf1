use core::time::Duration;

use iothub_device::TwinSnapshot;
use iothub_model::{Object, Twin};
use serde_json::Value;

use crate::device::{Worker, identity, name};
use crate::hub::Restarted;
use crate::ledger::Ledger;
use crate::verdict::PATIENCE;

/// The device and its back end agree about the twin, the device was told of its last desired change, and what was left
/// to a reporter has come.
pub(crate) async fn compare_twins(hub: &Restarted, worker: &Worker, ledger: &Ledger) -> Result<(), String> {
    let told = async {
        loop {
            let twin = of_hub(hub, worker).await;
            if ledger.of(worker.number).told == version(&twin.properties.desired) {
                return twin;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let twin = tokio::time::timeout(PATIENCE, told).await.map_err(|_| {
        let account = ledger.of(worker.number);
        format!("was told of desired version {}, and the back end had {}", account.told, account.desired)
    })?;
    // Asks for nothing, and so comes before the device does.
    compare_replica(hub, worker).await?;
    let reported = without_metadata(Value::Object(twin.properties.reported.clone()));
    let set = ledger.of(worker.number).set.clone();
    if worker.reporter.is_some() && set != reported {
        return Err(format!("what its reporter was to report is {set}, and the back end has {reported}"));
    }
    let of_device =
        worker.device.twin().get().await.map_err(|error| format!("cannot read its twin: {error}"))?;
    for (what, here, there) in [
        ("desired", of_device.desired, Value::Object(twin.properties.desired)),
        ("reported", of_device.reported, Value::Object(twin.properties.reported)),
    ] {
        let (here, there) = (without_metadata(here), without_metadata(there));
        if here != there {
            return Err(format!("{what} properties are {here} to the device, and {there} to the back end"));
        }
    }
    Ok(())
}

/// The replica, if the device keeps one, becomes what the hub has without anybody asking for it, versions and all.
pub(crate) async fn compare_replica(hub: &Restarted, worker: &Worker) -> Result<(), String> {
    let Some(replica) = &worker.replica else { return Ok(()) };
    let mut last = String::new();
    let equal = async {
        while let Some(what) = difference(&replica.snapshot(), of_hub(hub, worker).await) {
            last = what;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, equal).await;
    ended.map_err(|_| last)
}

fn difference(replica: &TwinSnapshot, twin: Twin) -> Option<String> {
    let (desired, reported) = (twin.properties.desired, twin.properties.reported);
    let halves = [
        ("desired", replica.desired_version(), replica.desired(), desired),
        ("reported", replica.reported_version(), replica.reported(), reported),
    ];
    halves.into_iter().find_map(|(what, at, here, there)| {
        let (version, there) = (version(&there), without_metadata(Value::Object(there)));
        (at != version || *here != there).then(|| {
            format!(
                "{what} properties are {here} at {at} in the replica, and {there} at {version} in the hub"
            )
        })
    })
}

async fn of_hub(hub: &Restarted, worker: &Worker) -> Twin {
    hub.service().get_twin(identity(worker.number, &name(worker.number))).await.unwrap()
}

fn version(properties: &Object) -> u64 {
    properties["$version"].as_u64().unwrap()
}

pub(crate) fn without_metadata(mut properties: Value) -> Value {
    if let Some(members) = properties.as_object_mut() {
        members.retain(|name, _| !name.starts_with('$'));
    }
    properties
}
