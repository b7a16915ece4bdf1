use core::ops::Bound;
use std::collections::BTreeMap;

use iothub_model::{
    DeviceRegistrationState, EnrollmentGroup, ExportImportDevice, IndividualEnrollment, InitialTwin,
};
use serde::{Deserialize, Serialize};

/// What the provisioning service knows: who may register, and who has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provisioning {
    /// Whether it has ever begun here.
    pub(crate) has_begun: bool,
    enrollments: BTreeMap<String, IndividualEnrollment>,
    groups: BTreeMap<String, EnrollmentGroup>,
    registrations: BTreeMap<String, KeptRegistration>,
}

/// One step of what a provisioning service knows, as it is recorded. Names have no case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ProvisioningStep {
    /// The service serves for the first time.
    Began,
    /// An individual enrollment was made or changed.
    EnrollmentSet {
        /// All of it.
        enrollment: Box<IndividualEnrollment>,
    },
    /// An individual enrollment was deleted.
    EnrollmentRemoved {
        /// Under which name.
        id: String,
    },
    /// An enrollment group was made or changed.
    GroupSet {
        /// All of it.
        group: Box<EnrollmentGroup>,
    },
    /// An enrollment group was deleted.
    GroupRemoved {
        /// Its name.
        id: String,
    },
    /// A device registers, or has.
    RegistrationSet {
        /// How that stands.
        registration: Box<KeptRegistration>,
    },
    /// All of an individual enrollment, as it was. Changes nothing in the hub that records it.
    EnrollmentStated {
        /// All of it.
        enrollment: Box<IndividualEnrollment>,
    },
    /// All of a registration, as it was. Changes nothing in the hub that records it.
    RegistrationStated {
        /// All of it.
        registration: Box<KeptRegistration>,
    },
    /// A registration is forgotten.
    RegistrationRemoved {
        /// Under which name.
        id: String,
    },
}

/// How a registration stands, and what is still to be done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptRegistration {
    /// What its device and back ends are told.
    pub state: DeviceRegistrationState,
    /// Names what was done about it last.
    pub operation: String,
    /// What is still to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
}

/// What is still to be done about a registration. Each part can be done twice without harm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Work {
    /// The twin is to be read in the hub where the device was.
    Read {
        /// Which hub.
        from: String,
        /// What is made of it then.
        entry: Box<ExportImportDevice>,
        /// What the twin begins with if there is none.
        initial: Box<InitialTwin>,
    },
    /// The device is to be made where it belongs.
    Place {
        /// The device.
        entry: Box<ExportImportDevice>,
        /// What its twin begins with if it is not there.
        initial: Box<InitialTwin>,
        /// Where it is to be deleted then.
        from: Option<String>,
    },
    /// The device is to be deleted where it was.
    Remove {
        /// In which hub.
        from: String,
    },
}

impl Provisioning {
    /// Most individual enrollments.
    pub(crate) const ENROLLMENTS_MAX: usize = 100_000;
    /// Most groups. Whoever is in none of the enrollments is compared with each of them.
    pub(crate) const GROUPS_MAX: usize = 100;
    /// Most registrations.
    pub(crate) const REGISTRATIONS_MAX: usize = 1_000_000;

    pub(crate) fn apply(&mut self, step: &ProvisioningStep) {
        match step {
            ProvisioningStep::Began => self.has_begun = true,
            ProvisioningStep::EnrollmentSet { enrollment }
            | ProvisioningStep::EnrollmentStated { enrollment } => {
                self.enrollments.insert(folded(&enrollment.registration_id), (**enrollment).clone());
            }
            ProvisioningStep::EnrollmentRemoved { id } => drop(self.enrollments.remove(&folded(id))),
            ProvisioningStep::GroupSet { group } => {
                self.groups.insert(folded(&group.enrollment_group_id), (**group).clone());
            }
            ProvisioningStep::GroupRemoved { id } => drop(self.groups.remove(&folded(id))),
            ProvisioningStep::RegistrationSet { registration }
            | ProvisioningStep::RegistrationStated { registration } => {
                let id = folded(&registration.state.registration_id);
                self.registrations.insert(id, (**registration).clone());
            }
            ProvisioningStep::RegistrationRemoved { id } => drop(self.registrations.remove(&folded(id))),
        }
    }

