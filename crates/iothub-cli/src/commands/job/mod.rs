mod create;
mod list;
mod request;
mod results;
mod retry;
mod watch;

use clap::Subcommand;
use iothub_model::{DeviceJobStatistics, ErrorCode, JobResponse};
use iothub_service::Error;

use crate::clock::shown;
use crate::completion::{completer, jobs};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Work on many devices at once: start it, watch it, and see what came of each device
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(Box<create::Arguments>),
    Watch(watch::Arguments),
    /// Show how far a job is
    #[command(after_help = "Examples:\n  iothub job show reboot-1")]
    Show(NameArguments),
    List(list::Arguments),
    Results(results::Arguments),
    Retry(retry::Arguments),
    /// End a job before it is done
    ///
    /// What has begun with a device ends; with all others it is not begun.
    #[command(after_help = "Examples:\n  iothub job cancel reboot-1")]
    Cancel(NameArguments),
}

/// Which job.
#[derive(clap::Args)]
pub(crate) struct JobArgument {
    /// The name of the job
    #[arg(
        value_name = "JOB",
        value_parser = job_name,
        required_unless_present = "job_id",
        conflicts_with = "job_id",
        add = completer(jobs)
    )]
    job: Option<String>,
    /// The name of the job, as an option
    #[arg(long, value_name = "JOB", value_parser = job_name, add = completer(jobs))]
    job_id: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct NameArguments {
    #[command(flatten)]
    job: JobArgument,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create::run(arguments, output).await,
        Command::Watch(arguments) => watch::run(arguments, output).await,
        Command::Show(arguments) => {
            let hub = Hub::open(&arguments.hub)?;
            let id = arguments.job.id();
            let job = hub.service.get_job(id).await.map_err(|error| explain(&hub, error, id))?;
            show(&job, output)
        }
        Command::List(arguments) => list::run(arguments, output).await,
        Command::Results(arguments) => results::run(arguments, output).await,
        Command::Retry(arguments) => retry::run(arguments, output).await,
        Command::Cancel(arguments) => {
            let hub = Hub::open(&arguments.hub)?;
            let id = arguments.job.id();
            let job = hub.service.cancel_job(id).await.map_err(|error| explain(&hub, error, id))?;
            show(&job, output)
        }
    }
}

impl JobArgument {
    fn id(&self) -> &str {
        let name = self.job.as_ref().or(self.job_id.as_ref());
        name.expect("clap wants exactly one of the two")
    }
}

/// Reads the name of a job.
fn job_name(text: &str) -> Result<String, &'static str> {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(is_good) {
        return Ok(text.to_owned());
    }
    Err("a job is named by 1 to 64 letters, digits and -")
}

const NAME_LEN_MAX: usize = 64;

/// What a person is to know about a request about this job that has no result.
fn explain(hub: &Hub, error: Error, id: &str) -> Failure {
    match error.code() {
        Some(ErrorCode::JobNotFound) => {
            Failure::absent(format_args!("no job named {id} (`iothub job list` shows which there are)"))
                .cause(&error)
        }
        Some(ErrorCode::JobAlreadyExists) => Failure::conflict(format_args!(
            "there was a job named {id} already (see it with `iothub job show {id}`, or take another name)"
        ))
        .cause(&error),
        _ => hub.explain(error, None),
    }
}

fn show(job: &JobResponse, output: &mut Output) -> Result<(), Failure> {
    output.show(job, || record(job))
}

fn record(job: &JobResponse) -> String {
    let date = |date: Option<iothub_model::Date>| date.map(shown).unwrap_or_default();
    let method = job.cloud_to_device_method.as_ref().map(|call| call.method_name.clone());
    let twin = job.update_twin.as_ref().and_then(|update| serde_json::to_string(update).ok());
    table::record([
        ("job", job.job_id.clone()),
        ("type", job.kind.to_string()),
        ("method", method.unwrap_or_default()),
        ("twin", twin.unwrap_or_default()),
        ("condition", job.query_condition.clone().unwrap_or_default()),
        ("status", job.status.to_string()),
        ("devices", job.device_job_statistics.map(counts).unwrap_or_default()),
        ("begins", date(job.start_time)),
        ("ended", date(job.end_time)),
        ("reason", job.failure_reason.clone().unwrap_or_default()),
    ])
}

fn counts(of: DeviceJobStatistics) -> String {
    let mut text = of.device_count.to_string();
    for (count, what) in [
        (of.succeeded_count, "succeeded"),
        (of.failed_count, "failed"),
        (of.running_count, "running"),
        (of.pending_count, "pending"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}
