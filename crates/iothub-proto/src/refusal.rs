use iothub_codec::{Ack, PropertySection};

/// Why a CONNECT was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// What is wrong.
    pub reason: RefusalReason,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

impl<'a> Refusal<'a> {
    /// A refusal as MQTT 3.1.1 can say it, if it is for one of its five reasons.
    pub const fn new(reason: RefusalReason) -> Self {
        Self { reason, properties: PropertySection::EMPTY }
    }

    /// The refusal as [`Codec::decode_ack`](iothub_codec::Codec::decode_ack) reads it.
    pub const fn as_ack(&self) -> Ack<'a> {
        Ack { reason_code: self.reason.code(), properties: self.properties }
    }
}

macro_rules! reasons {
    ($($(#[$about:meta])* $name:ident = $code:literal $text:literal;)*) => {
        /// The reason of a CONNACK that refuses: those of MQTT 5. MQTT 3.1.1 has five of them, under other numbers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum RefusalReason {
            $($(#[$about])* $name = $code,)*
        }

        impl RefusalReason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason with that code of MQTT 5; `None` for any other code.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for RefusalReason {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

reasons! {
    /// None that the hub wants to tell.
    Unspecified = 0x80 "unspecified";
    /// The CONNECT cannot be read.
    MalformedPacket = 0x81 "malformed CONNECT";
    /// The CONNECT says what it may not say.
    ProtocolError = 0x82 "protocol error";
    /// The hub's own reason; its properties may tell.
    ImplementationSpecific = 0x83 "refused by the hub's own rules";
    /// This version of MQTT is not served. Code 1 of MQTT 3.1.1.
    UnacceptableProtocol = 0x84 "unacceptable protocol version";
    /// The client identifier is not acceptable. Code 2 of MQTT 3.1.1.
    BadClientId = 0x85 "client identifier rejected";
    /// The user name or password cannot be read. Code 4 of MQTT 3.1.1.
    BadUserName = 0x86 "bad user name or password";
    /// Not with this proof, or not this device. Code 5 of MQTT 3.1.1.
    NotAuthorized = 0x87 "not authorized";
    /// Not now. Code 3 of MQTT 3.1.1.
    Unavailable = 0x88 "hub unavailable";
    /// The hub has too much to do.
    Busy = 0x89 "hub busy";
    /// Somebody has banned the device.
    Banned = 0x8A "banned";
    /// The authentication method is not one that the hub has.
    BadAuthenticationMethod = 0x8C "bad authentication method";
    /// The topic of the will is not acceptable.
    BadTopic = 0x90 "bad topic of the will";
    /// The CONNECT is too long.
    PacketTooLarge = 0x95 "CONNECT too large";
    /// A limit of the hub or the device is reached.
    QuotaExceeded = 0x97 "quota exceeded";
    /// The payload of the will is not what it says.
    BadPayloadFormat = 0x99 "bad payload of the will";
    /// The will is to be retained, which the hub does not do.
    RetainNotSupported = 0x9A "no message is retained";
    /// The will is at a QoS that the hub does not have.
    QosNotSupported = 0x9B "unsupported QoS of the will";
    /// Another server is to be used for now.
    UseAnotherServer = 0x9C "use another server";
    /// Another server is to be used from now on.
    ServerMoved = 0x9D "server moved";
    /// Too many connections in too short a time.
    ConnectionRateExceeded = 0x9F "connection rate exceeded";
}

impl RefusalReason {
    /// The code of MQTT 5.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The one of MQTT 3.1.1's five that comes closest.
    pub(crate) const fn in_v311(self) -> Self {
        match self {
            Self::UnacceptableProtocol => Self::UnacceptableProtocol,
            Self::BadClientId => Self::BadClientId,
            Self::Unspecified
            | Self::Unavailable
            | Self::Busy
            | Self::QuotaExceeded
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::ConnectionRateExceeded => Self::Unavailable,
            Self::MalformedPacket
            | Self::ProtocolError
            | Self::BadUserName
            | Self::BadAuthenticationMethod
            | Self::PacketTooLarge => Self::BadUserName,
            Self::ImplementationSpecific
            | Self::NotAuthorized
            | Self::Banned
            | Self::BadTopic
            | Self::BadPayloadFormat
            | Self::RetainNotSupported
            | Self::QosNotSupported => Self::NotAuthorized,
        }
    }

    /// Whether connecting again in the same way can succeed.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Unspecified
                | Self::Unavailable
                | Self::Busy
                | Self::QuotaExceeded
                | Self::UseAnotherServer
                | Self::ConnectionRateExceeded
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_of_its_reason_and_of_no_other() {
        for reason in RefusalReason::ALL {
            assert_eq!(RefusalReason::from_code(reason.code()), Some(*reason));
        }
        let known = (0..=u8::MAX).filter_map(RefusalReason::from_code);
        assert!(known.eq(RefusalReason::ALL.iter().copied()));
    }
}
