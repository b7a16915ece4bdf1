//! Work on many devices at once.

mod again;
mod handle;
mod transfer;
mod watch;

use iothub_model::{JobRequest, JobResponse, JobStatus, JobType};

use crate::request::{Request, escaped};
use crate::{Error, Pages, Service};

pub use again::FailedAgain;
pub use handle::Job;
pub use watch::JobWatch;

/// # Jobs on many devices
///
/// All of it takes the right ServiceConnect. [`Job`] is more convenient for a job that is to be watched.
impl Service {
    /// Has a hub do something to all devices that a condition holds for, and gives the job as it was taken in.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `JobAlreadyExists` if there is one of that name, with `ArgumentInvalid` if the request or
    /// its condition cannot be understood, and with `ThrottlingMaxActiveJobCountExceeded` if too many run; see [`Error`]
    /// for others.
    pub async fn create_job(&self, job: &JobRequest) -> Result<JobResponse, Error> {
        self.send(Request::put(path(&job.job_id)?).json(job)).await
    }

    /// Gives a job as it now is.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `JobNotFound`; see [`Error`] for others.
    pub async fn get_job(&self, id: &str) -> Result<JobResponse, Error> {
        self.send(Request::get(path(id)?)).await
    }

    /// Ends a job before it is done: what has not begun is not begun. Gives the job as it then is.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `JobNotFound`; see [`Error`] for others.
    pub async fn cancel_job(&self, id: &str) -> Result<JobResponse, Error> {
        self.send(Request::post(format!("{}/cancel", path(id)?))).await
    }

    /// Prepares to read all jobs, or those of a kind or a status.
    ///
    /// # Errors
    ///
    /// Each page: see [`Error`].
    pub fn jobs(&self, kind: Option<JobType>, status: Option<JobStatus>) -> Pages<JobResponse> {
        let mut request = Request::get("/jobs/v2/query".into());
        if let Some(kind) = kind {
            request = request.choice("jobType", kind.as_str());
        }
        if let Some(status) = status {
            request = request.choice("jobStatus", status.as_str());
        }
        Pages::new(self.clone(), request)
    }
}

fn path(id: &str) -> Result<String, Error> {
    Ok(format!("/jobs/v2/{}", escaped(id)?))
}
