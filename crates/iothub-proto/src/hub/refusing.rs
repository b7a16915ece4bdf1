use core::fmt::{self, Write as _};

use iothub_codec::{
    Ack, Codec, DecodeErrorKind, Detail, DeviceId, Dialect, EncodeError, Field, Identity, Outcome, Status,
    Text, Version,
};

use super::HubSession;
use crate::error::{PeerError, SendError};
use crate::packet::{AckToken, Packet};
use crate::refusal::{Refusal, RefusalReason};

/// Why a hub closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dismissal<'a> {
    /// The credentials have expired, were changed, or were to be renewed by such as are not good.
    NotAuthorized,
    /// The same device or module connected again.
    TakenOver,
    /// It connects too often.
    TooManyConnections,
    /// It broke the rules.
    Broken(PeerError),
    /// The hub refuses a message at QoS 0, or the device, for a reason of its own.
    Refused(Outcome<'a>),
}

impl Dismissal<'_> {
    /// What became of it, and MQTT 5's reason code where it has one of its own.
    fn outcome(&self) -> (Outcome<'_>, Option<u8>) {
        let named = |status, reason_code| (Outcome::new(status), Some(reason_code));
        match self {
            Self::NotAuthorized => named(Status::NOT_AUTHORIZED, Status::NOT_AUTHORIZED.reason_code()),
            Self::TakenOver => named(Status::CONFLICT, Ack::SESSION_TAKEN_OVER),
            Self::TooManyConnections => named(Status::THROTTLED, Ack::CONNECTION_RATE_EXCEEDED),
            Self::Broken(error) => match error {
                PeerError::Unreadable(error) if error.kind == DecodeErrorKind::UnknownTopic => {
                    named(Status::NOT_FOUND, Ack::TOPIC_NAME_INVALID)
                }
                // Only an AUTH is read for these, and MQTT itself wants it to go on as CONNECT began.
                PeerError::Unreadable(error) if is_about_method(error.kind) => {
                    named(Status::BAD_REQUEST, PROTOCOL_ERROR)
                }
                PeerError::Unreadable(error) => (Outcome::new(error.kind.status()), None),
                PeerError::OutOfPlace { .. } | PeerError::WrongCount { .. } | PeerError::NoVersion => {
                    named(Status::BAD_REQUEST, PROTOCOL_ERROR)
                }
                PeerError::WindowOverrun { .. } => named(Status::THROTTLED, RECEIVE_MAXIMUM_EXCEEDED),
            },
            Self::Refused(outcome) => (*outcome, None),
        }
    }
}

fn is_about_method(kind: DecodeErrorKind) -> bool {
    use DecodeErrorKind::{BadValue, Missing};

    matches!(kind, Missing(Field::AuthenticationMethod) | BadValue(Field::AuthenticationMethod))
}

/// What is wrong, for people. What does not fit is left out.
struct Words {
    len: usize,
    bytes: [u8; Self::LEN_MAX],
}

impl Words {
    /// As long as the longest that a [`PeerError`] says, in bytes.
    const LEN_MAX: usize = 128;

    /// What there is to say to a device that cannot tell from the reason code.
    fn of(why: &Dismissal<'_>) -> Option<Self> {
        let Dismissal::Broken(error @ PeerError::Unreadable(_)) = why else { return None };
        let mut words = Self { len: 0, bytes: [0; Self::LEN_MAX] };
        // It never fails: what is too long has been written as far as it goes.
        let _ = write!(words, "{error}");
        Some(words)
    }

    fn as_text(&self) -> Text<'_> {
        Text::plain(core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default())
    }
}

impl fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let len = text.floor_char_boundary(room.len());
        room[..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

/// MQTT 5's reason codes for what concerns no operation.
const PROTOCOL_ERROR: u8 = 0x82;
const RECEIVE_MAXIMUM_EXCEEDED: u8 = 0x93;
/// What a packet of an acknowledgement has beside its properties, at most: first byte, remaining length, packet
/// identifier, reason code and the length of the properties.
const ACK_OVERHEAD: u32 = 1 + 4 + 2 + 1 + 4;

/// The CONNACK of a hub that does not accept a connection, which it closes behind it. Over MQTT 5 it says what else
/// there is to say; over MQTT 3.1.1 it has five reasons, and the one is written that comes closest.
///
/// # Errors
///
/// [`EncodeError::BufferTooSmall`].
pub fn refuse_connect<'b>(
    (version, dialect): (Version, Dialect),
    reason: RefusalReason,
    outcome: &Outcome<'_>,
    out: &'b mut [u8],
) -> Result<Packet<'b>, EncodeError> {
    let refusal = match version {
        Version::V311 => Refusal::new(reason.in_v311()),
        Version::V5 => {
            // What is written is the same for all.
            let nobody = DeviceId::new("nobody").map_err(|_| EncodeError::NotExpressible)?;
            let codec = Codec::new(dialect, Identity::device(nobody));
            let ack = codec.encode_ack(outcome, Detail::FULL, out)?;
            Refusal { reason, properties: ack.properties }
        }
    };
    Ok(Packet::Refused(refusal))
}

impl<const CALLS: usize> HubSession<CALLS> {
    /// The last packet of a connection that the hub closes: over MQTT 5 it says why, and of a message that cannot be
    /// read also where and what is wrong.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] with [`EncodeError::NotExpressible`] over MQTT 3.1.1, where a hub just closes.
    pub fn dismiss<'b>(&self, why: &Dismissal<'_>, out: &'b mut [u8]) -> Result<Packet<'b>, SendError> {
        let (outcome, reason_code) = why.outcome();
        let words = Words::of(why);
        let outcome = Outcome { reason: words.as_ref().map(Words::as_text).or(outcome.reason), ..outcome };
        // Where MQTT has a reason of its own and there are no words, that says it all.
        let bare = reason_code.is_some() && words.is_none();
        let detail = if bare { Detail::ReasonCode } else { self.detail() };
        let ack = self.codec().encode_ack(&outcome, detail, out)?;
        let reason_code = reason_code.unwrap_or(ack.reason_code);
        Ok(Packet::Disconnect(Ack { reason_code, ..ack }))
    }

    /// The acknowledgement of a message that was accepted.
    pub const fn acknowledge(token: AckToken) -> Packet<'static> {
        Packet::Ack { token, ack: Ack::SUCCESS }
    }

    /// The acknowledgement of a message that is refused.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] with [`EncodeError::NotExpressible`] over MQTT 3.1.1, where a hub that does not want a
    /// message closes the connection.
    pub fn refuse<'b>(
        &self,
        token: AckToken,
        outcome: &Outcome<'_>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let detail = if self.explains { self.detail() } else { Detail::ReasonCode };
        let ack = self.codec().encode_ack(outcome, detail, out)?;
        Ok(Packet::Ack { token, ack })
    }

    /// As much as goes into a packet that the device takes.
    fn detail(&self) -> Detail {
        let room = self.flow.packet_len_max.saturating_sub(ACK_OVERHEAD);
        Detail::UpTo(usize::try_from(room).unwrap_or(usize::MAX))
    }
}
