mod apply;
mod being;
mod create;
mod deed;
mod delete;
mod export;
mod import;
mod keys;
mod list;
mod messages;
mod proof;
mod renew;
mod send;
mod show;
mod simulate;
mod update;
mod upload_file;
mod way;

pub(crate) use keys::Keys;
pub(crate) use proof::{CertificateArguments, ProofArguments};
pub(crate) use way::WayArguments;

use clap::Subcommand;
use iothub_model::Device;

use crate::clock::shown;
use crate::failure::Failure;
use crate::output::Output;
use crate::table;

/// Devices of the hub: create, list, show, change, delete, export, import, and be one
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Arguments),
    List(list::Arguments),
    Show(show::Arguments),
    ConnectionString(show::ConnectionStringArguments),
    Update(update::Arguments),
    RenewKey(renew::Arguments),
    Delete(delete::Arguments),
    Send(send::Arguments),
    Messages(messages::Arguments),
    Simulate(simulate::Arguments),
    UploadFile(upload_file::Arguments),
    ApplyConfiguration(apply::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create::run(arguments, output).await,
        Command::List(arguments) => list::run(arguments, output).await,
        Command::Show(arguments) => show::run(arguments, output).await,
        Command::ConnectionString(arguments) => show::connection_string(arguments, output).await,
        Command::Update(arguments) => update::run(arguments, output).await,
        Command::RenewKey(arguments) => renew::run(arguments, output).await,
        Command::Delete(arguments) => delete::run(arguments, output).await,
        Command::Messages(arguments) => messages::run(arguments, output).await,
        Command::Send(arguments) => send::run(arguments, output).await,
        Command::ApplyConfiguration(arguments) => apply::run(arguments, output).await,
        Command::Export(arguments) => export::run(arguments, output).await,
        Command::Import(arguments) => import::run(arguments, output).await,
        Command::UploadFile(arguments) => upload_file::run(arguments, output).await,
        Command::Simulate(arguments) => simulate::run(arguments, output).await,
    }
}

/// Shows a device as the registry has it; its keys only if they are asked for.
fn show(device: &Device, keys: Keys, output: &mut Output) -> Result<(), Failure> {
    let mut json = serde_json::to_value(device).expect("documents have text for keys, all that can fail");
    keys.apply_to(&mut json);
    output.show(&json, || {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut fields = vec![
            ("device", device.device_id.clone()),
            ("status", device.status.unwrap_or_default().to_string()),
            ("reason", text(&device.status_reason)),
            ("connection", device.connection_state.to_string()),
            ("last activity", shown(device.last_activity_time)),
            ("waiting messages", device.cloud_to_device_message_count.to_string()),
            (
                "edge",
                device.capabilities.filter(|can| can.iot_edge).map(|_| "yes".into()).unwrap_or_default(),
            ),
            ("scope", text(&device.device_scope)),
            ("etag", device.etag.as_ref().map(ToString::to_string).unwrap_or_default()),
        ];
        fields.extend(keys.fields(device.authentication.as_ref()));
        table::record(fields)
    })
}
