//! Who may register with the provisioning service, and who has.

mod enrolled;
pub(crate) mod enrollment;
pub(crate) mod group;
pub(crate) mod registration;
mod shown;
mod terms;
