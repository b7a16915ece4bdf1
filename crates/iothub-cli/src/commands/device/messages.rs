use iothub_codec::Identity;
use iothub_model::CommandDocument;

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::DeviceArgument;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::table;

/// Show, or drop, the messages that wait for a device
///
/// Or, with --dead, the latest that came to nothing: expired, rejected, or delivered too often. Showing needs a hub of
/// your own; Azure only says how many wait.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device messages pump-7
  iothub device messages pump-7 --dead -o json | jq -r .outcome
  iothub device messages pump-7 --purge"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// Show those that came to nothing
    #[arg(long)]
    dead: bool,
    /// Drop all that wait
    #[arg(long, conflicts_with = "dead")]
    purge: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    let explain = |error| hub.explain(error, Some(Identity::device(id)));
    if arguments.purge {
        let count = hub.service.purge_commands(id).await.map_err(explain)?;
        return output.show(&serde_json::json!({ "purged": count }), || format!("{count} messages dropped"));
    }
    let commands = match arguments.dead {
        true => hub.service.dead_letters(id).await,
        false => hub.service.waiting_commands(id).await,
    };
    let commands = commands.map_err(explain)?;
    if commands.is_empty() {
        remark(&format!("there are none for {id}"));
        return Ok(());
    }
    let heading = ["NUMBER", "SENT", "EXPIRES", "STATE", "BODY"];
    output.each(&commands, || table::rows(heading, commands.iter().map(row)))
}

fn row(command: &CommandDocument) -> [String; 5] {
    let state = match (command.outcome, command.delivered) {
        (Some(outcome), _) => outcome.to_string(),
        (None, true) => "delivered".into(),
        (None, false) => "waiting".into(),
    };
    let body = command.body.clone().or_else(|| command.body_base64.clone()).unwrap_or_default();
    let mut short: String = body.chars().take(BODY_SHOWN).collect();
    if short.len() < body.len() {
        short.push('…');
    }
    let (sent, expires) = (shown(command.enqueued_time_utc), shown(command.expires_at_utc));
    [command.sequence_number.to_string(), sent, expires, state, short]
}

/// Characters of a body that stand in a table.
const BODY_SHOWN: usize = 40;
