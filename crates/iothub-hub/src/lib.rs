//! An Azure IoT Hub as a value: no sockets, no clock, no files.
//!
//! [`Hub`] takes in one [`Input`] at a time and appends [`Effect`]s: packets for devices, responses to HTTP
//! requests, changes to record, events to append. Whoever owns it carries them out, in order. The same inputs
//! give the same effects.

mod admission;
mod arrival;
mod auth;
mod call;
mod change;
mod command;
mod connection;
mod effect;
mod event;
mod hub;
mod input;
mod key;
mod notice;
mod packet;
mod policy;
mod presence;
mod queue;
mod registry;
mod report;
mod response;
mod rest;
mod telemetry;
mod timers;
mod twin;

pub use change::Change;
pub use effect::{Effect, Effects};
pub use event::{Event, EventKind};
pub use hub::{Config, Hub, Seed};
pub use input::{ConnectionId, ExchangeId, Input, Peer, RestRequest, Transport};
pub use notice::{Level, Notice};
pub use packet::{AckBuf, PacketBuf, SectionBuf};
pub use policy::{Policy, Rights};
pub use queue::QueuedCommand;
pub use registry::{Key, Record};
pub use response::Response;
pub use twin::TwinEdit;
