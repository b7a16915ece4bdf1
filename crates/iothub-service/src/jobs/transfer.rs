use core::time::Duration;

use iothub_model::JobProperties;

use crate::request::{Request, escaped};
use crate::{Error, JobWatch, Service, clock};

/// # Imports and exports of the registry by the hub itself
///
/// The real service reads and writes files in a storage account; a local hub, a folder. All of it takes the right
/// RegistryWrite.
impl Service {
    /// Has a hub read devices from a file, or write them to one, and gives the job with the id that the hub chose.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `JobQuotaExceeded` while another one runs, and with `BlobContainerValidationError` if the
    /// file is out of reach; see [`Error`] for others.
    pub async fn create_transfer(&self, job: &JobProperties) -> Result<JobProperties, Error> {
        self.send(Request::post("/jobs/create".into()).json(job)).await
    }

    /// Gives all imports and exports that are remembered.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_transfers(&self) -> Result<Vec<JobProperties>, Error> {
        self.send(Request::get("/jobs".into())).await
    }

    /// Gives an import or export as it now is.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `JobNotFound`; see [`Error`] for others.
    pub async fn get_transfer(&self, id: &str) -> Result<JobProperties, Error> {
        self.send(Request::get(path(id)?)).await
    }

    /// Waits until nothing happens to an import or export any more, and gives it as it then is. Looks at it after pauses
    /// that grow up to [`JobWatch::PAUSE_MAX`].
    ///
    /// # Errors
    ///
    /// [`Error::Unfinished`] when `deadline` has passed: it goes on. Others as for [`Self::get_transfer`].
    pub async fn wait_for_transfer(&self, id: &str, deadline: Duration) -> Result<JobProperties, Error> {
        let last = async {
            let mut pause = JobWatch::PAUSE_MIN;
            loop {
                let job = self.get_transfer(id).await?;
                if job.status.is_some_and(|status| status.is_final()) {
                    return Ok(job);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(JobWatch::PAUSE_MAX);
            }
        };
        match tokio::time::timeout_at(clock::later(deadline), last).await {
            Ok(result) => result,
            Err(_) => Err(Error::Unfinished { job: id.to_owned(), after: deadline }),
        }
    }

    /// Ends an import or export before it is done. What is done stays.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `JobNotFound`; see [`Error`] for others.
    pub async fn cancel_transfer(&self, id: &str) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(path(id)?)).await
    }
}

fn path(id: &str) -> Result<String, Error> {
    Ok(format!("/jobs/{}", escaped(id)?))
}
