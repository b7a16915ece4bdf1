use iothub_codec::Identity;
use iothub_model::{Capabilities, Device, Status};

use super::{Keys, ProofArguments, show};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::Output;

/// Register a device
///
/// The hub makes its two keys, unless --primary-key and --secondary-key give them in base64. The result is
/// the device as it now stands in the registry; its keys do not show unless asked for.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device create pump-7
  iothub device create -d pump-8 --status disabled --status-reason "not paid for"
  iothub device create gateway-1 --edge-enabled --show-keys
  iothub device create pump-9 --auth-method x509_thumbprint --primary-thumbprint 0123456789ABCDEF0123456789ABCDEF01234567
  iothub device create pump-10 --auth-method x509_ca"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// Whether it may connect: enabled or disabled
    #[arg(long, visible_alias = "sta", value_name = "STATUS", default_value = "enabled")]
    status: Status,
    /// Why it has this status
    #[arg(long, visible_alias = "star", value_name = "TEXT")]
    status_reason: Option<String>,
    /// The scope of the Edge device behind which it is, as `device show` gives that
    #[arg(long, visible_alias = "ds", value_name = "SCOPE")]
    device_scope: Option<String>,
    /// It is an Edge device: it runs modules
    #[arg(long, visible_alias = "ee")]
    edge_enabled: bool,
    #[command(flatten)]
    proof: ProofArguments,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let device = Device {
        device_id: id.as_str().into(),
        status: Some(arguments.status),
        status_reason: arguments.status_reason.clone(),
        authentication: Some(arguments.proof.authentication()?),
        device_scope: arguments.device_scope.clone(),
        capabilities: arguments.edge_enabled.then_some(Capabilities { iot_edge: true }),
        ..Device::default()
    };
    let created = hub.service.create_device(&device).await;
    let created = created.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    show(&created, Keys::asked_for(arguments.show_keys), output)
}