    /// What there are only few of, as steps that lead to it.
    pub(crate) fn few(&self) -> impl Iterator<Item = ProvisioningStep> {
        let began = self.has_begun.then_some(ProvisioningStep::Began);
        let groups = self.groups.values();
        let groups = groups.map(|group| ProvisioningStep::GroupSet { group: Box::new(group.clone()) });
        began.into_iter().chain(groups)
    }

    pub(crate) fn enrollment(&self, id: &str) -> Option<&IndividualEnrollment> {
        self.enrollments.get(&folded(id))
    }

    pub(crate) fn group(&self, id: &str) -> Option<&EnrollmentGroup> {
        self.groups.get(&folded(id))
    }

    pub(crate) fn registration(&self, id: &str) -> Option<&KeptRegistration> {
        self.registrations.get(&folded(id))
    }

    /// Individual enrollments in the order of their names, from behind one on.
    pub(crate) fn enrollments(&self, after: Option<&str>) -> impl Iterator<Item = &IndividualEnrollment> {
        self.enrollments.range(behind(after)).map(|(_, enrollment)| enrollment)
    }

    pub(crate) fn groups(&self, after: Option<&str>) -> impl Iterator<Item = &EnrollmentGroup> {
        self.groups.range(behind(after)).map(|(_, group)| group)
    }

    pub(crate) fn registrations(&self, after: Option<&str>) -> impl Iterator<Item = &KeptRegistration> {
        self.registrations.range(behind(after)).map(|(_, registration)| registration)
    }

    pub(crate) fn has_room_for_enrollments(&self) -> bool {
        self.enrollments.len() < Self::ENROLLMENTS_MAX
    }

    pub(crate) fn has_room_for_groups(&self) -> bool {
        self.groups.len() < Self::GROUPS_MAX
    }

    pub(crate) fn has_room_for_registrations(&self) -> bool {
        self.registrations.len() < Self::REGISTRATIONS_MAX
    }
}

/// How far a hub has come that states enrollments and registrations anew, a part at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatingProvisioning {
    /// The last enrollment that was stated.
    enrollment: Option<String>,
    /// The last registration that was stated. They come behind all enrollments.
    registration: Option<String>,
}

impl StatingProvisioning {
    /// What was stated is in the record, too: a hub that is restored goes on from there.
    pub(crate) fn has_reached(&mut self, step: &ProvisioningStep) {
        match step {
            ProvisioningStep::EnrollmentStated { enrollment } => {
                self.enrollment = Some(enrollment.registration_id.clone());
            }
            ProvisioningStep::RegistrationStated { registration } => {
                self.registration = Some(registration.state.registration_id.clone());
            }
            ProvisioningStep::Began
            | ProvisioningStep::EnrollmentSet { .. }
            | ProvisioningStep::EnrollmentRemoved { .. }
            | ProvisioningStep::GroupSet { .. }
            | ProvisioningStep::GroupRemoved { .. }
            | ProvisioningStep::RegistrationSet { .. }
            | ProvisioningStep::RegistrationRemoved { .. } => {}
        }
    }

    /// States as many more; `false` when all are stated.
    pub(crate) fn state(
        &mut self,
        provisioning: &Provisioning,
        count: usize,
        state: &mut impl FnMut(ProvisioningStep),
    ) -> bool {
        let mut left = count;
        if self.registration.is_none() {
            for enrollment in provisioning.enrollments(self.enrollment.clone().as_deref()).take(left) {
                self.enrollment = Some(enrollment.registration_id.clone());
                state(ProvisioningStep::EnrollmentStated { enrollment: Box::new(enrollment.clone()) });
                left -= 1;
            }
        }
        for registration in provisioning.registrations(self.registration.clone().as_deref()).take(left) {
            self.registration = Some(registration.state.registration_id.clone());
            state(ProvisioningStep::RegistrationStated { registration: Box::new(registration.clone()) });
            left -= 1;
        }
        left == 0
    }
}

impl ProvisioningStep {
    /// Whether it says only what is so already.
    pub const fn is_restated(&self) -> bool {
        matches!(self, Self::EnrollmentStated { .. } | Self::RegistrationStated { .. })
    }
}

/// Names differ in more than case.
fn folded(id: &str) -> String {
    id.to_ascii_lowercase()
}

fn behind(after: Option<&str>) -> (Bound<String>, Bound<String>) {
    (after.map_or(Bound::Unbounded, |id| Bound::Excluded(folded(id))), Bound::Unbounded)
}
