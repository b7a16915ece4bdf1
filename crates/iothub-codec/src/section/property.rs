use core::fmt;

use super::kind::{Bytes, Flag, Kind, MostQos, Pair, PositiveU16, PositiveU32, Str, Topic, U16, U32, Varint};
use super::raw::{Raw, Shape};
use super::{PropertySection, SectionOf};
use crate::publish::Qos;
use crate::write::Writer;

/// A property whose name and meaning are between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserProperty<'a> {
    /// Its name, which several may have.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
}

macro_rules! properties {
    ($(
        $(#[$about:meta])*
        $id:literal $constant:ident $name:ident($type:ty) $getter:ident as $kind:ident in $($packet:ident)|+;
    )*) => {
        /// A property of an MQTT 5 packet, with its value: one variant for each that MQTT defines.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum SectionProperty<'a> {
            $($(#[$about])* $name($type),)*
            /// A property whose name and meaning are between the two ends. In every packet, any number of times.
            User(UserProperty<'a>),
        }

        /// The identifiers by which properties are told apart on the wire.
        pub(crate) mod id {
            $(#[allow(dead_code, reason = "the table has all, whoever asks for them")]
            pub(crate) const $constant: u8 = $id;)*
            pub(crate) const USER: u8 = 0x26;
        }

        /// What each may be.
        static SHAPES: [Shape; END] = {
            let mut shapes = [Shape::None; END];
            $(shapes[$id] = $kind::SHAPE;)*
            shapes[id::USER as usize] = Pair::SHAPE;
            shapes
        };

        /// A bit for each [`SectionOf`] in which it may stand.
        static PACKETS: [u16; END] = {
            let mut packets = [0; END];
            $(packets[$id] = $(1 << SectionOf::$packet as u16)|+;)*
            packets[id::USER as usize] = u16::MAX;
            packets
        };

        impl<'a> SectionProperty<'a> {
            /// `None` for what is no property, which checked sections do not have.
            pub(super) fn read(raw: Raw<'a>) -> Option<Self> {
                Some(match raw.id {
                    $($id => Self::$name($kind::read(raw)),)*
                    id::USER => Self::User(Pair::read(raw)),
                    _ => return None,
                })
            }

            /// Its identifier on the wire.
            pub const fn id(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $id,)*
                    Self::User(_) => id::USER,
                }
            }

            pub(super) fn put(self, out: &mut Writer<'_>) {
                match self {
                    $(Self::$name(value) => {
                        out.put_byte($id);
                        $kind::put(value, out);
                    })*
                    Self::User(user) => Pair::put(user, out),
                }
            }
        }

        /// Authentication data is a secret.
        impl fmt::Debug for SectionProperty<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.id() == id::AUTHENTICATION_DATA {
                    return f.write_str("AuthenticationData(..)");
                }
                match self {
                    $(Self::$name(value) => f.debug_tuple(stringify!($name)).field(value).finish(),)*
                    Self::User(user) => f.debug_tuple("User").field(user).finish(),
                }
            }
        }

        impl<'a> PropertySection<'a> {
            $($(#[$about])* pub fn $getter(self) -> Option<$type> { self.find($id).map($kind::read) })*
        }
    };
}

properties! {
    /// Whether the payload is UTF-8 text. PUBLISH, will.
    0x01 PAYLOAD_FORMAT_INDICATOR PayloadFormatIndicator(bool) payload_format_indicator as Flag in Publish | Will;
    /// After how many seconds the message is of no more use. PUBLISH, will.
    0x02 MESSAGE_EXPIRY_INTERVAL MessageExpiryInterval(u32) message_expiry_interval as U32 in Publish | Will;
    /// What the payload is. PUBLISH, will.
    0x03 CONTENT_TYPE ContentType(&'a str) content_type as Str in Publish | Will;
    /// Where to answer. PUBLISH, will.
    0x08 RESPONSE_TOPIC ResponseTopic(&'a str) response_topic as Topic in Publish | Will;
    /// By what the answer is found. PUBLISH, will.
    0x09 CORRELATION_DATA CorrelationData(&'a [u8]) correlation_data as Bytes in Publish | Will;
    /// A number that the client gave to a subscription, 1 to 268 435 455. SUBSCRIBE; PUBLISH, any number of times,
    /// of which the first is meant.
    0x0B SUBSCRIPTION_IDENTIFIER SubscriptionIdentifier(u32) subscription_identifier as Varint
        in Publish | Subscribe;
    /// How many seconds the session outlives the connection. CONNECT, CONNACK, DISCONNECT.
    0x11 SESSION_EXPIRY_INTERVAL SessionExpiryInterval(u32) session_expiry_interval as U32
        in Connect | ConnAck | Disconnect;
    /// The client identifier that the server chose. CONNACK.
    0x12 ASSIGNED_CLIENT_IDENTIFIER AssignedClientIdentifier(&'a str) assigned_client_identifier as Str in ConnAck;
    /// The keep-alive that the server wants instead, in seconds. CONNACK.
    0x13 SERVER_KEEP_ALIVE ServerKeepAlive(u16) server_keep_alive as U16 in ConnAck;
    /// How the client shows who it is. CONNECT, CONNACK, AUTH.
    0x15 AUTHENTICATION_METHOD AuthenticationMethod(&'a str) authentication_method as Str
        in Connect | ConnAck | Auth;
    /// What shows it: a secret, which `Debug` leaves out. CONNECT, CONNACK, AUTH.
    0x16 AUTHENTICATION_DATA AuthenticationData(&'a [u8]) authentication_data as Bytes
        in Connect | ConnAck | Auth;
    /// Whether the server may explain its refusals. CONNECT.
    0x17 REQUEST_PROBLEM_INFORMATION RequestProblemInformation(bool) request_problem_information as Flag in Connect;
    /// How many seconds the will waits. Will.
    0x18 WILL_DELAY_INTERVAL WillDelayInterval(u32) will_delay_interval as U32 in Will;
    /// Whether the client wants [`Self::ResponseInformation`](SectionProperty::ResponseInformation). CONNECT.
    0x19 REQUEST_RESPONSE_INFORMATION RequestResponseInformation(bool) request_response_information as Flag
        in Connect;
    /// What response topics are made of. CONNACK.
    0x1A RESPONSE_INFORMATION ResponseInformation(&'a str) response_information as Str in ConnAck;
    /// Another server to use. CONNACK, DISCONNECT.
    0x1C SERVER_REFERENCE ServerReference(&'a str) server_reference as Str in ConnAck | Disconnect;
    /// Why, for people. In everything that answers, and DISCONNECT and AUTH.
    0x1F REASON_STRING ReasonString(&'a str) reason_string as Str
        in ConnAck | PubAck | SubAck | UnsubAck | Disconnect | Auth;
    /// How many messages at QoS 1 may await their acknowledgement, 1 or more. CONNECT, CONNACK.
    0x21 RECEIVE_MAXIMUM ReceiveMaximum(u16) receive_maximum as PositiveU16 in Connect | ConnAck;
    /// The highest topic alias. CONNECT, CONNACK.
    0x22 TOPIC_ALIAS_MAXIMUM TopicAliasMaximum(u16) topic_alias_maximum as U16 in Connect | ConnAck;
    /// A number instead of the topic, 1 or more. PUBLISH.
    0x23 TOPIC_ALIAS TopicAlias(u16) topic_alias as PositiveU16 in Publish;
    /// The highest QoS. CONNACK, where absence means QoS 2.
    0x24 MAXIMUM_QOS MaximumQos(Qos) maximum_qos as MostQos in ConnAck;
    /// Whether messages may be retained. CONNACK.
    0x25 RETAIN_AVAILABLE RetainAvailable(bool) retain_available as Flag in ConnAck;
    /// The longest packet, in bytes, 1 or more. CONNECT, CONNACK.
    0x27 MAXIMUM_PACKET_SIZE MaximumPacketSize(u32) maximum_packet_size as PositiveU32 in Connect | ConnAck;
    /// Whether filters may have wildcards. CONNACK.
    0x28 WILDCARD_SUBSCRIPTION_AVAILABLE WildcardSubscriptionAvailable(bool) wildcard_subscription_available as Flag
        in ConnAck;
    /// Whether subscriptions may have numbers. CONNACK.
    0x29 SUBSCRIPTION_IDENTIFIERS_AVAILABLE SubscriptionIdentifiersAvailable(bool)
        subscription_identifiers_available as Flag in ConnAck;
    /// Whether subscriptions may be shared. CONNACK.
    0x2A SHARED_SUBSCRIPTION_AVAILABLE SharedSubscriptionAvailable(bool) shared_subscription_available as Flag
        in ConnAck;
}

/// No property has a higher identifier.
const END: usize = 0x2B;

pub(super) fn shape(id: u8) -> Shape {
    SHAPES.get(usize::from(id)).copied().unwrap_or(Shape::None)
}

pub(super) fn packets(id: u8) -> u16 {
    PACKETS.get(usize::from(id)).copied().unwrap_or(0)
}

impl<'a> UserProperty<'a> {
    pub(super) fn read(raw: Raw<'a>) -> Self {
        Pair::read(raw)
    }
}
