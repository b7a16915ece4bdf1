use embedded_io_async::Write;
use iothub_codec::Version;
use iothub_proto::{AckToken, Opening, Packet, PacketKind, Session};

use crate::fault::Fault;
use crate::kept::Kept;

/// Sends packets straight to the stream, and keeps the one that may have to be sent again.
pub(crate) struct Outbox<'k, W, const KEPT: usize> {
    stream: W,
    kept: &'k mut Kept<KEPT>,
}

impl<'k, W: Write, const KEPT: usize> Outbox<'k, W, KEPT> {
    pub(crate) fn new(stream: W, kept: &'k mut Kept<KEPT>) -> Self {
        Self { stream, kept }
    }

    /// Sends a packet of the session's.
    pub(crate) async fn send(&mut self, packet: &Packet<'_>) -> Result<(), Fault> {
        match packet {
            Packet::Connect(opening) => self.connect(opening).await,
            Packet::Subscribe { token, filters } => {
                self.write(0x82, &[&token.get().to_be_bytes(), filters.as_wire()]).await
            }
            Packet::Publish { ack: None, publish } => {
                let topic = publish.topic.as_bytes();
                self.write(0x30, &[&len(topic)?, topic, publish.payload]).await
            }
            Packet::Publish { ack: Some(token), publish } => {
                let topic = publish.topic.as_bytes();
                let parts: [&[u8]; 4] = [&len(topic)?, topic, &token.get().to_be_bytes(), publish.payload];
                let head = Head::new(0x32, &parts)?;
                let [one, two, three, four] = parts;
                let frame = self.kept.keep(*token, &[head.as_bytes(), one, two, three, four])?;
                self.stream.write_all(frame).await.map_err(Fault::stream)?;
                self.stream.flush().await.map_err(Fault::stream)
            }
            Packet::Ack { token, .. } => self.write(0x40, &[&token.get().to_be_bytes()]).await,
            Packet::Disconnect(_) => self.write(0xE0, &[]).await,
            // A hub's, or of MQTT 5, or what the session of a device does not send.
            Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::Unsubscribe { .. }
            | Packet::UnsubAck { .. }
            | Packet::Auth(_) => Err(Fault::NotOurs(packet.kind())),
        }
    }

    /// Sends the message again that was not acknowledged, if there is one.
    pub(crate) async fn repeat(&mut self) -> Result<(), Fault> {
        if let Some(frame) = self.kept.again() {
            self.stream.write_all(frame).await.map_err(Fault::stream)?;
            self.stream.flush().await.map_err(Fault::stream)?;
        }
        Ok(())
    }

    /// The hub has acknowledged that message.
    pub(crate) fn forget(&mut self, token: AckToken) {
        self.kept.forget(token);
    }

    /// Whether there is room to keep another message.
    pub(crate) fn takes_telemetry(&self) -> bool {
        self.kept.is_empty()
    }

    /// Sends a PINGREQ.
    pub(crate) async fn ping(&mut self) -> Result<(), Fault> {
        self.write(0xC0, &[]).await
    }

    async fn connect(&mut self, opening: &Opening<'_>) -> Result<(), Fault> {
        let connect = &opening.connect;
        if connect.version != Version::V311 {
            return Err(Fault::NotOurs(PacketKind::Connect));
        }
        let [high, low] = opening.keep_alive_s.to_be_bytes();
        let clean = if opening.session == Session::Fresh { 0x02 } else { 0 };
        // Every CONNECT to the service has a user name; a device that has a certificate has no password.
        let (named, proven) = (0x80, if connect.password.is_some() { 0x40 } else { 0 });
        let protocol = [0, 4, b'M', b'Q', b'T', b'T', 4, clean | named | proven, high, low];
        let client_id = connect.client_id.as_bytes();
        let username = connect.username.unwrap_or_default().as_bytes();
        let mut parts: [&[u8]; 7] =
            [&protocol, &len(client_id)?, client_id, &len(username)?, username, &[], &[]];
        let password = connect.password.unwrap_or_default();
        let password_len = len(password)?;
        if connect.password.is_some() {
            [parts[5], parts[6]] = [&password_len, password];
        }
        self.write(0x10, &parts).await
    }

    async fn write(&mut self, first: u8, parts: &[&[u8]]) -> Result<(), Fault> {
        let head = Head::new(first, parts)?;
        self.stream.write_all(head.as_bytes()).await.map_err(Fault::stream)?;
        for part in parts {
            self.stream.write_all(part).await.map_err(Fault::stream)?;
        }
        self.stream.flush().await.map_err(Fault::stream)
    }
}

/// The first byte of a packet, and how long the rest is.
struct Head {
    bytes: [u8; 5],
    len: usize,
}

impl Head {
    fn new(first: u8, parts: &[&[u8]]) -> Result<Self, Fault> {
        let mut rest = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut head = Self { bytes: [first, 0, 0, 0, 0], len: 1 };
        for place in &mut head.bytes[1..] {
            let more = if rest > 0x7F { 0x80 } else { 0 };
            *place = (rest & 0x7F) as u8 | more;
            rest >>= 7;
            head.len += 1;
            if rest == 0 {
                return Ok(head);
            }
        }
        Err(Fault::TooLong)
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The length that MQTT writes in front of a text or a password.
fn len(bytes: &[u8]) -> Result<[u8; 2], Fault> {
    u16::try_from(bytes.len()).map(u16::to_be_bytes).map_err(|_| Fault::TooLong)
}
