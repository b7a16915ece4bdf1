#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    not(all(feature = "preview311", feature = "preview5")),
    allow(
        dead_code,
        unreachable_code,
        unused_imports,
        unused_variables,
        reason = "some things are there for one dialect"
    )
)]

mod ack;
mod base64_code;
mod byte_set;
mod catalogue;
mod channel;
mod connect;
mod connection_string;
mod dialect;
mod entries;
mod error;
mod fast;
mod filters;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod message;
mod pairs;
mod property;
mod provisioning;
mod publish;
mod registration;
mod request;
mod sas;
mod section;
#[cfg(feature = "hmac")]
mod shared_key;
mod status;
mod terms;
mod text;
mod token_request;
mod trace;
mod word;
mod write;

pub use ack::{Ack, Auth, AuthStep, Detail, Outcome};
pub use catalogue::{
    Answer, Direction, OperationKind, OperationRow, Parameter, PropertyRow, TopicPattern, ValueKind,
};
pub use channel::{Channels, Subscription, Variant};
pub use connect::{Claim, Connect, Introduction, Proof, Version};
pub use connection_string::{BadConnectionString, BadConnectionStringKind, ConnectionPart, ConnectionString};
pub use dialect::{Codec, Dialect, open_connect};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
pub use filters::{BadFilters, Filter, Filters};
pub use identity::{BadDeviceId, BadModuleId, DeviceId, Identity, IdentityBuf, ModuleId};
pub use message::{
    Command, Content, DesiredChanged, Input, MethodCall, Operation, Outgoing, Reply, Telemetry, ToDevice,
    ToHub, TwinGet, TwinPart, TwinPatch,
};
pub use property::{Name, Properties, Property, SystemProperty};
pub use provisioning::{ProvisioningReply, Register, RegistrationStatus, ToProvisioning};
pub use publish::{Publish, Qos};
pub use registration::{
    BadIdScope, BadRegistrationId, IdScope, Registration, RegistrationClaim, RegistrationId,
};
pub use request::{RequestId, RequestIdBuf};
pub use sas::{BadSasToken, BadSasTokenKind, SasField, SasToken};
pub use section::{Present, PropertySection, SectionOf, SectionProperty, SectionWriter, UserProperty};
#[cfg(feature = "hmac")]
pub use shared_key::{BadSharedKey, SharedKey};
pub use status::Status;
pub use terms::{Signature, Terms};
pub use text::Text;
pub use token_request::{RegistrationToken, SignError, Signer, TokenRequest};
pub use trace::{BadTraceParent, BadTraceState, Sampling, TraceContext, TraceParent, TraceState};
