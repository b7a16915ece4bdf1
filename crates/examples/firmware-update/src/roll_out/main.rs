//! A back end that rolls out firmware: `roll-out JOB CONDITION VERSION SHA256`.
//!
//! Takes the connection string of a policy from `IOTHUB_CONNECTION_STRING`, and from `IOTHUB_CA_FILE` the certificate of a
//! hub of your own. The condition is one of the query language, such as `tags.site = 'north'`, or `*`. What is wanted is
//! written into the twins by one job, so that devices that are offline find it when they come back. The same from the
//! command line:
//!
//! ```console
//! $ iothub job run roll-out-2 --wait --desired '{"firmware":{"version":"2.0.0","sha256":"…"}}' --condition "*"
//! ```

use core::error::Error;
use core::time::Duration;
use std::env;

use iothub_model::{JobRequest, JobType, TwinUpdate};
use iothub_service::{Options, Service};
use serde_json::{from_value, json};

/// How long writing the twins may take.
const WITHIN: Duration = Duration::from_secs(600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [job, condition, version, sha256] = arguments.as_slice() else {
        return Err("roll-out JOB CONDITION VERSION SHA256".into());
    };
    let mut options = Options::from_connection_string(&env::var("IOTHUB_CONNECTION_STRING")?)?;
    if let Ok(file) = env::var("IOTHUB_CA_FILE") {
        options = options.ca(&std::fs::read(file)?)?;
    }
    let wanted = json!({ "firmware": { "version": version, "sha256": sha256 } });
    let update: TwinUpdate = from_value(json!({ "etag": "*", "properties": { "desired": wanted } }))?;
    let request = JobRequest {
        job_id: job.clone(),
        kind: JobType::ScheduleUpdateTwin,
        update_twin: Some(update),
        query_condition: Some(condition.clone()),
        ..JobRequest::default()
    };
    let job = Service::new(options)?.start_job(&request).await?.wait(WITHIN).await?;
    println!("{}: {}", job.job_id, job.status.as_str());
    Ok(())
}
