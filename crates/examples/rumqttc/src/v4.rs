//! MQTT 3.1.1: from what a session says to what rumqttc takes, and back.

use core::error::Error;
use core::time::Duration;
use std::sync::Arc;

use iothub_codec::{Filters, Publish, Qos};
use iothub_proto::{AckToken, FilterRefusal, Granted, Limits, Opening, RefusalReason, Session};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Outgoing, QoS,
    SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport,
};

use crate::arrived::{Arrived, Heard, Message, Section};
use crate::link::{Address, WAITING};

/// With what the session says in its first packet.
pub(crate) fn open(
    address: &Address,
    opening: &Opening<'_>,
) -> Result<(AsyncClient, EventLoop), Box<dyn Error>> {
    let connect = &opening.connect;
    let mut options = MqttOptions::new(connect.client_id, &address.host, address.port);
    let password = core::str::from_utf8(connect.password.unwrap_or_default())?;
    options.set_credentials(connect.username.unwrap_or_default(), password);
    options.set_clean_session(opening.session == Session::Fresh);
    options.set_keep_alive(Duration::from_secs(opening.keep_alive_s.into()));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(&address.tls))));
    // Its own limit is 10 KiB, and a longer packet ends the connection.
    let longest = usize::try_from(Limits::CLASSIC.maximum_packet_size)?;
    options.set_max_packet_size(longest, longest);
    // Whether a message from the hub is dealt with is said by the application, through the session.
    options.set_manual_acks(true);
    Ok(AsyncClient::new(options, WAITING))
}

pub(crate) fn subscribe(client: &AsyncClient, filters: Filters<'_>) -> Result<(), Box<dyn Error>> {
    let filters =
        filters.iter().map(|filter| SubscribeFilter::new(filter.topic.to_owned(), their(filter.qos)));
    Ok(client.try_subscribe_many(filters)?)
}

pub(crate) fn publish(client: &AsyncClient, publish: &Publish<'_>) -> Result<(), Box<dyn Error>> {
    let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
    Ok(client.try_publish(topic, their(publish.qos), publish.retain, payload)?)
}

pub(crate) fn acknowledge(client: &AsyncClient, token: AckToken) -> Result<(), Box<dyn Error>> {
    // It looks at nothing else of the message that is acknowledged.
    let mut message = rumqttc::Publish::new("", QoS::AtLeastOnce, []);
    message.pkid = token.get();
    Ok(client.try_ack(&message)?)
}

/// What an event means; `None` for what is rumqttc's own business, and for what no hub sends.
pub(crate) fn heard(event: Result<Event, ConnectionError>) -> Result<Option<Heard>, String> {
    Ok(Some(match event {
        Ok(Event::Incoming(incoming)) => return arrived(incoming),
        // Packet id 0 is QoS 0.
        Ok(Event::Outgoing(Outgoing::Publish(packet_id @ 1..))) => Heard::Numbered(packet_id),
        Ok(Event::Outgoing(_)) => return Ok(None),
        Err(ConnectionError::ConnectionRefused(code)) => Heard::Arrived(Arrived::Refused(reason(code))),
        Err(error) => return Err(error.to_string()),
    }))
}

fn arrived(incoming: Incoming) -> Result<Option<Heard>, String> {
    Ok(Some(match incoming {
        Incoming::ConnAck(ack) => Heard::Arrived(Arrived::Connected {
            session_present: ack.session_present,
            limits: Limits::CLASSIC,
        }),
        Incoming::Publish(message) => Heard::Arrived(Arrived::Message(Message {
            qos: ours(message.qos).ok_or("a message at QoS 2, which was not asked for")?,
            section: Section::default(),
            payload: message.payload.to_vec(),
            packet_id: message.pkid,
            retain: message.retain,
            duplicate: message.dup,
            topic: message.topic,
        })),
        Incoming::PubAck(ack) => {
            Heard::Acknowledged { packet_id: ack.pkid, reason_code: 0, section: Section::default() }
        }
        Incoming::SubAck(ack) => {
            Heard::Granted(granted(&ack.return_codes).ok_or("a SUBACK with what was not asked for")?)
        }
        Incoming::PingReq
        | Incoming::PingResp
        | Incoming::Connect(_)
        | Incoming::PubRec(_)
        | Incoming::PubRel(_)
        | Incoming::PubComp(_)
        | Incoming::Subscribe(_)
        | Incoming::Unsubscribe(_)
        | Incoming::UnsubAck(_)
        | Incoming::Disconnect => return Ok(None),
    }))
}

const fn their(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

const fn ours(qos: QoS) -> Option<Qos> {
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
            SubscribeReasonCode::Success(qos) => Ok(ours(*qos)?),
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
