use core::fmt;
use core::net::SocketAddr;

use iothub_proto::Packet;

use crate::notice::Level;
use crate::provisioning::{Errand, Report};
use crate::recording::Recording;
use crate::transfers::Transferred;
use crate::uploads::{BlobCondition, WrittenBlob};

/// Names a connection of a device while it lasts. Made by the server, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Names an HTTP request that awaits its response. Made by the server, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// One thing that happened to a hub.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The hub begins to serve: what it must have and does not have yet is made.
    Start,
    /// A device opened a connection. Nothing is known of it until its CONNECT.
    Opened {
        /// The new connection.
        connection: ConnectionId,
        /// What the transport knows of it.
        peer: Peer,
    },
    /// A packet arrived.
    Packet {
        /// On which connection.
        connection: ConnectionId,
        /// The packet.
        packet: &'a Packet<'a>,
    },
    /// A connection is gone. Follows every [`Input::Opened`] once, also after
    /// [`Effect::Close`](crate::Effect::Close).
    Closed {
        /// Which connection.
        connection: ConnectionId,
        /// Why, in a few words for the log.
        why: &'a str,
        /// How loud the log says it: [`Level::Warn`] where the device has broken a rule or gone beyond a limit.
        level: Level,
    },
    /// An HTTP request arrived whole.
    Rest {
        /// Names the request in [`Effect::Respond`](crate::Effect::Respond).
        exchange: ExchangeId,
        /// The request.
        request: RestRequest<'a>,
    },
    /// A file was written that [`Hub::open_blob`](crate::Hub::open_blob) has let somebody write.
    BlobWritten {
        /// Names the request in [`Effect::Respond`](crate::Effect::Respond).
        exchange: ExchangeId,
        /// The file.
        blob: WrittenBlob,
    },
    /// A file is to be removed that [`Hub::open_blob`](crate::Hub::open_blob) has let somebody remove.
    BlobUnwanted {
        /// Names the request in [`Effect::Respond`](crate::Effect::Respond).
        exchange: ExchangeId,
        /// Its name.
        name: &'a str,
        /// On what condition.
        condition: BlobCondition,
    },
    /// Files are not there of which the hub thinks that they are. For the time behind [`Self::Start`].
    BlobsLost {
        /// Their names.
        names: Vec<String>,
    },
    /// Nobody waits for the response of an HTTP request any longer.
    Abandoned {
        /// Which request.
        exchange: ExchangeId,
    },
    /// What came of the step of an import or export.
    Transferred {
        /// Which one.
        number: u64,
        /// What came of it.
        outcome: Transferred,
    },
    /// The provisioning service of another hub wants something done in this one: what
    /// [`Effect::Delegate`](crate::Effect::Delegate) of that hub has.
    Errand {
        /// What.
        errand: Errand,
    },
    /// Another hub has done what this one's provisioning service wanted done: what
    /// [`Effect::Report`](crate::Effect::Report) of that hub has.
    Report {
        /// What came of it.
        report: Report,
    },
    /// The hub is about to stop: calls whose devices have not answered get no answer any more, and their callers are
    /// told.
    Stop,
    /// The record has grown long: some identities are to be stated anew, and with the first of them everything else. Once all
    /// are, [`Change::RestatementEnded`](crate::Change::RestatementEnded) is recorded. Only whoever keeps a record gives
    /// this.
    Restate {
        /// How many at a time, at least 1.
        identities: usize,
    },
    /// There is hardly room on disk, or there is room again. Only whoever keeps a record gives this.
    Recording {
        /// Whether the hub may have something recorded from now on.
        recording: Recording,
    },
    /// Whatever the edition allows, that many of the next messages and twin requests of devices and modules are refused as
    /// having come too fast. 0 for none any longer. Only tests give this.
    Throttle {
        /// How many.
        operations: u32,
    },
    /// The time of [`Hub::poll_timeout`](crate::Hub::poll_timeout) has come.
    Tick,
}

/// What the transport knows of a device's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// How the packets travel.
    pub transport: Transport,
    /// The name by which it asked TLS for the hub. For devices that do not say it again.
    pub server_name: Option<String>,
    /// The certificate by which TLS knows the client, and those behind it, in DER; empty if it has shown none. That the
    /// client has the key is proven; nothing else is.
    pub certificates: Vec<Vec<u8>>,
}

/// How a device's packets travel. Always under TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// MQTT over TCP.
    Mqtt,
    /// MQTT over WebSocket.
    MqttWebSocket,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mqtt => "MQTT",
            Self::MqttWebSocket => "MQTT over WebSocket",
        })
    }
}

/// An HTTP request, read whole.
#[derive(Clone, Copy, Debug)]
pub struct RestRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What follows the question mark, still percent-encoded.
    pub query: Option<&'a str>,
    /// The headers: names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The certificate by which TLS knows the client, and those behind it, in DER; empty if it has shown none. That the
    /// client has the key is proven; nothing else is.
    pub certificates: &'a [Vec<u8>],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> RestRequest<'a> {
    /// The value of the first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(each, _)| *each == name).map(|(_, value)| *value)
    }
}
