//! A whole hub in memory and in virtual time: what devices and back ends may expect of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod commands;
mod connecting;
mod methods;
mod recording;
mod registry;
mod secrets;
mod telemetry;
mod twins;
mod world;
