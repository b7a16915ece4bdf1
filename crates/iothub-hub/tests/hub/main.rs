//! A whole hub in memory and in virtual time: what devices and back ends may expect of it.

mod commands;
mod connecting;
mod methods;
mod recording;
mod registry;
mod secrets;
mod telemetry;
mod twins;
mod world;
