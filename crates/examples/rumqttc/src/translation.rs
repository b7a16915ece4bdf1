//! From packets of the session's to those of rumqttc, and back.

use iothub_codec::{Ack, Publish, Qos};
use iothub_proto::{AckToken, FilterRefusal, Granted, Limits, Packet, Refusal, RefusalReason, Session};
use rumqttc::{ConnectReturnCode, QoS, SubscribeReasonCode};

/// What has come from the hub, as rumqttc owns it.
#[derive(Debug)]
pub(crate) enum Arrived {
    Connected { session_present: bool },
    Refused(ConnectReturnCode),
    Granted { token: AckToken, codes: Vec<SubscribeReasonCode> },
    Message(rumqttc::Publish),
    Acknowledged(AckToken),
}

impl Arrived {
    /// The packet that a session reads; `None` for a message at QoS 2, which was not asked for.
    pub(crate) fn as_packet(&self) -> Option<Packet<'_>> {
        Some(match self {
            Self::Connected { session_present } => Packet::Connected {
                session: if *session_present { Session::Resume } else { Session::Fresh },
                limits: Limits::CLASSIC,
            },
            Self::Refused(code) => Packet::Refused(Refusal::new(reason(*code))),
            Self::Granted { token, codes } => Packet::SubAck { token: *token, granted: granted(codes)? },
            Self::Message(message) => Packet::Publish {
                ack: AckToken::new(message.pkid),
                publish: Publish {
                    qos: qos(message.qos)?,
                    retain: message.retain,
                    duplicate: message.dup,
                    ..Publish::new(&message.topic, &message.payload)
                },
            },
            Self::Acknowledged(token) => Packet::Ack { token: *token, ack: Ack::SUCCESS },
        })
    }
}

pub(crate) const fn their_qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

const fn qos(qos: QoS) -> Option<Qos> {
    match qos {
        QoS::AtMostOnce => Some(Qos::AtMostOnce),
        QoS::AtLeastOnce => Some(Qos::AtLeastOnce),
        QoS::ExactlyOnce => None,
    }
}

fn granted(codes: &[SubscribeReasonCode]) -> Option<Granted> {
    let mut granted = Granted::EMPTY;
    for code in codes {
        let outcome = match code {
            SubscribeReasonCode::Success(granted) => Ok(qos(*granted)?),
            SubscribeReasonCode::Failure => Err(FilterRefusal::Unspecified),
        };
        granted.push(outcome).then_some(())?;
    }
    Some(granted)
}

const fn reason(code: ConnectReturnCode) -> RefusalReason {
    match code {
        ConnectReturnCode::RefusedProtocolVersion => RefusalReason::UnacceptableProtocol,
        ConnectReturnCode::BadClientId => RefusalReason::BadClientId,
        ConnectReturnCode::ServiceUnavailable => RefusalReason::Unavailable,
        ConnectReturnCode::BadUserNamePassword => RefusalReason::BadUserName,
        ConnectReturnCode::NotAuthorized => RefusalReason::NotAuthorized,
        // It is no refusal, and rumqttc does not say that it is.
        ConnectReturnCode::Success => RefusalReason::Unspecified,
    }
}
