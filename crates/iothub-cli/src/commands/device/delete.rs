use iothub_codec::Identity;
use iothub_model::IfMatch;

use crate::condition::condition;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::Output;

/// Delete a device, its twin, its modules and the messages that wait for it
///
/// There is no result, and no way back.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device delete pump-7
  iothub device delete pump-7 --if-match AAAAAAAAAAE="#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// Only if the device has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, default_value = "*")]
    if_match: IfMatch,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let deleted = hub.service.delete_device(id, &arguments.if_match).await;
    deleted.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    output.tell_deleted(id.as_str());
    Ok(())
}
