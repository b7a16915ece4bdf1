use crate::section::PropertySection;
use crate::status::Status;
use crate::terms::Signature;
use crate::text::Text;

/// What became of a message, a connection or an attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// What.
    pub status: Status,
    /// Why, for people. Only of what was refused.
    pub reason: Option<Text<'a>>,
    /// Under which name the refusal can be found in the hub's log; likewise.
    pub trace_id: Option<Text<'a>>,
}

impl<'a> Outcome<'a> {
    /// It was done. From a device: a command is taken and needs no more deliveries.
    pub const DONE: Self = Self::new(Status::SUCCESS);
    /// From a device about a command: not now, deliver it again.
    pub const ABANDONED: Self = Self::new(Status::SERVER_BUSY);
    /// From a device about a command: never, do not deliver it again.
    pub const REJECTED: Self = Self::new(Status::BAD_REQUEST);

    /// That and nothing more.
    pub const fn new(status: Status) -> Self {
        Self { status, reason: None, trace_id: None }
    }
}

/// How much an acknowledgement says beside its reason code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing: a hub's PUBACK to a client whose CONNECT had Request Problem Information 0.
    ReasonCode,
    /// As much as goes into so many bytes of properties, which is what the other end's Maximum Packet Size leaves.
    /// The trace id is left out first, then the reason, then the status.
    UpTo(usize),
}

impl Detail {
    /// All there is to say.
    pub const FULL: Self = Self::UpTo(usize::MAX);
}

/// The part of a PUBACK, CONNACK or DISCONNECT that says what became of something.
///
/// Made by [`Codec::encode_ack`](crate::Codec::encode_ack) for an MQTT stack to send, or by that stack from what
/// arrived, for [`Codec::decode_ack`](crate::Codec::decode_ack) to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// MQTT 5's reason code; 0 over MQTT 3.1.1, which has none. The status decides it: whoever knows better what
    /// MQTT calls the end of a connection writes it over, with one of the constants here or another.
    pub reason_code: u8,
    /// What else is said; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

impl Ack<'_> {
    /// It was done, and there is nothing more to say. Of a DISCONNECT: goodbye.
    pub const SUCCESS: Self = Self { reason_code: 0, properties: PropertySection::EMPTY };

    /// Of a CONNACK: the authentication method is neither of the two.
    pub const BAD_AUTHENTICATION_METHOD: u8 = 0x8C;
    /// Of a CONNACK: the client identifier cannot be that of a device or module.
    pub const CLIENT_IDENTIFIER_NOT_VALID: u8 = 0x85;
    /// Of a DISCONNECT: the same device or module connected again.
    pub const SESSION_TAKEN_OVER: u8 = 0x8E;
    /// Of a DISCONNECT: a message at QoS 0 had a topic that no operation has.
    pub const TOPIC_NAME_INVALID: u8 = 0x90;
    /// Of a CONNACK or DISCONNECT: too many connections in too short a time.
    pub const CONNECTION_RATE_EXCEEDED: u8 = 0x9F;
}

/// One step of renewing a signature while connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStep<'a> {
    /// From the device: the new signature. The policy is the one that it connected with, is signed again, and is not
    /// sent again; where a device sends it all the same, it is read.
    Renew(Signature<'a>),
    /// From the hub: it is good. One that is not ends the connection.
    Renewed,
}

/// What an MQTT 5 AUTH packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// [`Self::RENEW`] or [`Self::RENEWED`].
    pub reason_code: u8,
    /// What else is said.
    pub properties: PropertySection<'a>,
}

impl Auth<'_> {
    /// MQTT calls it "re-authenticate".
    pub const RENEW: u8 = 0x19;
    /// MQTT calls it "success".
    pub const RENEWED: u8 = 0;
}
