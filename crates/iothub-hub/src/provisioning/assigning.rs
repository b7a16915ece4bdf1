//! In which hub a device belongs, and how it gets there.

use iothub_model::{
    AllocationPolicy, EnrollmentTerms, ErrorCode, ExportImportDevice, ImportedProperties, InitialTwin, Patch,
    RegistrationStatus, RegistrationSubstatus,
};
use iothub_proto::Now;
use sha2::{Digest, Sha256};

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::notice::{Level, Notice};
use crate::provisioning::{Attested, Deed, Done, Errand, KeptRegistration, ProvisioningConfig, Report, Work};
use crate::rest::Failure;
use crate::twin::date;

/// Where a device belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The host name that devices are told.
    pub(super) hub: String,
    pub(super) device: String,
    pub(super) substatus: RegistrationSubstatus,
    /// What is to be done for it, if anything is.
    pub(super) work: Option<Move>,
}

/// How a device gets where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// It is made there, or stays with what it has.
    Stay,
    /// It is made there, or stays, and its twin begins anew; and it is deleted where it was.
    Reset { from: Option<String> },
    /// Its twin goes with it from that hub.
    Migrate { from: String },
}

/// Chooses the hub for a device, with regard to where it was, if it has registered before.
pub(super) fn assigned(
    config: &ProvisioningConfig,
    terms: &EnrollmentTerms,
    device: String,
    before: Option<&KeptRegistration>,
) -> Result<Assignment, Failure> {
    let chosen = allocated(config, terms, &device)?;
    let policy = terms.reprovision_policy.unwrap_or_default();
    let place = |hub: &str| config.address(hub);
    let was = before.and_then(|kept| {
        let hub = config.hub(kept.state.assigned_hub.as_deref()?)?;
        Some((hub, kept.state.device_id.clone()?, kept))
    });
    let Some((old, old_device, kept)) = was else {
        let substatus = RegistrationSubstatus::InitialAssignment;
        return Ok(Assignment { hub: place(chosen), device, substatus, work: Some(Move::Stay) });
    };
    let again = RegistrationSubstatus::ReprovisionedToInitialAssignment;
    if !policy.update_hub_assignment {
        let substatus = kept.state.substatus.unwrap_or(again);
        return Ok(Assignment { hub: place(old), device: old_device, substatus, work: None });
    }
    let moved = old != chosen;
    let from = moved.then(|| old.to_owned());
    let (substatus, work) = match (from, policy.migrate_device_data) {
        (None, true) => (again, Move::Stay),
        (Some(from), true) => (RegistrationSubstatus::DeviceDataMigrated, Move::Migrate { from }),
        (from, false) => (RegistrationSubstatus::DeviceDataReset, Move::Reset { from }),
    };
    Ok(Assignment { hub: place(chosen), device, substatus, work: Some(work) })
}

/// The hub that the policy of an enrollment means for a device.
fn allocated<'c>(
    config: &'c ProvisioningConfig,
    terms: &EnrollmentTerms,
    device: &str,
) -> Result<&'c str, Failure> {
    let hubs = hubs_of(config, terms)?;
    let at = match terms.allocation_policy.unwrap_or_default() {
        AllocationPolicy::Static => 0,
        AllocationPolicy::Hashed => hashed(device, hubs.len()),
        policy @ (AllocationPolicy::GeoLatency | AllocationPolicy::Custom) => {
            let message = format!("allocationPolicy {policy} is not served here: hashed and static are");
            return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
        }
    };
    hubs.get(at).copied().ok_or_else(|| {
        Failure::new(ErrorCode::ArgumentInvalid, "the enrollment has no hub to assign devices to")
    })
}

/// Sees to it that hubs are those of this process, and gives them: all of them if none are named.
pub(crate) fn hubs_of<'c>(
    config: &'c ProvisioningConfig,
    terms: &EnrollmentTerms,
) -> Result<Vec<&'c str>, Failure> {
    let named: Vec<&String> = match &terms.iot_hub_host_name {
        Some(name) => vec![name],
        None => terms.iot_hubs.iter().flatten().collect(),
    };
    if named.is_empty() {
        return Ok(config.hubs.iter().map(String::as_str).collect());
    }
    let known = |name: &&String| {
        config.hub(name).ok_or_else(|| {
            let message = format!("{name:.256?} is not a hub of this process: {}", config.hubs.join(", "));
            Failure::new(ErrorCode::ArgumentInvalid, message)
        })
    };
    named.iter().map(known).collect()
}

/// One of so many, evenly by name and the same each time.
fn hashed(name: &str, count: usize) -> usize {
    let digest: [u8; 32] = Sha256::digest(name.to_ascii_lowercase()).into();
    let (head, _) = digest.split_first_chunk::<4>().expect("32 bytes are more than 4");
    let number = usize::try_from(u32::from_be_bytes(*head)).unwrap_or_default();
    number.checked_rem(count).unwrap_or_default()
}

impl Move {
    pub(super) fn into_work(
        self,
        attested: &Attested,
        terms: &EnrollmentTerms,
        device: &str,
        initial: Box<InitialTwin>,
    ) -> Work {
        let mut entry = Box::new(ExportImportDevice {
            id: device.into(),
            authentication: Some(attested.authentication(terms)),
            capabilities: terms.capabilities,
            ..ExportImportDevice::default()
        });
        match self {
            Self::Stay => Work::Place { entry, initial, from: None },
            Self::Migrate { from } => Work::Read { from, entry, initial },
            Self::Reset { from } => {
                entry.tags = Patch::Value(initial.tags.clone());
                entry.properties = ImportedProperties {
                    desired: Patch::Value(initial.properties.desired.clone()),
                    reported: Patch::Value(iothub_model::Object::new()),
                };
                Work::Place { entry, initial, from }
            }
        }
    }
}

