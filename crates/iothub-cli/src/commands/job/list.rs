use iothub_model::{JobResponse, JobStatus, JobType};
use serde_json::Value;

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::paged::Paged;
use crate::table;

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
    let mut pages = hub.service.jobs(arguments.job_type, arguments.job_status);
    let mut left = arguments.top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    let mut rows = Paged::new(output);
    while left > 0 {
        let page = pages.next().await.map_err(|error| hub.explain(error, None))?;
        let Some(page) = page else { break };
        let wanted = &page.rows[..page.rows.len().min(left)];
        left -= wanted.len();
        rows.take(wanted)?;
    }
    rows.end(grid)
}

fn grid(rows: &[Value]) -> Option<String> {
    let jobs = rows.iter().filter_map(|row| serde_json::from_value::<JobResponse>(row.clone()).ok());
    let rows = jobs.map(|job| {
        let created = job.created_time.map(shown).unwrap_or_default();
        let of = job.device_job_statistics;
        let count = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        [
            job.job_id.clone(),
            job.kind.to_string(),
            job.status.to_string(),
            created,
            count(of.map(|of| of.device_count)),
            count(of.map(|of| of.failed_count)),
        ]
    });
    Some(table::rows(["JOB", "TYPE", "STATUS", "CREATED", "DEVICES", "FAILED"], rows))
}
