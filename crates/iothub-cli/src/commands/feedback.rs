use iothub_model::FeedbackRecord;

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::table;

/// Show what became of messages to devices
///
/// Of those that were sent with --ack. What is shown is completed with that: nobody is told again, unless --peek
/// gives it back. Needs a hub of your own: Azure gives these over AMQP only.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub feedback
  iothub feedback --peek -o json | jq -r 'select(.statusCode!="Success").originalMessageId'"#)]
pub(crate) struct Arguments {
    /// Leave it for the next who asks; not for ever, as that counts as a delivery
    #[arg(long)]
    peek: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut count = 0;
    let mut held = Vec::new();
    let end = loop {
        let batch = match hub.service.receive_feedback().await {
            Ok(Some(batch)) => batch,
            Ok(None) => break Ok(()),
            Err(error) => break Err(hub.explain(error, None)),
        };
        count += batch.records.len();
        let is_shown = show(&batch.records, output);
        if arguments.peek || is_shown.is_err() {
            // Given back when all is read: else it would be the next that comes.
            held.push(batch);
        } else if let Err(error) = hub.service.complete_feedback(&batch).await {
            break Err(hub.explain(error, None));
        }
        if is_shown.is_err() {
            break is_shown;
        }
    };
    for batch in &held {
        hub.service.abandon_feedback(batch).await.map_err(|error| hub.explain(error, None))?;
    }
    if count == 0 && end.is_ok() {
        remark("there is no feedback");
    }
    end
}

fn show(records: &[FeedbackRecord], output: &mut Output) -> Result<(), Failure> {
    let rows = records.iter().map(|record| {
        [
            record.original_message_id.clone(),
            record.device_id.clone(),
            record.status_code.to_string(),
            shown(record.enqueued_time_utc),
        ]
    });
    output.each(records, || table::rows(["MESSAGE", "DEVICE", "OUTCOME", "WHEN"], rows))
}
