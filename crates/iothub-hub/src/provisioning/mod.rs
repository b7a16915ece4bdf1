//! The Device Provisioning Service beside the hubs of a process. One of them keeps it; devices register there, and are
//! made in the hub that an enrollment means, which may be another.

mod assigning;
mod attestation;
mod conversation;
mod errand;
mod registering;
mod store;

pub(crate) use assigning::hubs_of;
pub(crate) use attestation::{Attested, By, check};
pub(crate) use conversation::Registrant;
pub use errand::{Deed, Done, Errand, Report};
pub(crate) use registering::{Answer, not_here};
pub use store::{KeptRegistration, ProvisioningStep, Work};
pub(crate) use store::{Provisioning, StatingProvisioning};

/// How the provisioning service is known, and what it assigns devices to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningConfig {
    /// By which devices tell it from others.
    pub id_scope: String,
    /// The host names of the hubs that it assigns devices to, without ports. The first is the hub that keeps it.
    pub hubs: Vec<String>,
    /// The port for MQTT that devices are told with the name of their hub, if that is not the one of convention.
    pub port: Option<u16>,
}

impl ProvisioningConfig {
    /// The scope of a service whose owner has not given one.
    pub const ID_SCOPE: &'static str = "0ne00000000";

    /// The hub of that name, which may have a port behind it. Names of hosts have no case.
    pub(crate) fn hub(&self, name: &str) -> Option<&str> {
        let name = crate::auth::without_port(name);
        self.hubs.iter().find(|hub| hub.eq_ignore_ascii_case(name)).map(String::as_str)
    }

    /// The name of a hub as devices are told it.
    fn address(&self, hub: &str) -> String {
        match self.port {
            None => hub.into(),
            Some(port) => format!("{hub}:{port}"),
        }
    }
}
