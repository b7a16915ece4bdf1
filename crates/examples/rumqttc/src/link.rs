use core::error::Error;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use iothub_codec::Filter;
use iothub_proto::{AckToken, Limits, Opening, Packet, Session};
use rumqttc::{
    AsyncClient, ConnectionError, Event, Incoming, MqttOptions, Outgoing, Publish, QoS, SubscribeFilter,
    TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::translation::{Arrived, their_qos};

/// One connection by rumqttc, seen as packets of a session.
///
/// There is a new one for each connection: what rumqttc would do by itself behind a broken one, which is to connect with
/// the same token and to repeat what it has, is what the session and [`Device`](crate::device::Device) decide.
pub(crate) struct Link {
    client: AsyncClient,
    events: mpsc::Receiver<Result<Event, ConnectionError>>,
    /// Ends when it is dropped.
    _polling: JoinSet<()>,
    /// Messages at QoS 1 that rumqttc has not given a packet id yet, in order.
    unnumbered: VecDeque<AckToken>,
    /// Those that it has, by their packet ids: they are not the session's.
    numbered: BTreeMap<u16, AckToken>,
    subscribing: Option<AckToken>,
}

/// Where the hub is, and whom to trust about that.
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Packets that wait for the socket: the session's sixteen messages with room for everything else.
const WAITING: usize = 64;

/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_secs(2);

impl Link {
    /// Begins to connect, with what the session says in its first packet.
    pub(crate) fn open(address: &Address, opening: &Opening<'_>) -> Result<Self, Box<dyn Error>> {
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

        let (client, mut polled) = AsyncClient::new(options, WAITING);
        let (tell, events) = mpsc::channel(WAITING);
        let mut polling = JoinSet::new();
        // In a task of its own, because `poll` must not be dropped half-way whenever something else happens.
        polling.spawn(async move {
            loop {
                let event = polled.poll().await;
                let is_last = event.is_err();
                if tell.send(event).await.is_err() || is_last {
                    return;
                }
            }
        });
        let (unnumbered, numbered) = (VecDeque::new(), BTreeMap::new());
        Ok(Self { client, events, _polling: polling, unnumbered, numbered, subscribing: None })
    }

    /// Sends a packet of the session's, in the order in which they are given.
    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> Result<(), Box<dyn Error>> {
        match packet {
            Packet::Subscribe { token, filters } => {
                let filter =
                    |filter: Filter<'_>| SubscribeFilter::new(filter.topic.to_owned(), their_qos(filter.qos));
                self.client.try_subscribe_many(filters.iter().map(filter))?;
                self.subscribing = Some(*token);
            }
            Packet::Publish { ack, publish } => {
                let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
                self.client.try_publish(topic, their_qos(publish.qos), publish.retain, payload)?;
                self.unnumbered.extend(ack);
            }
            Packet::Ack { token, .. } => {
                // It looks at nothing else of the message that is acknowledged.
                let mut message = Publish::new("", QoS::AtLeastOnce, []);
                message.pkid = token.get();
                self.client.try_ack(&message)?;
            }
            // The first was said when the link was opened, the last is when it is closed, and the others are not for a
            // device to send.
            Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::Unsubscribe { .. }
            | Packet::UnsubAck { .. }
            | Packet::Auth(_)
            | Packet::Disconnect(_) => return Err(format!("{} is not served", packet.kind()).into()),
        }
        Ok(())
    }

    /// The next packet. Dropping it loses nothing. Behind an error there is no other.
    pub(crate) async fn receive(&mut self) -> Result<Arrived, Box<dyn Error>> {
        loop {
            let event = self.events.recv().await.ok_or("the connection has ended")?;
            match event {
                Ok(Event::Incoming(incoming)) => {
                    if let Some(arrived) = self.arrived(incoming) {
                        return Ok(arrived);
                    }
                }
                // Packet id 0 is QoS 0.
                Ok(Event::Outgoing(Outgoing::Publish(packet_id @ 1..))) => {
                    if let Some(token) = self.unnumbered.pop_front() {
                        self.numbered.insert(packet_id, token);
                    }
                }
                Ok(Event::Outgoing(_)) => {}
                Err(ConnectionError::ConnectionRefused(code)) => return Ok(Arrived::Refused(code)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says goodbye behind everything that was sent, and waits until the hub has closed the connection.
    pub(crate) async fn close(mut self) {
        if self.client.try_disconnect().is_ok() {
            let end = async { while let Some(Ok(_)) = self.events.recv().await {} };
            // Whoever does not listen notices the end all the same.
            let _ = tokio::time::timeout(FAREWELL, end).await;
        }
    }

    fn arrived(&mut self, incoming: Incoming) -> Option<Arrived> {
        match incoming {
            Incoming::ConnAck(ack) => Some(Arrived::Connected { session_present: ack.session_present }),
            Incoming::Publish(message) => Some(Arrived::Message(message)),
            Incoming::PubAck(ack) => self.numbered.remove(&ack.pkid).map(Arrived::Acknowledged),
            Incoming::SubAck(ack) => {
                let token = self.subscribing.take()?;
                Some(Arrived::Granted { token, codes: ack.return_codes })
            }
            // Pings are rumqttc's business, and the others no hub's.
            Incoming::PingReq
            | Incoming::PingResp
            | Incoming::Connect(_)
            | Incoming::PubRec(_)
            | Incoming::PubRel(_)
            | Incoming::PubComp(_)
            | Incoming::Subscribe(_)
            | Incoming::Unsubscribe(_)
            | Incoming::UnsubAck(_)
            | Incoming::Disconnect => None,
        }
    }
}
