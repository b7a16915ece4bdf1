use iothub_codec::Identity;
use iothub_model::{Etag, IfMatch, Status};

use super::{Keys, show};
use crate::condition::condition;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::Output;

/// Change whether a device may connect
///
/// A device that is disabled is disconnected. Without --if-match the device is read first, and the change is
/// refused if somebody else changes it in between.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device update pump-7 --status disabled --status-reason "reported stolen"
  iothub device update pump-7 --status enabled"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// Whether it may connect: enabled or disabled
    #[arg(long, visible_alias = "sta", value_name = "STATUS")]
    status: Status,
    /// Why
    #[arg(long, visible_alias = "star", value_name = "TEXT")]
    status_reason: Option<String>,
    /// Only if the device has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition)]
    if_match: Option<IfMatch>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let explain = |error| hub.explain(error, Some(Identity::device(id)));
    let mut device = hub.service.get_device(id).await.map_err(explain)?;
    device.status = Some(arguments.status);
    device.status_reason.clone_from(&arguments.status_reason);
    let read: Option<Etag> = device.etag.clone();
    let condition = arguments.if_match.clone().or(read.map(IfMatch::Exactly)).unwrap_or(IfMatch::Any);
    let device = hub.service.update_device(&device, &condition).await.map_err(explain)?;
    show(&device, Keys::Hidden, output)
}
