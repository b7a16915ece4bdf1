//! MQTT 5: from what a session says to what rumqttc takes, and back. Beside MQTT 3.1.1 there are the properties.

use core::error::Error;
use core::time::Duration;
use std::sync::Arc;

use iothub_codec::{Filters, Publish, Qos, SectionOf, SectionProperty};
use iothub_proto::{AckToken, FilterRefusal, Granted, Limits, Opening, RefusalReason, Session};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, Filter, PubAck, PubAckReason, PublishProperties,
    SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};

use crate::arrived::{Arrived, Heard, Message, Section, user};
use crate::link::{Address, WAITING};

/// With what the session says in its first packet.
pub(crate) fn open(address: &Address, opening: &Opening<'_>) -> (AsyncClient, EventLoop) {
    let connect = &opening.connect;
    let mut options = MqttOptions::new(connect.client_id, &address.host, address.port);
    options.set_clean_start(opening.session == Session::Fresh);
    options.set_keep_alive(Duration::from_secs(opening.keep_alive_s.into()));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(&address.tls))));
    options.set_manual_acks(true);
    let said = connect.properties;
    options.set_connect_properties(ConnectProperties {
        session_expiry_interval: opening.session_expiry_s.or(said.session_expiry_interval()),
        receive_maximum: opening.receive_maximum.or(said.receive_maximum()),
        // Unsaid, rumqttc's own limit is 10 KiB.
        max_packet_size: Some(Limits::PREVIEW5.maximum_packet_size),
        topic_alias_max: said.topic_alias_maximum(),
        request_response_info: said.request_response_information().map(u8::from),
        request_problem_info: said.request_problem_information().map(u8::from),
        user_properties: said.user().map(|user| (user.name.to_owned(), user.value.to_owned())).collect(),
        authentication_method: said.authentication_method().map(str::to_owned),
        authentication_data: said.authentication_data().map(|data| data.to_vec().into()),
    });
    AsyncClient::new(options, WAITING)
}

pub(crate) fn subscribe(client: &AsyncClient, filters: Filters<'_>) -> Result<(), Box<dyn Error>> {
    let filters = filters.iter().map(|filter| Filter::new(filter.topic.to_owned(), their(filter.qos)));
    Ok(client.try_subscribe_many(filters)?)
}

pub(crate) fn publish(client: &AsyncClient, publish: &Publish<'_>) -> Result<(), Box<dyn Error>> {
    let said = publish.properties;
    let properties = PublishProperties {
        payload_format_indicator: said.payload_format_indicator().map(u8::from),
        message_expiry_interval: said.message_expiry_interval(),
        topic_alias: None,
        response_topic: said.response_topic().map(str::to_owned),
        correlation_data: said.correlation_data().map(|data| data.to_vec().into()),
        user_properties: said.user().map(|user| (user.name.to_owned(), user.value.to_owned())).collect(),
        subscription_identifiers: Vec::new(),
        content_type: said.content_type().map(str::to_owned),
    };
    let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
    let qos = their(publish.qos);
    Ok(client.try_publish_with_properties(topic, qos, publish.retain, payload, properties)?)
}

/// With success: it has no way to say anything else.
pub(crate) fn acknowledge(client: &AsyncClient, token: AckToken) -> Result<(), Box<dyn Error>> {
    let message = rumqttc::v5::mqttbytes::v5::Publish {
        qos: QoS::AtLeastOnce,
        pkid: token.get(),
        ..Default::default()
    };
    Ok(client.try_ack(&message)?)
}

/// What an event means; `None` for what is rumqttc's own business, and for what no hub sends.
pub(crate) fn heard(event: Result<Event, ConnectionError>) -> Result<Option<Heard>, String> {
    Ok(Some(match event {
        Ok(Event::Incoming(incoming)) => return arrived(incoming),
        Ok(Event::Outgoing(Outgoing::Publish(packet_id @ 1..))) => Heard::Numbered(packet_id),
        Ok(Event::Outgoing(_)) => return Ok(None),
        Err(ConnectionError::ConnectionRefused(code)) => Heard::Arrived(Arrived::Refused(reason(code))),
        Err(error) => return Err(error.to_string()),
    }))
}

fn arrived(incoming: Incoming) -> Result<Option<Heard>, String> {
    Ok(Some(match incoming {
        Incoming::ConnAck(ack) => {
            Heard::Arrived(Arrived::Connected { session_present: ack.session_present, limits: limits(&ack) })
        }
        Incoming::Publish(message) => Heard::Arrived(Arrived::Message(Message {
            qos: ours(message.qos).ok_or("a message at QoS 2, which was not asked for")?,
            section: match &message.properties {
                Some(properties) => section(properties).ok_or("a message with bad properties")?,
                None => Section::default(),
            },
            payload: message.payload.to_vec(),
            packet_id: message.pkid,
            retain: message.retain,
            duplicate: message.dup,
            topic: String::from_utf8(message.topic.to_vec()).map_err(|_| "a topic that is no text")?,
        })),
        Incoming::PubAck(ack) => acknowledged(&ack).ok_or("a PUBACK with bad properties")?,
        Incoming::SubAck(ack) => {
            Heard::Granted(granted(&ack.return_codes).ok_or("a SUBACK with what was not asked for")?)
        }
        Incoming::Auth(_)
        | Incoming::PingReq(_)
        | Incoming::PingResp(_)
        | Incoming::Connect(..)
        | Incoming::PubRec(_)
        | Incoming::PubRel(_)
        | Incoming::PubComp(_)
        | Incoming::Subscribe(_)
        | Incoming::Unsubscribe(_)
        | Incoming::UnsubAck(_)
        | Incoming::Disconnect(_) => return Ok(None),
    }))
}

