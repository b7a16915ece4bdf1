use iothub_model::{DeviceJob, JobResponse, JobStatus};
use iothub_service::Job;

use super::{JobArgument, explain, results, show};
use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::progress::{Progress, Reached};
use crate::signals::Interrupt;

/// Watch a job until it ends
///
/// Standard error shows how far it is, and in the end with which devices it went wrong; the result is the job as it has
/// ended. Ctrl-C ends the watching only: the job goes on.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub job watch reboot-1
  iothub job watch reboot-1 -o json | jq .deviceJobStatistics

Exit status: 0 if it went well with every device, 7 if not with some, 1 if with none or if the job failed or
was cancelled, 130 after Ctrl-C."#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    job: JobArgument,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    let hub = Hub::open(&arguments.hub)?;
    until_end(&hub, &hub.service.job(arguments.job.id()), interrupt, output).await
}

/// Shows how far a job is until it ends, and then what came of it.
pub(super) async fn until_end(
    hub: &Hub,
    job: &Job,
    mut interrupt: Interrupt,
    output: &mut Output,
) -> Result<(), Failure> {
    let id = job.id();
    let goes_on = || {
        Failure::interrupted(format_args!("job {id} goes on (watch it again with `iothub job watch {id}`)"))
    };
    let last = interrupt.during(follow(hub, job), goes_on).await?;
    interrupt.during(tell_failures(hub, job, &last), goes_on).await?;
    show(&last, output)?;
    verdict(&last)
}

async fn follow(hub: &Hub, job: &Job) -> Result<JobResponse, Failure> {
    let mut progress = Progress::begin("devices");
    let mut watch = job.watch();
    let mut last = None;
    loop {
        let now = match watch.next().await {
            Ok(now) => now,
            Err(error) => {
                let failure = explain(hub, error, job.id());
                return Err(if last.is_some() { still_there(job, &progress, failure) } else { failure });
            }
        };
        let Some(now) = now else { break };
        if now.status == JobStatus::Scheduled && last.is_none() {
            let start = now.start_time.map(shown).unwrap_or_else(|| "its time".into());
            progress.remark(&format!("job {} begins at {start}", job.id()));
        }
        let of = now.device_job_statistics.unwrap_or_default();
        let share = (of.device_count > 0).then(|| of.done_count() as f64 / of.device_count as f64);
        progress.show(Reached { done: of.done_count(), failed: of.failed_count, share });
        last = Some(now);
    }
    Ok(last.expect("a watch gives the job at least once"))
}

/// That nobody can be asked any more does not end a job.
fn still_there(job: &Job, progress: &Progress, failure: Failure) -> Failure {
    progress.remark(&format!("job {0} may go on: `iothub job watch {0}` asks again", job.id()));
    failure
}

async fn tell_failures(hub: &Hub, job: &Job, last: &JobResponse) -> Result<(), Failure> {
    let of = last.device_job_statistics.unwrap_or_default();
    if last.status == JobStatus::Completed && of.device_count == 0 {
        remark("the condition holds for no device");
    }
    if of.failed_count == 0 {
        return Ok(());
    }
    let (mut pages, mut told) = (job.failed_devices(), 0);
    while let Some(page) = pages.next().await.map_err(|error| explain(hub, error, job.id()))? {
        for row in page.rows {
            if told == FAILURES_TOLD {
                remark(&format!("and others (`iothub job results {} --failed` shows all)", job.id()));
                return Ok(());
            }
            told += 1;
            remark(&complaint(&row));
        }
    }
    Ok(())
}

fn complaint(row: &DeviceJob) -> String {
    format!("{}: {}", results::who(row), results::came_of(row))
}

fn verdict(job: &JobResponse) -> Result<(), Failure> {
    let id = &job.job_id;
    let of = job.device_job_statistics.unwrap_or_default();
    let again = format!("`iothub job retry {id}` does it again with those");
    match (job.status, of.failed_count, of.succeeded_count) {
        (JobStatus::Cancelled, _, _) => Err(Failure::failed(format_args!("job {id} was cancelled"))),
        (JobStatus::Failed, _, _) => {
            let reason = job.failure_reason.as_deref().or(job.status_message.as_deref());
            Err(Failure::failed(format_args!(
                "job {id} failed: {}",
                reason.unwrap_or("the hub does not say why")
            )))
        }
        (_, 0, _) => Ok(()),
        (_, failed, 0) => {
            Err(Failure::failed(format_args!("job {id} went wrong with all {failed} devices ({again})")))
        }
        (_, failed, _) => Err(Failure::partial(format_args!(
            "job {id} went wrong with {failed} of {} devices ({again})",
            of.device_count
        ))),
    }
}

/// More than a person reads.
const FAILURES_TOLD: usize = 100;

#[cfg(test)]
mod tests {
    use iothub_model::DeviceJobStatistics;

    use super::*;

    #[test]
    fn a_job_ends_well_only_if_it_went_well_with_every_device() {
        for (status, failed_count, succeeded_count, line) in [
            (JobStatus::Completed, 0, 5, None),
            (JobStatus::Completed, 0, 0, None),
            (
                JobStatus::Completed,
                1,
                4,
                Some("job j went wrong with 1 of 5 devices (`iothub job retry j` does it again with those)"),
            ),
            (
                JobStatus::Completed,
                5,
                0,
                Some("job j went wrong with all 5 devices (`iothub job retry j` does it again with those)"),
            ),
            (JobStatus::Cancelled, 1, 4, Some("job j was cancelled")),
            (JobStatus::Failed, 0, 0, Some("job j failed: no such condition")),
        ] {
            let device_count = failed_count + succeeded_count;
            let job = JobResponse {
                job_id: "j".into(),
                status,
                failure_reason: Some("no such condition".into()),
                device_job_statistics: Some(DeviceJobStatistics {
                    device_count,
                    failed_count,
                    succeeded_count,
                    ..DeviceJobStatistics::default()
                }),
                ..JobResponse::default()
            };
            let said = verdict(&job).err().map(|failure| failure.to_string());
            assert_eq!(said.as_deref(), line);
        }
    }
}
