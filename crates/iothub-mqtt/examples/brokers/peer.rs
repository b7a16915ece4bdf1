use core::time::Duration;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use iothub_codec::{Ack, Connect, Filters, PropertySection, Publish, Version};
use iothub_mqtt::Client;
use iothub_proto::{AckToken, Instant, Limits, Opening, Packet, Session};

use crate::broker::Broker;
use crate::{Failure, clock};

/// A client on a blocking socket, and what it has heard.
pub(crate) struct Peer {
    version: Version,
    name: &'static str,
    began: std::time::Instant,
    client: Client,
    stream: Option<TcpStream>,
    heard: Heard,
}

/// What a peer has heard since it was made.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// What the broker knew, at each connection.
    pub(crate) sessions: Vec<Session>,
    pub(crate) messages: Vec<Message>,
    pub(crate) acknowledged: BTreeSet<AckToken>,
    pub(crate) subscribed: usize,
    pub(crate) unsubscribed: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) user: Vec<(String, String)>,
}

impl Peer {
    /// How long anything may take.
    const WITHIN: Duration = Duration::from_secs(20);
    /// How long the socket waits, so that timers are looked at in between.
    const TICK: Duration = Duration::from_millis(20);

    pub(crate) fn new(name: &'static str, version: Version) -> Self {
        let client = Client::new(Limits::CLASSIC);
        Self { version, name, began: clock::now(), client, stream: None, heard: Heard::default() }
    }

    /// Connects, for the first time or again, and returns when the broker has said yes.
    pub(crate) fn connect(
        &mut self,
        broker: &Broker,
        session: Session,
        keep_alive_s: u16,
    ) -> Result<(), Failure> {
        let stream = broker.connect()?;
        stream.set_read_timeout(Some(Self::TICK))?;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        self.client.reset(session);
        let connect = Connect {
            version: self.version,
            client_id: self.name,
            username: None,
            password: None,
            properties: PropertySection::EMPTY,
        };
        // Over MQTT 5 a session that is to outlive its connection has to be asked for in so many words.
        let session_expiry_s = (self.version == Version::V5 && session == Session::Resume).then_some(3600);
        let opening = Opening { session, keep_alive_s, session_expiry_s, ..Opening::new(connect) };
        self.send(&Packet::Connect(opening))?;
        let before = self.heard.sessions.len();
        self.until("connected", |heard| heard.sessions.len() > before)
    }

    /// Closes the socket without a goodbye.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    fn send(&mut self, packet: &Packet<'_>) -> Result<(), Failure> {
        let now = self.now();
        self.client.send(now, packet)?;
        Ok(())
    }

    /// A message at QoS 1 if it has a token, and at QoS 0 otherwise.
    pub(crate) fn publish(&mut self, token: Option<AckToken>, publish: Publish<'_>) -> Result<(), Failure> {
        self.send(&Packet::Publish { ack: token, publish })
    }

    pub(crate) fn subscribe(&mut self, topic: &str) -> Result<(), Failure> {
        let wire = [&(topic.len() as u16).to_be_bytes(), topic.as_bytes(), &[1]].concat();
        let filters = Filters::from_subscribe(&wire)?;
        self.send(&Packet::Subscribe { token: TOKEN_OF_SUBSCRIPTIONS, filters })?;
        let before = self.heard.subscribed;
        self.until("subscribed", |heard| heard.subscribed > before)
    }

    pub(crate) fn unsubscribe(&mut self, topic: &str) -> Result<(), Failure> {
        let wire = [&(topic.len() as u16).to_be_bytes(), topic.as_bytes()].concat();
        let filters = Filters::from_unsubscribe(&wire)?;
        self.send(&Packet::Unsubscribe { token: TOKEN_OF_SUBSCRIPTIONS, filters })?;
        let before = self.heard.unsubscribed;
        self.until("unsubscribed", |heard| heard.unsubscribed > before)
    }

    /// Writes everything, as long as the socket takes it, without reading anything.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let Self { client, stream, .. } = self;
        let stream = stream.as_mut().ok_or("not connected")?;
        while let Some(bytes) = client.poll_bytes() {
            let written = stream.write(bytes)?;
            client.consume(written);
        }
        Ok(())
    }

    /// Goes on until what has been heard is enough.
    pub(crate) fn until(&mut self, what: &str, enough: impl Fn(&Heard) -> bool) -> Result<(), Failure> {
        let deadline = clock::now() + Self::WITHIN;
        while !enough(&self.heard) {
            if clock::now() > deadline {
                return Err(
                    format!("{} not {what} within {:?}: {:?}", self.name, Self::WITHIN, self.heard).into()
                );
            }
            self.turn()?;
        }
        self.flush()
    }

    /// Goes on for so long, whatever is heard.
    pub(crate) fn stay(&mut self, time: Duration) -> Result<(), Failure> {
        let deadline = clock::now() + time;
        while clock::now() < deadline {
            self.turn()?;
        }
        Ok(())
    }

    pub(crate) const fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Writes, waits a moment for something to read, and does what is due.
    fn turn(&mut self) -> Result<(), Failure> {
        self.flush()?;
        let stream = self.stream.as_mut().ok_or("not connected")?;
        match stream.read(self.client.read_buffer()) {
            Ok(0) => return Err(format!("the broker closed the connection of {}", self.name).into()),
            Ok(len) => self.client.handle_read(self.now(), len),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        let now = self.now();
        while let Some(packet) = self.client.poll_packet()? {
            if let Some(token) = self.heard.take(&packet)? {
                self.client.send(now, &Packet::Ack { token, ack: Ack::SUCCESS })?;
            }
        }
        if self.client.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.client.handle_timeout(now)?;
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::from_millis(clock::now().duration_since(self.began).as_millis() as u64)
    }
}

/// Messages have those below.
const TOKEN_OF_SUBSCRIPTIONS: AckToken = match AckToken::new(u16::MAX) {
    Some(token) => token,
    None => AckToken::FIRST,
};

impl Heard {
    /// Takes note of a packet, and says what is to be acknowledged.
    fn take(&mut self, packet: &Packet<'_>) -> Result<Option<AckToken>, Failure> {
        match packet {
            Packet::Connected { session, .. } => self.sessions.push(*session),
            Packet::SubAck { granted, .. } => match granted.iter().all(|each| each.is_ok()) {
                true => self.subscribed += 1,
                false => return Err(format!("refused: {granted:?}").into()),
            },
            Packet::UnsubAck { .. } => self.unsubscribed += 1,
            Packet::Ack { token, ack } if ack.reason_code < 0x80 => {
                self.acknowledged.insert(*token);
            }
            Packet::Publish { ack, publish } => {
                let user =
                    publish.properties.user().map(|each| (each.name.to_string(), each.value.to_string()));
                self.messages.push(Message {
                    topic: publish.topic.to_owned(),
                    payload: publish.payload.to_vec(),
                    user: user.collect(),
                });
                return Ok(*ack);
            }
            Packet::Ack { .. }
            | Packet::Refused(_)
            | Packet::Disconnect(_)
            | Packet::Auth(_)
            | Packet::Connect(_)
            | Packet::Subscribe { .. }
            | Packet::Unsubscribe { .. } => return Err(format!("not expected: {packet:?}").into()),
        }
        Ok(None)
    }
}
