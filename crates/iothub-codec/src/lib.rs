//! Reads and writes the topics and properties of IoT Hub messages.
//!
//! Bytes come in borrowed and go out into a buffer of the caller's; nothing is allocated. Start with
//! [`Codec`], for one device or module in one [`Dialect`]. A hub begins with [`open_connect`].
//!
//! ```
//! use iothub_codec::{Codec, DeviceId, Dialect, Identity, Telemetry, ToHub};
//!
//! let codec = Codec::new(Dialect::Classic, Identity::device(DeviceId::new("pump-7").unwrap()));
//! let mut buffer = [0; 64];
//! let publish = codec.encode(&Telemetry { payload: b"21.5", ..Telemetry::default() }, &mut buffer)?;
//! assert_eq!(publish.topic, "devices/pump-7/messages/events/");
//!
//! let Ok(ToHub::Telemetry(telemetry)) = codec.decode_to_hub(&publish) else { panic!() };
//! assert_eq!(telemetry.payload, b"21.5");
//! # Ok::<(), iothub_codec::EncodeError>(())
//! ```

#![no_std]

mod ack;
mod catalogue;
mod channel;
mod connect;
mod connection_string;
mod dialect;
mod envelope;
mod error;
mod filters;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod message;
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
pub use request::RequestId;
pub use sas::{BadSasToken, BadSasTokenKind, SasField, SasToken};
pub use section::{PropertySection, SectionOf, SectionProperty, SectionWriter, UserProperty};
#[cfg(feature = "hmac")]
pub use shared_key::{BadSharedKey, SharedKey};
pub use status::Status;
pub use terms::{Signature, Terms};
pub use text::Text;
pub use token_request::{RegistrationToken, SignError, Signer, TokenRequest};
