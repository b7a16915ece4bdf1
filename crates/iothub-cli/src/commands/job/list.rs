use iothub_model::{JobResponse, JobStatus, JobType};

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::paged::Paged;

/// List the jobs that the hub remembers
///
/// Of the last 30 days. Rows are written as those of `iothub query`.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub job list
  iothub job list --job-status running -o ndjson | jq -r .jobId"#)]
pub(crate) struct Arguments {
    /// Only those that do this: scheduleDeviceMethod or scheduleUpdateTwin
    #[arg(long, visible_alias = "jt", value_name = "TYPE")]
    job_type: Option<JobType>,
    /// Only those that are so far: queued, scheduled, running, completed, failed or cancelled
    #[arg(long, visible_alias = "js", value_name = "STATUS")]
    job_status: Option<JobStatus>,
    /// End after this many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let pages = hub.service.jobs(arguments.job_type, arguments.job_status);
    let mut rows = Paged::new(output);
    rows.take_all(pages, arguments.top, &hub).await?;
    rows.end_beneath(["JOB", "TYPE", "STATUS", "CREATED", "DEVICES", "FAILED"], cells)
}

fn cells(job: JobResponse) -> [String; 6] {
    let created = job.created_time.map(shown).unwrap_or_default();
    let of = job.device_job_statistics;
    let count = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
    [
        job.job_id,
        job.kind.to_string(),
        job.status.to_string(),
        created,
        count(of.map(|of| of.device_count)),
        count(of.map(|of| of.failed_count)),
    ]
}
