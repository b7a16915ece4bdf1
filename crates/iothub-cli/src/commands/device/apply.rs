use iothub_codec::Identity;

use crate::commands::configuration::content_of;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::{Output, remark};

/// Set the content of a configuration in the twins of one device, once
///
/// For a look at what a configuration would do, and for the modules of an Edge device that no deployment targets.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device apply-configuration gateway-1 --content @deployment.json
  iothub device apply-configuration pump-7 --content '{"deviceContent":{"properties.desired.rate":5}}'"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// What is set: {"deviceContent": {…}}, or moduleContent, or modulesContent; @FILE, or -
    #[arg(long, short = 'k', value_name = "JSON")]
    content: String,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let content = content_of("--content", &arguments.content)?;
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let applied = hub.service.apply_configuration_content(id, &content).await;
    applied.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    if output.is_for_people() {
        remark(&format!("applied to {id}"));
    }
    Ok(())
}
