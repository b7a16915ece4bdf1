//! A device's conversation with the Device Provisioning Service: one request, and as many questions about it as it takes.

mod session;
#[cfg(test)]
mod tests;

pub use session::{RegisteringEvent, RegistrationSession};
