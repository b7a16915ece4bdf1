use std::collections::VecDeque;

use iothub_model::{DeviceJob, JobRequest, JobResponse};

use crate::{Error, Job, Pages};

/// Does again what a job did, with the devices that it went wrong with. Comes from [`Job::failed_again`].
///
/// A job names its devices in a condition, whose length has a limit: after many failures it takes several jobs, each of
/// some hundred devices. A hub lets only so many jobs run at a time, and one at a time on the smallest editions:
/// [`Job::wait`] for each before the next.
#[derive(Debug)]
pub struct FailedAgain {
    job: Job,
    failed: Pages<DeviceJob>,
    /// Read, and not in a job yet; at most a page more than one job has.
    devices: VecDeque<String>,
    is_read: bool,
    template: Option<JobRequest>,
}

impl FailedAgain {
    /// Longest condition of a job, in characters. A query may have 8192, and becomes longer than the condition.
    pub const CONDITION_LEN_MAX: usize = 8000;

    pub(super) fn new(job: Job) -> Self {
        let failed = job.failed_devices();
        Self { job, failed, devices: VecDeque::new(), is_read: false, template: None }
    }

    /// Starts a job with as many of the failed devices as it can name, under the name `id`; at once, and with as much
    /// time as the first had. Gives `None`, and starts nothing, when there are no more.
    ///
    /// May be called again after an error: no device is left out.
    ///
    /// # Errors
    ///
    /// As for [`Service::create_job`](crate::Service::create_job); [`Error::NotExpressible`] for a job about modules,
    /// whose names a condition cannot list.
    pub async fn next(&mut self, id: &str) -> Result<Option<Job>, Error> {
        let (condition, count) = loop {
            let (condition, count) = condition(&self.devices);
            if self.is_read || count < self.devices.len() {
                break (condition, count);
            }
            self.read().await?;
        };
        if count == 0 {
            return Ok(None);
        }
        let template = self.template().await?;
        let request = JobRequest { job_id: id.to_owned(), query_condition: Some(condition), ..template };
        let job = self.job.service().start_job(&request).await?;
        self.devices.drain(..count);
        Ok(Some(job))
    }

    async fn read(&mut self) -> Result<(), Error> {
        let Some(page) = self.failed.next().await? else {
            self.is_read = true;
            return Ok(());
        };
        if page.rows.iter().any(|row| row.module_id.is_some()) {
            return Err(Error::NotExpressible {
                what: "the failed modules of a job".into(),
                reason: "no condition lists modules of several devices",
            });
        }
        self.devices.extend(page.rows.into_iter().map(|row| row.device_id));
        Ok(())
    }

    async fn template(&mut self) -> Result<JobRequest, Error> {
        if self.template.is_none() {
            let JobResponse {
                kind, cloud_to_device_method, update_twin, max_execution_time_in_seconds, ..
            } = self.job.get().await?;
            self.template = Some(JobRequest {
                kind,
                cloud_to_device_method,
                update_twin,
                max_execution_time_in_seconds,
                ..JobRequest::default()
            });
        }
        Ok(self.template.clone().unwrap_or_default())
    }
}

/// Names as many devices from the front as there is room for, and says how many.
fn condition(devices: &VecDeque<String>) -> (String, usize) {
    let mut condition = "deviceId IN [".to_owned();
    let mut len = condition.len() + "]".len();
    let mut count = 0;
    for device in devices {
        let name = quoted(device);
        // Names of devices are ASCII, so that bytes are characters.
        len += name.len() + ",".len();
        if len > FailedAgain::CONDITION_LEN_MAX {
            break;
        }
        if count > 0 {
            condition.push(',');
        }
        condition.push_str(&name);
        count += 1;
    }
    condition.push(']');
    (condition, count)
}

/// A text as a constant of the query language.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_devices_until_it_is_full() {
        let devices =
            |names: &[&str]| -> VecDeque<String> { names.iter().map(|&name| name.into()).collect() };
        for (names, text) in [
            (&[][..], "deviceId IN []"),
            (&["a"], "deviceId IN ['a']"),
            (&["a", "it's"], r"deviceId IN ['a','it\'s']"),
        ] {
            assert_eq!(condition(&devices(names)), (text.to_owned(), names.len()));
        }
        for name_len in [1, 12, 128] {
            let name = "'".repeat(name_len);
            let many: VecDeque<String> = core::iter::repeat_n(name, 9000).collect();
            let (text, count) = condition(&many);
            assert!(text.len() <= FailedAgain::CONDITION_LEN_MAX, "{}", text.len());
            assert!(text.len() + 2 * name_len + 3 > FailedAgain::CONDITION_LEN_MAX, "{}", text.len());
            assert_eq!(text.matches(',').count() + 1, count);
        }
    }
}
