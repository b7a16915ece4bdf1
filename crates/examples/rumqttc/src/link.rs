use core::error::Error;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use iothub_codec::Version;
use iothub_proto::{AckToken, Opening, Packet};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::arrived::{Arrived, Heard};
use crate::{v4, v5};

/// One connection by rumqttc, seen as packets of a session.
///
/// There is a new one for each connection: what rumqttc would do by itself behind a broken one, which is to connect with
/// the same token and to repeat what it has, is what the session and [`Device`](crate::device::Device) decide.
pub(crate) struct Link {
    client: Client,
    events: mpsc::Receiver<Result<Heard, String>>,
    /// Ends when it is dropped.
    _polling: JoinSet<()>,
    /// Messages at QoS 1 that rumqttc has not given a packet id yet, in order.
    unnumbered: VecDeque<AckToken>,
    /// Those that it has, by their packet ids: they are not the session's.
    numbered: BTreeMap<u16, AckToken>,
    subscribing: Option<AckToken>,
}

/// rumqttc has a client for each version of MQTT.
enum Client {
    V4(rumqttc::AsyncClient),
    V5(rumqttc::v5::AsyncClient),
}

/// Where the hub is, and whom to trust about that.
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Packets that wait for the socket: the session's sixteen messages with room for everything else.
pub(crate) const WAITING: usize = 64;

/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_secs(2);

impl Link {
    /// Begins to connect, with what the session says in its first packet.
    pub(crate) fn open(address: &Address, opening: &Opening<'_>) -> Result<Self, Box<dyn Error>> {
        let (tell, events) = mpsc::channel(WAITING);
        let mut polling = JoinSet::new();
        // In a task of its own, because `poll` must not be dropped half-way whenever something else happens.
        let client = match opening.connect.version {
            Version::V311 => {
                let (client, mut polled) = v4::open(address, opening)?;
                polling.spawn(async move { while tell_of(v4::heard(polled.poll().await), &tell).await {} });
                Client::V4(client)
            }
            Version::V5 => {
                let (client, mut polled) = v5::open(address, opening);
                polling.spawn(async move { while tell_of(v5::heard(polled.poll().await), &tell).await {} });
                Client::V5(client)
            }
        };
        let (unnumbered, numbered) = (VecDeque::new(), BTreeMap::new());
        Ok(Self { client, events, _polling: polling, unnumbered, numbered, subscribing: None })
    }

    /// Sends a packet of the session's, in the order in which they are given.
    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> Result<(), Box<dyn Error>> {
        match packet {
            Packet::Subscribe { token, filters } => {
                match &self.client {
                    Client::V4(client) => v4::subscribe(client, *filters)?,
                    Client::V5(client) => v5::subscribe(client, *filters)?,
                }
                self.subscribing = Some(*token);
            }
            Packet::Publish { ack, publish } => {
                match &self.client {
                    Client::V4(client) => v4::publish(client, publish)?,
                    Client::V5(client) => v5::publish(client, publish)?,
                }
                self.unnumbered.extend(ack);
            }
            Packet::Ack { token, .. } => match &self.client {
                Client::V4(client) => v4::acknowledge(client, *token)?,
                Client::V5(client) => v5::acknowledge(client, *token)?,
            },
            // The first was said when the link was opened, the last is when it is closed, rumqttc has no AUTH, and the
            // others are not for a device to send.
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
            let heard = self.events.recv().await.ok_or("the connection has ended")?;
            match heard? {
                Heard::Arrived(arrived) => return Ok(arrived),
                Heard::Granted(granted) => {
                    if let Some(token) = self.subscribing.take() {
                        return Ok(Arrived::Granted { token, granted });
                    }
                }
                Heard::Numbered(packet_id) => {
                    if let Some(token) = self.unnumbered.pop_front() {
                        self.numbered.insert(packet_id, token);
                    }
                }
                Heard::Acknowledged { packet_id, reason_code, section } => {
                    if let Some(token) = self.numbered.remove(&packet_id) {
                        return Ok(Arrived::Acknowledged { token, reason_code, section });
                    }
                }
            }
        }
    }

    /// Says goodbye behind everything that was sent, and waits until the hub has closed the connection.
    pub(crate) async fn close(mut self) {
        let said = match &self.client {
            Client::V4(client) => client.try_disconnect().is_ok(),
            Client::V5(client) => client.try_disconnect().is_ok(),
        };
        if said {
            let end = async { while let Some(Ok(_)) = self.events.recv().await {} };
            // Whoever does not listen notices the end all the same.
            let _ = tokio::time::timeout(FAREWELL, end).await;
        }
    }
}

/// Whether there is anything left to tell.
async fn tell_of(heard: Result<Option<Heard>, String>, tell: &mpsc::Sender<Result<Heard, String>>) -> bool {
    let is_last = matches!(heard, Err(_) | Ok(Some(Heard::Arrived(Arrived::Refused(_)))));
    match heard.transpose() {
        Some(heard) => tell.send(heard).await.is_ok() && !is_last,
        None => true,
    }
}
