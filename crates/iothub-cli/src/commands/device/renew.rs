use iothub_codec::Identity;
use iothub_model::{AuthenticationType, IfMatch};

use super::{Keys, show};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::Output;
use crate::renewal::Renewal;

/// Give a device a new key
///
/// A device that is connected with the other key stays so: exchange one, tell the device, then exchange the other. With
/// `--key-type swap` the two change places, and nobody is disconnected. The change is refused if somebody else changes
/// the device in between.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device renew-key pump-7 --key-type primary --show-keys
  iothub device renew-key pump-7 --kt swap"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// Which key: primary, secondary, both, or swap to have them change places
    #[arg(long, visible_alias = "kt", value_name = "TYPE")]
    key_type: Renewal,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let explain = |error| hub.explain(error, Some(Identity::device(id)));
    let mut device = hub.service.get_device(id).await.map_err(explain)?;
    let authentication = device.authentication.get_or_insert_default();
    if authentication.kind != AuthenticationType::Sas {
        let kind = authentication.kind;
        return Err(Failure::failed(format_args!("{id} has no keys: it authenticates by {kind}")));
    }
    arguments.key_type.apply_to(&mut authentication.symmetric_key)?;
    let condition = device.etag.clone().map_or(IfMatch::Any, IfMatch::Exactly);
    let device = hub.service.update_device(&device, &condition).await.map_err(explain)?;
    show(&device, Keys::asked_for(arguments.show_keys), output)
}
