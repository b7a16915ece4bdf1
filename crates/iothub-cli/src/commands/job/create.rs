use super::request::RequestArguments;
use super::{explain, job_name, show, watch};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::signals::Interrupt;

/// Start a job: call a method of many devices, or change many twins
///
/// The result is the job as the hub has taken it in, and with --wait as it has ended. While --wait lasts, standard error
/// shows how far it is, and in the end with which devices it went wrong. Ctrl-C ends the waiting only: the job goes on.
#[derive(clap::Args)]
#[command(
    visible_alias = "run",
    after_help = r#"Examples:
  iothub job create reboot-1 --method reboot --condition "tags.site = 'north'"
  iothub job run --wait --desired '{"interval":5}' --condition '*'
  iothub job run --wait --method reboot --method-payload '{"delay":5}' -d pump-7 -d pump-8
  iothub job create night --twin @twin.json -q "status = 'enabled'" --start 2030-01-01T00:00:00Z --max-execution-time 2h

Exit status with --wait: 0 if it went well with every device, 7 if not with some, 1 if with none or if the job
failed or was cancelled, 130 after Ctrl-C."#
)]
pub(crate) struct Arguments {
    /// The name of the job, else one that is made up
    #[arg(value_name = "JOB", value_parser = job_name, conflicts_with = "job_id")]
    job: Option<String>,
    /// The name of the job, as an option
    #[arg(long, value_name = "JOB", value_parser = job_name)]
    job_id: Option<String>,
    #[command(flatten)]
    request: RequestArguments,
    /// Wait for its end, and show how far it is
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let made_up;
    let id = match arguments.job.as_ref().or(arguments.job_id.as_ref()) {
        Some(id) => id,
        None => {
            made_up = name()?;
            &made_up
        }
    };
    let request = arguments.request.read(id)?;
    let interrupt = Interrupt::listen()?;
    let hub = Hub::open(&arguments.hub)?;
    let job = hub.service.create_job(&request).await.map_err(|error| explain(&hub, error, id))?;
    if arguments.wait {
        return watch::until_end(&hub, &hub.service.job(id), interrupt, output).await;
    }
    show(&job, output)?;
    if output.is_for_people() {
        remark(&format!("`iothub job watch {id}` shows how far it is"));
    }
    Ok(())
}

/// One that nobody else has.
fn name() -> Result<String, Failure> {
    let chance = getrandom::u64();
    let chance = chance.map_err(|error| Failure::failed(format_args!("no chance for a name: {error}")))?;
    Ok(format!("job-{chance:016x}"))
}
