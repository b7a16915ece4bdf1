//! The built program, run the way people and scripts run it: with arguments, variables, pipes and signals.
//!
//! Every test has a [`place::Place`] of its own, so that none meets another's hub, or one that a developer
//! runs; whatever is run has a limit on how long it may say nothing.

// Signals, and the folder in which hubs are found, are those of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "these are all tests")]

mod hub;
mod place;
mod program;

mod completing;
mod configuring;
mod contexts;
mod demo;
mod devices;
mod env;
mod explaining;
mod jobs;
mod keeping;
mod methods;
mod misuse;
mod modules;
mod monitor;
mod naming;
mod piping;
mod policies;
mod provisioning;
mod proxying;
mod querying;
mod sas;
mod secrets;
mod simulating;
mod starting;
mod transfer;
mod twins;
