use iothub_model::Device;
use serde_json::Value;

use super::Keys;
use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// List the devices of the hub
///
/// As JSON it is one array, without keys; `device show` has those.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device list
  iothub device list --top 10 -o json | jq -r '.[].deviceId'"#)]
pub(crate) struct Arguments {
    /// At most this many, from 1 to 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let devices = hub.service.list_devices(arguments.top).await;
    let devices = devices.map_err(|error| hub.explain(error, None))?;
    output.show(&json(&devices), || {
        let row = |device: &Device| {
            [
                device.device_id.clone(),
                device.status.unwrap_or_default().to_string(),
                device.connection_state.to_string(),
                shown(device.last_activity_time),
                device.cloud_to_device_message_count.to_string(),
            ]
        };
        table::rows(["DEVICE", "STATUS", "CONNECTION", "LAST ACTIVITY", "WAITING"], devices.iter().map(row))
    })
}

fn json(devices: &[Device]) -> Value {
    let mut json = serde_json::to_value(devices).expect("documents have text for keys, all that can fail");
    for device in json.as_array_mut().into_iter().flatten() {
        Keys::Hidden.apply_to(device);
    }
    json
}
