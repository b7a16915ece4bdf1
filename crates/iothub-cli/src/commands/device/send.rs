use core::time::Duration;

use iothub_codec::Identity;
use iothub_service::Command;

use crate::clock::date_in;
use crate::content::content;
use crate::duration::duration;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::{Output, remark};

/// Send a message to a device
///
/// The hub keeps it until the device has taken it, or it expires. Needs a hub of your own: Azure takes these
/// over AMQP only.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device send pump-7 --data '{"open":true}' --content-type application/json
  iothub device send pump-7 --data @firmware.json --property kind=update --message-id m-1
  iothub device send pump-7 --data x --message-id m-2 --ack full --expire-in 10m
  date | iothub device send pump-7 --data -"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// The message: text, @FILE, or - for standard input
    #[arg(long, value_name = "TEXT")]
    data: String,
    /// A property of the message; may be repeated
    #[arg(long, short, visible_alias = "props", value_name = "NAME=VALUE", value_parser = property)]
    property: Vec<(String, String)>,
    /// By which the message is recognised
    #[arg(long, visible_alias = "mid", value_name = "ID")]
    message_id: Option<String>,
    /// Of which outcomes `iothub feedback` is to tell; needs --message-id
    #[arg(long, value_name = "WHICH", default_value = "none", value_parser = ["none", "positive", "negative", "full"], requires_ifs = [("positive", "message_id"), ("negative", "message_id"), ("full", "message_id")])]
    ack: String,
    /// Drop it if the device has not completed it after so long, in seconds or as in 90m; else the hub decides
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    expire_in: Option<Duration>,
    /// What the message is, such as application/json
    #[arg(long, visible_alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let command = Command {
        payload: content("--data", &arguments.data)?,
        content_type: arguments.content_type.clone(),
        message_id: arguments.message_id.clone(),
        feedback: arguments.ack.parse().unwrap_or_default(),
        expires: arguments.expire_in.map(date_in),
        properties: arguments.property.clone(),
    };
    let id = arguments.device.id();
    let sent = hub.service.send_command(id, &command).await;
    sent.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    if output.is_for_people() {
        remark(&format!("the hub has {} bytes for {}", command.payload.len(), id.as_str()));
    }
    Ok(())
}

/// Reads `name=value`; the value may be empty and have more equals signs in it.
fn property(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE"),
    }
}
