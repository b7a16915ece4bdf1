//! One session alone, brought to where a test begins.

use core::time::Duration;

use iothub_codec::{
    Channels, Connect, Dialect, Filters, Introduction, Proof, PropertySection, Publish, Qos, Telemetry,
    Version,
};
use iothub_proto::{
    AckToken, DeviceEvent, DeviceSession, FilterRefusal, Granted, Hello, HubEvent, HubSession, Instant,
    Limits, Now, Opening, Packet, PeerError, Seed, SendError, Session, Timestamp,
};

use crate::pair::{ALL, CALLS, REQUESTS, codec, identity};

pub(crate) type Device = DeviceSession<'static, REQUESTS>;
pub(crate) type Hub = HubSession<CALLS>;

pub(crate) const NOW: Instant = Instant::from_millis(1000);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn token(number: u16) -> AckToken {
    AckToken::new(number).unwrap()
}

/// In the classic dialect, where what differs between the dialects is not what a test is about.
pub(crate) const CLASSIC: Dialect = Dialect::Classic;

/// It is told of changes of the desired properties as they come, and asks for nothing by itself.
pub(crate) fn offline(wanted: Channels) -> Device {
    offline_in(CLASSIC, wanted)
}

pub(crate) fn offline_in(dialect: Dialect, wanted: Channels) -> Device {
    Device::new(codec(dialect), wanted).with_desired_as_they_come()
}

/// CONNECT is sent, and asks for that session, with credentials that last so long.
pub(crate) fn connect(device: &mut Device, session: Session, lifetime: Option<Duration>) {
    connect_with(device, session, lifetime, Seed::new(5));
}

pub(crate) fn connect_with(device: &mut Device, session: Session, lifetime: Option<Duration>, seed: Seed) {
    let now = Now { instant: NOW, timestamp: Timestamp::from_secs(1_900_000_000) };
    let hello = Hello { seed, ..hello(now.timestamp, session, lifetime) };
    let mut out = [0; 512];
    let packet = device.connect(now, &hello, &mut out).unwrap();
    assert!(matches!(packet, Packet::Connect(_)), "{packet:?}");
}

pub(crate) fn hello(now: Timestamp, session: Session, lifetime: Option<Duration>) -> Hello<'static> {
    Hello {
        introduction: Introduction { host: "hub1", client_agent: None, model_id: None },
        proof: Proof::None,
        valid_until: lifetime.map(|lifetime| now.after(lifetime)),
        session,
        keep_alive_s: 60,
        will: None,
        packet_len_max: None,
        seed: Seed::new(5),
    }
}

pub(crate) fn connected(session: Session) -> Packet<'static> {
    Packet::Connected { session, limits: Limits::CLASSIC }
}

/// The hub has answered CONNECT, and SUBSCRIBE is still to be sent.
pub(crate) fn accepted(wanted: Channels) -> Device {
    accepted_in(CLASSIC, wanted)
}

pub(crate) fn accepted_in(dialect: Dialect, wanted: Channels) -> Device {
    let mut device = offline_in(dialect, wanted);
    connect(&mut device, Session::Resume, None);
    let event = device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();
    assert_eq!(event, wanted.is_empty().then_some(DeviceEvent::Ready));
    device
}

/// The SUBSCRIBE that the device sends: its token, and how many filters it has.
pub(crate) fn subscribe(device: &mut Device) -> (AckToken, usize) {
    let mut out = [0; 512];
    match device.poll_transmit(&mut out).unwrap() {
        Some(Packet::Subscribe { token, filters }) => (token, filters.iter().count()),
        other => panic!("{other:?} instead of SUBSCRIBE"),
    }
}

pub(crate) fn granted(outcomes: &[Option<Qos>]) -> Granted {
    let mut granted = Granted::EMPTY;
    for outcome in outcomes {
        assert!(granted.push(outcome.ok_or(FilterRefusal::Unspecified)));
    }
    granted
}

/// SUBACK for the SUBSCRIBE that the device sends now, with everything granted.
pub(crate) fn grant(device: &mut Device) -> Option<DeviceEvent<'static>> {
    let (token, filters) = subscribe(device);
    let granted = granted(&vec![Some(Qos::AtMostOnce); filters]);
    device.handle_packet(NOW, &Packet::SubAck { token, granted }).unwrap()
}

pub(crate) fn ready() -> Device {
    ready_in(CLASSIC)
}

pub(crate) fn ready_in(dialect: Dialect) -> Device {
    let mut device = accepted_in(dialect, ALL);
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
    device
}

pub(crate) fn publish(topic: &str, ack: Option<AckToken>) -> Packet<'_> {
    let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
    Packet::Publish { ack, publish: Publish { qos, ..Publish::new(topic, b"{}") } }
}

pub(crate) const COMMAND: &str = "devices/pump-7/messages/devicebound/%24.to=x";
pub(crate) const CALL: &str = "$iothub/methods/POST/reboot/?$rid=1";
pub(crate) const TELEMETRY: &str = "devices/pump-7/messages/events/";

/// A hub's session, without any subscription.
pub(crate) fn hub() -> Hub {
    hub_in(CLASSIC)
}

pub(crate) fn hub_in(dialect: Dialect) -> Hub {
    Hub::accept(dialect, identity(), &opening(dialect), None, 1).0
}

/// A hub's session whose device listens to everything.
pub(crate) fn listening(dialect: Dialect) -> Hub {
    let mut hub = hub_in(dialect);
    listen(&mut hub, dialect);
    hub
}

pub(crate) fn listen(hub: &mut Hub, dialect: Dialect) {
    let mut out = [0; 512];
    let filters = codec(dialect).filters(ALL, &mut out).unwrap();
    hub.handle_packet(NOW, &Packet::Subscribe { token: token(1), filters }).unwrap();
}

/// What a CONNECT says beside the claim that was accepted: nothing.
pub(crate) fn opening(dialect: Dialect) -> Opening<'static> {
    Opening::new(Connect {
        version: version(dialect),
        client_id: "pump-7",
        username: None,
        password: None,
        properties: PropertySection::EMPTY,
    })
}

pub(crate) fn version(dialect: Dialect) -> Version {
    if dialect == Dialect::Preview5 { Version::V5 } else { Version::V311 }
}

/// The payload of a SUBSCRIBE with these filters.
pub(crate) fn wire(filters: &[(&str, Qos)]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (topic, qos) in filters {
        wire.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        wire.extend(topic.bytes());
        wire.push(*qos as u8);
    }
    wire
}

/// The device subscribes: what it is granted, and which channels that opens.
pub(crate) fn subscribes(
    hub: &mut Hub,
    filters: &[(&str, Qos)],
) -> Result<(Vec<Option<Qos>>, Channels), PeerError> {
    let wire = wire(filters);
    let packet = Packet::Subscribe { token: token(1), filters: Filters::from_subscribe(&wire).unwrap() };
    let event = hub.handle_packet(NOW, &packet)?;
    let HubEvent::Subscribed { token: answered, granted, channels, .. } = event else {
        panic!("{event:?} after SUBSCRIBE")
    };
    assert_eq!(answered, token(1));
    Ok((granted.iter().map(Result::ok).collect(), channels))
}

/// Sends an empty message to the cloud.
pub(crate) fn send(device: &mut Device, qos: Qos) -> Result<Option<AckToken>, SendError> {
    let mut out = [0; 128];
    device.send_telemetry(&Telemetry { qos, ..Telemetry::default() }, &mut out).map(|(token, _)| token)
}
