use core::time::Duration;

use clap::Subcommand;
use iothub_codec::Identity;
use iothub_model::{DigitalTwinEdit, IfMatch};
use iothub_service::DigitalTwinCommand;
use serde_json::json;

use crate::condition::condition;
use crate::content;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Twins of devices that follow a model, by components: show, update, invoke commands
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the digital twin of a device
    #[command(
        after_help = "Examples:\n  iothub digital-twin show thermostat-1 -o json | jq .targetTemperature"
    )]
    Show(ShowArguments),
    /// Change a digital twin by a JSON patch
    ///
    /// Of the steps that RFC 6902 knows, add, replace and remove.
    #[command(after_help = r#"Examples:
  iothub digital-twin update thermostat-1 --json-patch '[{"op":"add","path":"/targetTemperature","value":42}]'"#)]
    Update(UpdateArguments),
    /// Invoke a command of a device, or of one of its components
    ///
    /// The answer is the device's status and payload, as that of `iothub method invoke`.
    #[command(
        after_help = "Examples:\n  iothub digital-twin invoke-command thermostat-1 --command-name reboot --payload \
                            5\n  iothub digital-twin invoke-command thermostat-1 --cn getMaxMinReport --cp thermostat1"
    )]
    #[command(name = "invoke-command")]
    Invoke(InvokeArguments),
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    device: DeviceArgument,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// The steps: a JSON array, @FILE, or - for standard input; one step may stand without the array
    #[arg(long, visible_alias = "patch", value_name = "JSON")]
    json_patch: String,
    /// Only if the digital twin has this etag; * for any
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, default_value = "*")]
    if_match: IfMatch,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct InvokeArguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// The name of the command
    #[arg(long, visible_alias = "cn", value_name = "COMMAND")]
    command_name: String,
    /// The component whose command it is, else the device itself
    #[arg(long, visible_alias = "cp", value_name = "COMPONENT")]
    component_path: Option<String>,
    /// The argument of the command: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "PAYLOAD")]
    payload: Option<String>,
    /// Seconds to wait for the device to connect, 0 to 300 [default: 0]
    #[arg(long, visible_alias = "cto", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=300))]
    connect_timeout: Option<u64>,
    /// Seconds that the device may take to answer, 5 to 300 [default: 30]
    #[arg(long, visible_alias = "rto", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..=300))]
    response_timeout: Option<u64>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show(arguments, output).await,
        Command::Update(arguments) => update(arguments, output).await,
        Command::Invoke(arguments) => invoke(arguments, output).await,
    }
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let twin = hub.service.get_digital_twin(id).await;
    let twin = twin.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    output.show(&twin.document, || {
        serde_json::to_string_pretty(&twin.document).expect("an object has text for keys, all that can fail")
    })
}

async fn update(arguments: &UpdateArguments, output: &mut Output) -> Result<(), Failure> {
    let edits = edits(&arguments.json_patch)?;
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let changed = hub.service.update_digital_twin(id, &edits, &arguments.if_match).await;
    let changed = changed.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    let etag = changed.etag.as_ref().map(ToString::to_string);
    output.show(&json!({"etag": etag, "location": changed.location}), || {
        table::record([("etag", etag.clone().unwrap_or_default())])
    })
}

async fn invoke(arguments: &InvokeArguments, output: &mut Output) -> Result<(), Failure> {
    let payload = arguments.payload.as_deref().map(|text| content::json("--payload", text)).transpose()?;
    let command = DigitalTwinCommand {
        component: arguments.component_path.clone(),
        name: arguments.command_name.clone(),
        payload,
        connect_timeout: arguments.connect_timeout.map(Duration::from_secs),
        response_timeout: arguments.response_timeout.map(Duration::from_secs),
    };
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let answer = hub.service.invoke_digital_twin_command(id, &command).await;
    let answer = answer.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    output.show(&json!({"status": answer.status, "payload": answer.payload}), || {
        table::record([("status", answer.status.to_string()), ("payload", answer.payload.get().to_owned())])
    })
}

fn edits(argument: &str) -> Result<Vec<DigitalTwinEdit>, Failure> {
    let bytes = content::content("--json-patch", argument)?;
    let one = serde_json::from_slice::<DigitalTwinEdit>(&bytes).map(|edit| vec![edit]);
    one.or_else(|_| serde_json::from_slice(&bytes))
        .map_err(|error| Failure::misused(format_args!("--json-patch: no JSON patch: {error}")))
}