fn section(said: &PublishProperties) -> Option<Section> {
    let first = [
        said.payload_format_indicator.map(|is| SectionProperty::PayloadFormatIndicator(is == 1)),
        said.message_expiry_interval.map(SectionProperty::MessageExpiryInterval),
        said.response_topic.as_deref().map(SectionProperty::ResponseTopic),
        said.correlation_data.as_deref().map(SectionProperty::CorrelationData),
        said.content_type.as_deref().map(SectionProperty::ContentType),
    ];
    Section::write(SectionOf::Publish, first.into_iter().flatten().chain(user(&said.user_properties)))
}

fn acknowledged(ack: &PubAck) -> Option<Heard> {
    let section = match &ack.properties {
        Some(said) => {
            let reason = said.reason_string.as_deref().map(SectionProperty::ReasonString);
            Section::write(SectionOf::PubAck, reason.into_iter().chain(user(&said.user_properties)))?
        }
        None => Section::default(),
    };
    let reason_code = match ack.reason {
        PubAckReason::Success => 0,
        PubAckReason::NoMatchingSubscribers => 0x10,
        PubAckReason::UnspecifiedError => 0x80,
        PubAckReason::ImplementationSpecificError => 0x83,
        PubAckReason::NotAuthorized => 0x87,
        PubAckReason::TopicNameInvalid => 0x90,
        PubAckReason::PacketIdentifierInUse => 0x91,
        PubAckReason::QuotaExceeded => 0x97,
        PubAckReason::PayloadFormatInvalid => 0x99,
    };
    Some(Heard::Acknowledged { packet_id: ack.pkid, reason_code, section })
}

/// What is not said is not limited.
fn limits(ack: &ConnAck) -> Limits {
    let Some(said) = &ack.properties else { return Limits { topic_alias_maximum: 0, ..Limits::PREVIEW5 } };
    let available = |said: Option<u8>| said != Some(0);
    Limits {
        receive_maximum: said.receive_max.unwrap_or(u16::MAX),
        maximum_packet_size: said.max_packet_size.unwrap_or(u32::MAX),
        keep_alive_s: said.server_keep_alive,
        session_expiry_s: said.session_expiry_interval,
        topic_alias_maximum: said.topic_alias_max.unwrap_or(0),
        maximum_qos: if said.max_qos == Some(0) { Qos::AtMostOnce } else { Qos::AtLeastOnce },
        retain_available: available(said.retain_available),
        wildcards_available: available(said.wildcard_subscription_available),
        subscription_identifiers_available: available(said.subscription_identifiers_available),
        shared_subscriptions_available: available(said.shared_subscription_available),
    }
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
        let refused = |code| Err(FilterRefusal::from_code(code).unwrap_or(FilterRefusal::Unspecified));
        let outcome = match code {
            SubscribeReasonCode::Success(qos) => Ok(ours(*qos)?),
            SubscribeReasonCode::Failure | SubscribeReasonCode::Unspecified => refused(0x80),
            SubscribeReasonCode::ImplementationSpecific => refused(0x83),
            SubscribeReasonCode::NotAuthorized => refused(0x87),
            SubscribeReasonCode::TopicFilterInvalid => refused(0x8F),
            SubscribeReasonCode::PkidInUse => refused(0x91),
            SubscribeReasonCode::QuotaExceeded => refused(0x97),
            SubscribeReasonCode::SharedSubscriptionsNotSupported => refused(0x9E),
            SubscribeReasonCode::SubscriptionIdNotSupported => refused(0xA1),
            SubscribeReasonCode::WildcardSubscriptionsNotSupported => refused(0xA2),
        };
        granted.push(outcome).then_some(())?;
    }
    Some(granted)
}

/// The reason alone is handed on by rumqttc, not what the hub says besides.
fn reason(code: ConnectReturnCode) -> RefusalReason {
    let code = match code {
        ConnectReturnCode::MalformedPacket => 0x81,
        ConnectReturnCode::ProtocolError => 0x82,
        ConnectReturnCode::ImplementationSpecificError => 0x83,
        ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => 0x84,
        ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId => 0x85,
        ConnectReturnCode::BadUserNamePassword => 0x86,
        ConnectReturnCode::NotAuthorized => 0x87,
        ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServiceUnavailable => 0x88,
        ConnectReturnCode::ServerBusy => 0x89,
        ConnectReturnCode::Banned => 0x8A,
        ConnectReturnCode::BadAuthenticationMethod => 0x8C,
        ConnectReturnCode::TopicNameInvalid => 0x90,
        ConnectReturnCode::PacketTooLarge => 0x95,
        ConnectReturnCode::QuotaExceeded => 0x97,
        ConnectReturnCode::PayloadFormatInvalid => 0x99,
        ConnectReturnCode::RetainNotSupported => 0x9A,
        ConnectReturnCode::QoSNotSupported => 0x9B,
        ConnectReturnCode::UseAnotherServer => 0x9C,
        ConnectReturnCode::ServerMoved => 0x9D,
        ConnectReturnCode::ConnectionRateExceeded => 0x9F,
        // The first is no refusal, and rumqttc does not say that it is.
        ConnectReturnCode::Success | ConnectReturnCode::UnspecifiedError => 0x80,
    };
    RefusalReason::from_code(code).unwrap_or(RefusalReason::Unspecified)
}
