use iothub_model::DeviceJob;
use serde_json::Value;

use super::{JobArgument, explain};
use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::paged::Paged;
use crate::table;

/// Show what came of a job with each device
///
/// Of devices that it has not come to yet as well. Rows are written as those of `iothub query`.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub job results reboot-1
  iothub job results reboot-1 --failed -o csv > failed.csv
  iothub job results reboot-1 -o ndjson | jq -r .outcome.deviceMethodResponse.payload"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    job: JobArgument,
    /// Only of devices that it went wrong with
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let job = hub.service.job(arguments.job.id());
    // A query about a job that is not there finds nothing; that is not the same as a job about no device.
    job.get().await.map_err(|error| explain(&hub, error, job.id()))?;
    let mut pages = if arguments.failed { job.failed_devices() } else { job.devices() };
    let (mut rows, mut count) = (Paged::new(output), 0);
    while let Some(page) = pages.next().await.map_err(|error| explain(&hub, error, job.id()))? {
        count += page.rows.len();
        rows.take(&page.rows)?;
    }
    if count == 0 {
        remark("there are none");
    }
    rows.end(grid)
}

fn grid(rows: &[Value]) -> Option<String> {
    let rows = rows.iter().filter_map(|row| serde_json::from_value::<DeviceJob>(row.clone()).ok());
    let rows: Vec<[String; 4]> = rows
        .map(|row| {
            let ended = row.end_time_utc.map(shown).unwrap_or_default();
            [who(&row), row.status.to_string(), ended, came_of(&row)]
        })
        .collect();
    (!rows.is_empty()).then(|| table::rows(["DEVICE", "STATUS", "ENDED", "OUTCOME"], rows))
}

pub(super) fn who(row: &DeviceJob) -> String {
    match &row.module_id {
        None => row.device_id.clone(),
        Some(module) => format!("{}/{module}", row.device_id),
    }
}

/// What came of it, or why nothing did.
pub(super) fn came_of(row: &DeviceJob) -> String {
    let answer = row.outcome.as_ref().and_then(|outcome| outcome.device_method_response.as_ref());
    match (&row.error, answer) {
        (Some(error), _) if error.description.is_empty() => error.code.clone(),
        (Some(error), _) => format!("{}: {}", error.code, error.description),
        (None, Some(answer)) => format!("{} {}", answer.status, answer.payload.get()),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_says_what_came_of_its_device() {
        for (row, line) in [
            (
                json!({"deviceId": "d", "jobId": "j", "status": "completed",
                       "outcome": {"deviceMethodResponse": {"status": 200, "payload": {"a": 1}}}}),
                r#"d completed 200 {"a":1}"#,
            ),
            (
                json!({"deviceId": "d", "moduleId": "m", "jobId": "j", "status": "failed",
                       "error": {"code": "404001", "description": "DeviceNotFound"}}),
                "d/m failed 404001: DeviceNotFound",
            ),
            (json!({"deviceId": "d", "jobId": "j", "status": "pending"}), "d pending"),
        ] {
            let grid = grid(&[row]).unwrap();
            let last = grid.lines().nth(1).unwrap();
            assert_eq!(last.split_whitespace().collect::<Vec<_>>().join(" "), line);
        }
    }
}
