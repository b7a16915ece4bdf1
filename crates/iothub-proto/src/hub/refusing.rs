use iothub_codec::{
    Ack, Codec, DecodeErrorKind, Detail, DeviceId, Dialect, EncodeError, Identity, Outcome, Status, Version,
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
    /// The last packet of a connection that the hub closes: over MQTT 5 it says why.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] with [`EncodeError::NotExpressible`] over MQTT 3.1.1, where a hub just closes.
    pub fn dismiss<'b>(&self, why: &Dismissal<'_>, out: &'b mut [u8]) -> Result<Packet<'b>, SendError> {
        let (outcome, reason_code) = why.outcome();
        // Where MQTT has a reason of its own, that says it all.
        let detail = if reason_code.is_some() { Detail::ReasonCode } else { self.detail() };
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
