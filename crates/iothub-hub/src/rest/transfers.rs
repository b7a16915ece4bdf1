//! Imports and exports of the whole registry, as jobs.

use iothub_model::{ErrorCode, JobProperties, JobType};
use iothub_proto::Now;

use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::rest::registration::json;
use crate::rest::{Failure, Outcome};

/// Longest container and name of a file, in bytes.
const NAME_MAX: usize = 1024;

impl Hub {
    pub(super) fn create_transfer(
        &mut self,
        now: Now,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let job = checked(json(request.body)?)?;
        if !self.config.transfers {
            let message = "this hub has no folder for imports and exports: start it with `iothub up --transfer-folder DIR`";
            return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
        }
        let number = self.begin_transfer(now, job, effects)?;
        Ok(Outcome::json(200, &self.transfers.told(number), None))
    }

    pub(super) fn list_transfers(&self) -> Result<Outcome, Failure> {
        let all: Vec<JobProperties> =
            self.transfers.iter().filter_map(|(number, _)| self.transfers.told(number)).collect();
        Ok(Outcome::json(200, &all, None))
    }

    pub(super) fn get_transfer(&self, id: &str) -> Result<Outcome, Failure> {
        let number = self.transfer_number(id)?;
        Ok(Outcome::json(200, &self.transfers.told(number), None))
    }

    /// Clients send the id again in `If-Match`, which says nothing more.
    pub(super) fn delete_transfer(
        &mut self,
        now: Now,
        id: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let number = self.transfer_number(id)?;
        self.cancel_transfer(now, number, effects);
        Ok(Outcome::empty(204))
    }

    fn transfer_number(&self, id: &str) -> Result<u64, Failure> {
        let message = || format!("There is no import or export named {id:.128}.");
        self.transfers.number(id).ok_or_else(|| Failure::new(ErrorCode::JobNotFound, message()))
    }
}

fn checked(asked: JobProperties) -> Result<JobProperties, Failure> {
    let is_import = asked.kind == JobType::Import;
    if !is_import && asked.kind != JobType::Export {
        return Err(unfit("type", &format!("{}, and must be import or export", asked.kind)));
    }
    if asked.include_configurations == Some(true) {
        return Err(unfit("includeConfigurations", "configurations are not among what this hub transfers"));
    }
    let (container, wanted) = match is_import {
        true => ("inputBlobContainerUri", &asked.input_blob_container_uri),
        false => ("outputBlobContainerUri", &asked.output_blob_container_uri),
    };
    if wanted.is_none() {
        return Err(unfit(
            container,
            "it is missing; it names a folder below the one that the hub was given",
        ));
    }
    for (member, container) in [
        ("inputBlobContainerUri", &asked.input_blob_container_uri),
        ("outputBlobContainerUri", &asked.output_blob_container_uri),
    ] {
        // What such an address has in it may be secret: it is not repeated.
        if container.as_deref().is_some_and(|uri| uri.contains("://") && !uri.starts_with("file://")) {
            return Err(unfit(member, "it must be a file: URI, or the name of a folder"));
        }
        if container.as_deref().is_some_and(|uri| uri.len() > NAME_MAX) {
            return Err(unfit(member, "it is too long"));
        }
    }
    for (member, name) in
        [("inputBlobName", &asked.input_blob_name), ("outputBlobName", &asked.output_blob_name)]
    {
        let is_plain = |name: &str| {
            !name.contains(['/', '\\', '\0'])
                && !name.starts_with('.')
                && (1..=NAME_MAX).contains(&name.len())
        };
        if name.as_deref().is_some_and(|name| !is_plain(name)) {
            return Err(unfit(member, "it must be the name of a file, without a folder or a dot in front"));
        }
    }
    // What clients send along of what only a hub says does not count.
    Ok(JobProperties {
        job_id: None,
        status: None,
        start_time_utc: None,
        end_time_utc: None,
        progress: None,
        failure_reason: None,
        storage_authentication_type: None,
        identity: None,
        ..asked
    })
}

fn unfit(member: &str, why: &str) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, format!("{member}: {why}"))
}
