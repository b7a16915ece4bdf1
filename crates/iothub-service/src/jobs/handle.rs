use core::time::Duration;

use iothub_model::{DeviceJob, JobRequest, JobResponse};

use crate::{Error, FailedAgain, JobWatch, Pages, Service, clock};

/// One job. Comes from [`Service::start_job`] or [`Service::job`]; dropping it does nothing to the job.
///
/// ```no_run
/// use core::time::Duration;
///
/// use iothub_model::{JobRequest, JobType, MethodInvocation};
/// use iothub_service::Service;
///
/// # async fn reboot(service: &Service) -> Result<(), iothub_service::Error> {
/// let request = JobRequest {
///     job_id: "reboot-p1".into(),
///     kind: JobType::ScheduleDeviceMethod,
///     cloud_to_device_method: Some(MethodInvocation::new("reboot")),
///     query_condition: Some("tags.plant = 'p1'".into()),
///     max_execution_time_in_seconds: Some(600),
///     ..JobRequest::default()
/// };
/// let job = service.start_job(&request).await?;
/// let mut watch = job.watch();
/// while let Some(now) = watch.next().await? {
///     let devices = now.device_job_statistics.unwrap_or_default();
///     println!("{}: {} of {}, {} failed", now.status, devices.done_count(), devices.device_count, devices.failed_count);
/// }
///
/// // One job names some hundred devices only, so that there may be several.
/// let (mut again, mut number) = (job.failed_again(), 1);
/// while let Some(job) = again.next(&format!("reboot-p1-again-{number}")).await? {
///     job.wait(Duration::from_secs(600)).await?;
///     number += 1;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Job {
    service: Service,
    id: String,
}

/// # Jobs, continued
impl Service {
    /// [`Self::create_job`], and a handle on it.
    ///
    /// # Errors
    ///
    /// As for [`Self::create_job`].
    pub async fn start_job(&self, job: &JobRequest) -> Result<Job, Error> {
        self.create_job(job).await?;
        Ok(self.job(&job.job_id))
    }

    /// A handle on a job that may be there. Nothing is sent yet.
    pub fn job(&self, id: &str) -> Job {
        Job { service: self.clone(), id: id.to_owned() }
    }
}

impl Job {
    /// Waits until nothing happens to the job any more, and gives it as it then is: completed, failed or cancelled, and
    /// with failures of single devices in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Unfinished`] when `deadline` has passed: the job goes on. Others as for [`Service::get_job`].
    pub async fn wait(&self, deadline: Duration) -> Result<JobResponse, Error> {
        let mut watch = self.watch();
        let last = async {
            let mut last = None;
            while let Some(now) = watch.next().await? {
                last = Some(now);
            }
            Ok(last.expect("a watch gives the job at least once"))
        };
        match tokio::time::timeout_at(clock::later(deadline), last).await {
            Ok(result) => result,
            Err(_) => Err(Error::Unfinished { job: self.id.clone(), after: deadline }),
        }
    }

    /// Begins to watch what becomes of the job.
    pub fn watch(&self) -> JobWatch {
        JobWatch::new(self.clone())
    }

    /// Gives the job as it now is.
    ///
    /// # Errors
    ///
    /// As for [`Service::get_job`].
    pub async fn get(&self) -> Result<JobResponse, Error> {
        self.service.get_job(&self.id).await
    }

    /// Ends it before it is done.
    ///
    /// # Errors
    ///
    /// As for [`Service::cancel_job`].
    pub async fn cancel(&self) -> Result<JobResponse, Error> {
        self.service.cancel_job(&self.id).await
    }

    /// Prepares to read how it went with each device.
    ///
    /// # Errors
    ///
    /// Each page as for [`Service::query`].
    pub fn devices(&self) -> Pages<DeviceJob> {
        self.service.pages(&self.rows(""))
    }

    /// Prepares to read of which devices it went wrong with, and why.
    ///
    /// # Errors
    ///
    /// Each page as for [`Service::query`].
    pub fn failed_devices(&self) -> Pages<DeviceJob> {
        self.service.pages(&self.rows(" AND devices.jobs.status = 'failed'"))
    }

    /// Prepares to do the same again, with the devices that it went wrong with. The job should have ended: devices that
    /// fail later are perhaps not among them.
    pub fn failed_again(&self) -> FailedAgain {
        FailedAgain::new(self.clone())
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn service(&self) -> &Service {
        &self.service
    }

    fn rows(&self, further: &str) -> String {
        format!(
            "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = {}{further}",
            super::again::quoted(&self.id)
        )
    }
}
