use core::fmt;

use crate::property::SystemProperty;
use crate::status::Status;

/// Why a message cannot be read: what, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {kind}")]
pub struct DecodeError {
    /// Where the trouble begins.
    pub place: Place,
    /// What it is.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// The status that a hub answers with, where the dialect has a way to.
    pub const fn status(self) -> Status {
        self.kind.status()
    }
}

/// A place in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// That byte of the topic.
    Topic(usize),
    /// That byte of a topic filter.
    Filter(usize),
    /// That byte of the user name.
    UserName(usize),
    /// The client identifier.
    ClientId,
    /// The password. Where in it is not told.
    Password,
    /// That byte of the MQTT 5 properties, counted behind their length.
    Properties(usize),
    /// The message as a whole.
    Whole,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(at) => write!(f, "byte {at} of the topic"),
            Self::Filter(at) => write!(f, "byte {at} of the filter"),
            Self::UserName(at) => write!(f, "byte {at} of the user name"),
            Self::ClientId => f.write_str("the client identifier"),
            Self::Password => f.write_str("the password"),
            Self::Properties(at) => write!(f, "byte {at} of the properties"),
            Self::Whole => f.write_str("the message"),
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// No operation has this topic or filter, in this direction.
    #[error("unknown topic")]
    UnknownTopic,
    /// The topic or client identifier names another device or module than the connection.
    #[error("another device or module")]
    WrongDevice,
    /// Something is missing that the operation needs.
    #[error("no {0}")]
    Missing(Field),
    /// Something is there that is not what its place needs.
    #[error("bad {0}")]
    BadValue(Field),
    /// There is a property that the operation does not have.
    #[error("unknown property")]
    UnknownProperty,
    /// The MQTT 5 properties are not in the form that MQTT gives them.
    #[error("malformed properties")]
    Malformed,
    /// The MQTT 5 properties are in that form, and MQTT does not allow them: one stands twice, or has a value that
    /// it may not have.
    #[error("properties that MQTT does not allow")]
    NotAllowed,
    /// The filter has a wildcard where none may stand.
    #[error("a wildcard, where none may stand")]
    Wildcard,
    /// The message may not be sent at that QoS.
    #[error("QoS 1, where the operation knows only QoS 0")]
    BadQos,
}

impl DecodeErrorKind {
    /// The status that a hub answers with.
    pub const fn status(self) -> Status {
        match self {
            Self::UnknownTopic => Status::NOT_FOUND,
            Self::WrongDevice => Status::NOT_AUTHORIZED,
            Self::Wildcard => Status::NOT_ALLOWED,
            Self::Missing(_)
            | Self::BadValue(_)
            | Self::UnknownProperty
            | Self::Malformed
            | Self::NotAllowed
            | Self::BadQos => Status::BAD_REQUEST,
        }
    }
}

/// A part of a message that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What an answer is found by.
    RequestId,
    /// The same in MQTT 5, which has a property for it.
    CorrelationData,
    /// The version of a section of the twin.
    Version,
    /// The number of an answer.
    Status,
    /// The name of a method.
    MethodName,
    /// The name of a module's input.
    InputName,
    /// The host name of the hub.
    Host,
    /// The name of a device.
    DeviceId,
    /// The name of a module.
    ModuleId,
    /// The user name of CONNECT.
    UserName,
    /// The password of CONNECT.
    Password,
    /// How a device shows who it is.
    AuthenticationMethod,
    /// The signature that shows it.
    Signature,
    /// The version of the API.
    ApiVersion,
    /// Until when a signature is good.
    Expiry,
    /// When the device says that it connected.
    ConnectTime,
    /// The type of content that payloads have unless they say otherwise.
    ContentType,
    /// Which of the customers of the provisioning service.
    IdScope,
    /// The name under which a device asks to be provisioned.
    RegistrationId,
    /// What the provisioning service calls an operation that takes its time.
    OperationId,
    /// After how long to ask again.
    RetryAfter,
    /// A system property.
    Property(SystemProperty),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestId => "request id",
            Self::CorrelationData => "Correlation Data",
            Self::Version => "version",
            Self::Status => "status",
            Self::MethodName => "method name",
            Self::InputName => "input name",
            Self::Host => "host name",
            Self::DeviceId => "device name",
            Self::ModuleId => "module name",
            Self::UserName => "user name",
            Self::Password => "password",
            Self::AuthenticationMethod => "authentication method",
            Self::Signature => "signature",
            Self::ApiVersion => "API version",
            Self::Expiry => "expiry",
            Self::ConnectTime => "connect time",
            Self::ContentType => "content type",
            Self::IdScope => "id scope",
            Self::RegistrationId => "registration id",
            Self::OperationId => "operation id",
            Self::RetryAfter => "time after which to ask again",
            Self::Property(property) => property.event_name(),
        })
    }
}

/// Why a message was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small. With exactly this size it is not. That MQTT 5 does not take a text, for a NUL in it, is
    /// told only where there is room for the text.
    #[error("the buffer needs {needed} bytes")]
    BufferTooSmall {
        /// The size that is needed.
        needed: usize,
    },
    /// The dialect, or the kind of identity, has no way to say this.
    #[error("cannot be expressed in this dialect")]
    NotExpressible,
    /// The operation needs it in this dialect.
    #[error("no {0}")]
    Missing(Field),
    /// A part of the message cannot stand where it belongs.
    #[error("bad {0}")]
    BadValue(Field),
    /// A name or value in an MQTT 5 property would be longer than MQTT's 65 535 bytes.
    #[error("{len} bytes in a property, and MQTT takes 65535")]
    PropertyTooLong {
        /// How long it would be.
        len: usize,
    },
    /// The topic would be longer than MQTT's 65 535 bytes.
    #[error("{len} bytes in the topic, and MQTT takes 65535")]
    TopicTooLong {
        /// How long it would be.
        len: usize,
    },
}
