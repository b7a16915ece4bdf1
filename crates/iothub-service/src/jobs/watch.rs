use core::time::Duration;

use iothub_model::{DeviceJobStatistics, JobResponse, JobStatus};
use tokio::time::Instant;

use crate::{Error, Job, clock};

/// What becomes of a job, as it happens. Comes from [`Job::watch`].
#[derive(Debug)]
pub struct JobWatch {
    job: Job,
    last: Option<Seen>,
    pause: Duration,
    next: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    status: JobStatus,
    statistics: Option<DeviceJobStatistics>,
}

impl JobWatch {
    /// The first pause between two looks, and the first after something has happened.
    pub const PAUSE_MIN: Duration = Duration::from_millis(250);
    /// The longest pause. The real service lets a hub of one unit be asked about jobs 100 times a minute.
    pub const PAUSE_MAX: Duration = Duration::from_secs(5);

    pub(super) const fn new(job: Job) -> Self {
        Self { job, last: None, pause: Self::PAUSE_MIN, next: None }
    }

    /// Gives the job as it is the first time, later when its status or one of its numbers has changed, and `None` when
    /// it has been given in its final state. Looks at it after pauses that grow by half for as long as nothing happens.
    ///
    /// May be dropped while it waits, and called again after an error: nothing is missed but states in between.
    ///
    /// # Errors
    ///
    /// As for [`Service::get_job`](crate::Service::get_job).
    pub async fn next(&mut self) -> Result<Option<JobResponse>, Error> {
        if self.last.is_some_and(|seen| seen.status.is_final()) {
            return Ok(None);
        }
        loop {
            if let Some(next) = self.next {
                tokio::time::sleep_until(next).await;
            }
            // Whatever comes of it, an error too, the next look is not sooner.
            self.next = Some(clock::later(self.pause));
            let job = self.job.get().await?;
            let seen = Seen { status: job.status, statistics: job.device_job_statistics };
            if self.last == Some(seen) {
                self.pause = (self.pause * 3 / 2).min(Self::PAUSE_MAX);
                self.next = Some(clock::later(self.pause));
                continue;
            }
            self.last = Some(seen);
            self.pause = Self::PAUSE_MIN;
            self.next = Some(clock::later(self.pause));
            return Ok(Some(job));
        }
    }
}
