use core::time::Duration;

use iothub_codec::{PropertySection, Publish, Qos, Version};
use iothub_proto::{AckToken, Session};

use crate::Failure;
use crate::broker::Broker;
use crate::peer::Peer;

type Step = fn(&mut Broker, Version) -> Result<(), Failure>;

pub(crate) const ALL: [(&str, Step); 5] = [
    ("messages at either QoS are published, acknowledged and delivered", delivered),
    ("a filter that is given up brings nothing more", given_up),
    ("pings keep a silent connection", kept),
    ("a session goes on where its connection broke", resumed),
    ("what a broker that is killed did not acknowledge is sent again", sent_again),
];

const TOPIC: &str = "iothub/interop/pump-7/messages";
const FILTER: &str = "iothub/interop/+/messages";

fn delivered(broker: &mut Broker, version: Version) -> Result<(), Failure> {
    let (mut publisher, mut subscriber) = both(broker, version)?;
    // Two user properties, as they stand in a packet.
    let wire = b"\x26\0\x04room\0\x022b\x26\0\x01k\0\x01v";
    let (properties, user) = match version {
        Version::V311 => (PropertySection::EMPTY, vec![]),
        Version::V5 => {
            let properties = PropertySection::from_wire(wire, iothub_codec::SectionOf::Publish)
                .map_err(|error| format!("{error:?}"))?;
            (properties, vec![("room".to_owned(), "2b".to_owned()), ("k".to_owned(), "v".to_owned())])
        }
    };
    let large = vec![b'x'; 200 * 1024];
    let payloads: [&[u8]; 4] = [b"", b"21.5", &[0, 0xff, b'\n'], &large];
    for (n, payload) in (1..).zip(payloads) {
        publisher.publish(None, Publish { properties, payload, ..message(Qos::AtMostOnce) })?;
        publisher.publish(Some(token(n)), Publish { properties, payload, ..message(Qos::AtLeastOnce) })?;
    }
    publisher.until("acknowledged", |heard| heard.acknowledged.len() == payloads.len())?;
    subscriber.until("given all", |heard| heard.messages.len() == 2 * payloads.len())?;
    for (payload, pair) in payloads.iter().zip(subscriber.heard().messages.chunks(2)) {
        for heard in pair {
            if (heard.topic.as_str(), heard.payload.as_slice(), &heard.user) != (TOPIC, *payload, &user) {
                return Err(format!("something else has come: {:?}, {:?}", heard.topic, heard.user).into());
            }
        }
    }
    Ok(())
}

fn given_up(broker: &mut Broker, version: Version) -> Result<(), Failure> {
    let (mut publisher, mut subscriber) = both(broker, version)?;
    subscriber.unsubscribe(FILTER)?;
    publisher.publish(Some(token(1)), message(Qos::AtLeastOnce))?;
    publisher.until("acknowledged", |heard| heard.acknowledged.len() == 1)?;
    // What is told behind a new subscription comes behind what was told before it.
    subscriber.subscribe("iothub/interop/end")?;
    publisher
        .publish(Some(token(2)), Publish { topic: "iothub/interop/end", ..message(Qos::AtLeastOnce) })?;
    publisher.until("acknowledged", |heard| heard.acknowledged.len() == 2)?;
    subscriber.until("told of the end", |heard| !heard.messages.is_empty())?;
    match subscriber.heard().messages.as_slice() {
        [end] if end.topic == "iothub/interop/end" => Ok(()),
        messages => Err(format!("{messages:?}").into()),
    }
}

fn kept(broker: &mut Broker, version: Version) -> Result<(), Failure> {
    let mut silent = Peer::new("silent", version);
    silent.connect(broker, Session::Fresh, 1)?;
    // A broker gives up after one and a half times the promised second.
    silent.stay(Duration::from_secs(4))
}

fn resumed(broker: &mut Broker, version: Version) -> Result<(), Failure> {
    let mut publisher = Peer::new("publisher", version);
    publisher.connect(broker, Session::Fresh, 30)?;
    let mut subscriber = Peer::new("subscriber", version);
    subscriber.connect(broker, Session::Resume, 30)?;
    subscriber.subscribe(FILTER)?;
    subscriber.hang_up();
    publisher.publish(Some(token(1)), message(Qos::AtLeastOnce))?;
    publisher.until("acknowledged", |heard| heard.acknowledged.len() == 1)?;
    subscriber.connect(broker, Session::Resume, 30)?;
    subscriber.until("given what it once asked for", |heard| heard.messages.len() == 1)?;
    match subscriber.heard().sessions.as_slice() {
        [_, Session::Resume] => Ok(()),
        sessions => Err(format!("the broker knew nothing of the session: {sessions:?}").into()),
    }
}

fn sent_again(broker: &mut Broker, version: Version) -> Result<(), Failure> {
    const COUNT: u16 = 10;
    let mut publisher = Peer::new("publisher", version);
    publisher.connect(broker, Session::Resume, 30)?;
    publisher.publish(Some(token(1)), message(Qos::AtLeastOnce))?;
    publisher.until("acknowledged", |heard| heard.acknowledged.len() == 1)?;
    broker.pause()?;
    let payloads: Vec<String> = (2..=COUNT).map(|n| n.to_string()).collect();
    for (n, payload) in (2..).zip(&payloads) {
        let publish = Publish { payload: payload.as_bytes(), ..message(Qos::AtLeastOnce) };
        publisher.publish(Some(token(n)), publish)?;
    }
    publisher.flush()?;
    broker.restart()?;

    let mut subscriber = Peer::new("subscriber", version);
    subscriber.connect(broker, Session::Fresh, 30)?;
    subscriber.subscribe(FILTER)?;
    publisher.connect(broker, Session::Resume, 30)?;
    publisher.until("acknowledged", |heard| heard.acknowledged.len() == usize::from(COUNT))?;
    subscriber.until("given all", |heard| heard.messages.len() >= payloads.len())?;
    let heard: Vec<_> = subscriber.heard().messages.iter().map(|each| each.payload.as_slice()).collect();
    if heard.iter().eq(&payloads.iter().map(|each| each.as_bytes()).collect::<Vec<_>>()) {
        Ok(())
    } else {
        Err(format!("not {payloads:?} but {:?}", subscriber.heard().messages).into())
    }
}

/// Two clients, of which one hears what the other says.
fn both(broker: &Broker, version: Version) -> Result<(Peer, Peer), Failure> {
    let (mut publisher, mut subscriber) = (Peer::new("publisher", version), Peer::new("subscriber", version));
    publisher.connect(broker, Session::Fresh, 30)?;
    subscriber.connect(broker, Session::Fresh, 30)?;
    subscriber.subscribe(FILTER)?;
    Ok((publisher, subscriber))
}

fn message(qos: Qos) -> Publish<'static> {
    Publish {
        topic: TOPIC,
        properties: PropertySection::EMPTY,
        payload: b"x",
        qos,
        retain: false,
        duplicate: false,
    }
}

/// The token of the message with that number, from 1.
fn token(n: u16) -> AckToken {
    AckToken::new(n).unwrap_or(AckToken::FIRST)
}
