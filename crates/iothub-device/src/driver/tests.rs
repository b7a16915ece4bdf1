//! The driver against the hub's end of the protocol, in memory and in virtual time.

mod calls;
mod cancelling;
mod connection;
mod credentials;
mod ending;
mod enqueueing;
mod handlers;
mod hub;
mod introducing;
mod looking_up;
#[cfg(feature = "outbox")]
mod outbox;
mod renewing;
mod reporting;
mod silence;
mod staying;
mod subscribing;
mod telemetry;
mod telling;
mod twin;
