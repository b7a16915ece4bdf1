//! A whole hub in memory and in virtual time: what devices and back ends may expect of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a look for one kind of packet passes over all others")]

mod announcing;
mod bulk;
mod certificates;
mod commands;
mod configurations;
mod configurations_at_random;
mod configuring;
mod connecting;
mod dialects;
mod digital_twins;
mod feedback;
mod fetching;
mod indexing;
mod jobs;
mod methods;
mod policies;
mod preview311;
mod preview5;
mod provisioning;
mod querying;
mod quotas;
mod reading;
mod recording;
mod refusals;
mod registry;
mod room;
mod secrets;
mod speaker;
mod telemetry;
mod transfer;
mod transferring;
mod twins;
mod uploading;
mod verdicts;
mod world;
