//! An Azure IoT Hub as a value: no sockets, no clock, no files.
//!
//! [`Hub`] takes in one [`Input`] at a time and appends [`Effect`]s: packets for devices, responses to HTTP
//! requests, changes to record, events to append. Whoever owns it carries them out, in order. The same inputs
//! give the same effects.
//!
//! Devices speak any [`Dialect`](iothub_codec::Dialect); the CONNECT says which. Back ends see no difference: the
//! same events, twins, methods and commands. What a device is told differs: over MQTT 5 a refusal says why, commands
//! can be given back or rejected, and credentials are renewed on the connection; over MQTT 3.1.1 a hub that is not
//! content closes it.

mod admission;
mod arrival;
mod auth;
mod authority;
mod call;
mod certificate;
mod change;
mod commands;
mod configurations;
mod connection;
mod consumer_group;
mod credential;
mod diary;
mod digital_twin;
mod effect;
mod event;
mod hub;
mod index;
mod input;
mod jobs;
mod key;
mod notice;
mod packet;
mod pickup;
mod policy;
mod presence;
mod provisioning;
mod quota;
mod reading;
mod recording;
mod registry;
mod report;
mod response;
mod rest;
mod restatement;
mod rule;
mod system_properties;
mod telemetry;
mod timers;
mod transfers;
mod twin;
mod uploads;

pub use authority::Authority;
pub use change::Change;
pub use commands::{CommandSettings, DeadLetter, QueuedCommand, SettingOutOfRange};
pub use configurations::{Assigned, Assignment, AssignmentStatus, KeptConfiguration};
pub use consumer_group::{Checkpoint, ConsumerGroup};
pub use effect::{Effect, Effects};
pub use event::{Event, EventKind};
pub use hub::{Config, Hub, Seed};
pub use input::{ConnectionId, ExchangeId, Input, Peer, RestRequest, Transport};
pub use jobs::{DeviceResult, JobEnd, JobOrder, JobStep, Slots, StatedDevice, StatedJob, Work};
pub use notice::{Level, Notice};
pub use packet::{AckBuf, PacketBuf, SectionBuf};
pub use pickup::KeptRecord;
pub use policy::{Policy, Rights};
pub use provisioning::{
    Deed, Done, Errand, KeptRegistration, ProvisioningConfig, ProvisioningStep, Report,
    Work as RegistrationWork,
};
pub use quota::{Edition, Sku, UnitsOutOfRange};
pub use reading::{Reading, Start};
pub use recording::Recording;
pub use registry::{Key, Record};
pub use response::Response;
pub use restatement::Stated;
pub use rule::Rule;
pub use system_properties::SystemProperties;
pub use transfers::{ImportProgress, TransferPlace, TransferResumed, TransferStep, Transferred};
pub use twin::TwinEdit;
pub use uploads::{
    BlobCondition, BlobDoor, BlobProblem, BlobRefusal, BlobRequest, CONTAINER, FileSettings, FileStep,
    KeptBlob, KeptUpload, WrittenBlob,
};
