use std::rc::Rc;

use iothub_codec::{DeviceId, Identity};
use iothub_model::{IfMatch, TwinPatch};
use serde_json::Value;

use crate::tally::Tally;
use crate::target::{Target, device_name};

/// Back ends that change desired properties, `devices` of them at a time, each those of another device.
pub(crate) async fn run(target: Target) -> Value {
    let target = Rc::new(target);
    let tally = Tally::default();
    for number in 0..target.number("devices", 16) {
        let (service, tally) = (target.service().unwrap(), tally.clone());
        tokio::task::spawn_local(async move {
            let name = device_name(number);
            let device = Identity::device(DeviceId::new(&name).unwrap());
            for count in 0_u64.. {
                let patch: TwinPatch = serde_json::from_value(
                    serde_json::json!({"properties": {"desired": {"interval": count}}}),
                )
                .unwrap();
                service.update_twin(device, &patch, &IfMatch::None).await.unwrap();
                tally.add(1);
            }
        });
    }
    tally.watch(&target).await
}