impl Hub {
    /// Does what is still to be done about a registration, as far as this hub can, and has others do the rest.
    pub(crate) fn go_on_registering(&mut self, now: Now, id: &str, effects: &mut Effects) {
        while let Some((hub, errand)) = self.next_errand(id) {
            let here = self.config.provisioning.as_ref().and_then(|config| config.hubs.first());
            if here != Some(&hub) {
                effects.push(Effect::Delegate { hub, errand });
                return;
            }
            let done = self.perform_deed(now, &errand.deed, effects);
            self.registering_went_on(now, id, done, effects);
        }
    }

    /// Another hub has done what it was to do for a registration.
    pub(crate) fn reported(&mut self, now: Now, report: Report, effects: &mut Effects) {
        let Report { registration: id, operation, done } = report;
        let is_awaited = |kept: &KeptRegistration| kept.operation == operation && kept.work.is_some();
        // Its enrollment may be gone, or the device may have begun anew.
        if self.provisioning.registration(&id).is_some_and(is_awaited) {
            self.registering_went_on(now, &id, done, effects);
            self.go_on_registering(now, &id, effects);
        }
    }

    /// Goes on with what the process that ended has not finished.
    pub(crate) fn resume_registrations(&mut self, now: Now, effects: &mut Effects) {
        let unfinished = |kept: &&KeptRegistration| kept.work.is_some();
        let unfinished = self.provisioning.registrations(None).filter(unfinished);
        let ids: Vec<String> = unfinished.map(|kept| kept.state.registration_id.clone()).collect();
        for id in ids {
            self.go_on_registering(now, &id, effects);
        }
    }

    fn next_errand(&self, id: &str) -> Option<(String, Errand)> {
        let kept = self.provisioning.registration(id)?;
        let config = self.config.provisioning.as_ref()?;
        let assigned = kept.state.assigned_hub.as_deref().unwrap_or_default();
        let device = kept.state.device_id.clone().unwrap_or_default();
        let (hub, deed) = match kept.work.clone()? {
            Work::Read { from, .. } => (from, Deed::Read { device }),
            Work::Place { entry, initial, .. } => {
                let hub = config.hub(assigned).unwrap_or(assigned).to_owned();
                (hub, Deed::Place { entry, initial })
            }
            Work::Remove { from } => (from, Deed::Remove { device }),
        };
        let errand = Errand { registration: id.into(), operation: kept.operation.clone(), deed };
        Some((hub, errand))
    }

    fn registering_went_on(&mut self, now: Now, id: &str, done: Done, effects: &mut Effects) {
        let Some(mut kept) = self.provisioning.registration(id).cloned() else { return };
        kept.work = match (kept.work.take(), done) {
            (Some(Work::Read { from, mut entry, initial }), Done::Read(twin)) => {
                if let Some(twin) = twin {
                    (entry.tags, entry.properties) = (twin.tags, twin.properties);
                }
                Some(Work::Place { entry, initial, from: Some(from) })
            }
            (Some(Work::Place { from: Some(from), .. }), Done::Placed) => Some(Work::Remove { from }),
            (Some(Work::Place { from: None, .. }), Done::Placed)
            | (Some(Work::Remove { .. }), Done::Removed) => {
                kept.state.status = RegistrationStatus::Assigned;
                None
            }
            (work, Done::Failed { why }) => {
                kept.state.assigned_hub = self.whereabouts(work, kept.state.assigned_hub.take());
                self.registration_failed(&mut kept, why, effects);
                None
            }
            // What came of something else than what is being done.
            (work, Done::Read(_) | Done::Placed | Done::Removed) => work,
        };
        kept.state.last_updated_date_time_utc = date(now.timestamp);
        self.log_registration(&kept, effects);
        self.keep_registration(kept, effects);
    }

    /// The hub of a device after what it was to do has failed, so that the next attempt begins there.
    fn whereabouts(&self, failed: Option<Work>, assigned: Option<String>) -> Option<String> {
        match failed? {
            Work::Read { from, .. } | Work::Place { from: Some(from), .. } => {
                Some(self.config.provisioning.as_ref()?.address(&from))
            }
            Work::Place { from: None, .. } => None,
            Work::Remove { .. } => assigned,
        }
    }

    fn registration_failed(&self, kept: &mut KeptRegistration, why: String, effects: &mut Effects) {
        effects.push(Effect::Log(Notice {
            level: Level::Warn,
            peer: None,
            who: Some(kept.state.registration_id.clone()),
            what: "registration failed",
            rule: None,
            why: why.clone(),
        }));
        kept.state.status = RegistrationStatus::Failed;
        kept.state.error_code = Some(ErrorCode::ServerError.number());
        kept.state.error_message = Some(why);
    }

    fn log_registration(&self, kept: &KeptRegistration, effects: &mut Effects) {
        if kept.state.status != RegistrationStatus::Assigned {
            return;
        }
        let (hub, device) = (&kept.state.assigned_hub, &kept.state.device_id);
        let hub = hub.as_deref().unwrap_or_default();
        let device = device.as_deref().unwrap_or_default();
        effects.push(Effect::Log(Notice {
            level: Level::Info,
            peer: None,
            who: Some(kept.state.registration_id.clone()),
            what: "registered",
            rule: None,
            why: format!("as device {device} of {hub}"),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_spread_evenly_and_each_stays_where_it_is() {
        let mut counts = [0_u32; 3];
        for number in 0..3000 {
            let at = hashed(&format!("Pump-{number}"), counts.len());
            assert_eq!(at, hashed(&format!("pump-{number}"), counts.len()));
            counts[at] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
        assert_eq!(hashed("pump", 0), 0);
    }
}
