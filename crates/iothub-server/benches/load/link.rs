use iothub_codec::{Connect, Filters, PropertySection, Publish, Qos, Version};
use iothub_mqtt::Client;
use iothub_proto::{AckToken, Instant, Limits, Opening, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::target::{HOST, Target};

/// One device's connection.
pub(crate) struct Link {
    stream: TlsStream<TcpStream>,
    pub(crate) mqtt: Client,
    token: AckToken,
}

impl Link {
    /// Connects as a device, and is let in.
    pub(crate) async fn connect(target: &Target, device: &str) -> Self {
        let stream = target.secure().await;
        let mut link = Self { stream, mqtt: Client::new(Limits::CLASSIC), token: AckToken::FIRST };
        let (username, password) =
            (format!("{HOST}/{device}/?api-version=2021-04-12"), target.password(device));
        let connect = Connect {
            version: Version::V311,
            client_id: device,
            username: password.is_some().then_some(&username),
            password: password.as_deref().map(str::as_bytes),
            properties: PropertySection::EMPTY,
        };
        link.send(&Packet::Connect(Opening { keep_alive_s: 0, ..Opening::new(connect) }));
        link.turn().await;
        assert!(
            matches!(link.mqtt.poll_packet().unwrap(), Some(Packet::Connected { .. })),
            "{device} is not let in"
        );
        link
    }

    /// Subscribes to a filter at QoS 0.
    pub(crate) async fn subscribe(&mut self, filter: &str) {
        let len = u16::try_from(filter.len()).unwrap().to_be_bytes();
        let wire = [&len, filter.as_bytes(), &[0]].concat();
        let filters = Filters::from_subscribe(&wire).unwrap();
        let token = self.next_token();
        self.send(&Packet::Subscribe { token, filters });
        self.turn().await;
        assert!(
            matches!(self.mqtt.poll_packet().unwrap(), Some(Packet::SubAck { .. })),
            "{filter} is not granted"
        );
    }

    /// Has a message written with the next [`Self::turn`].
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: Qos) {
        let ack = (qos == Qos::AtLeastOnce).then(|| self.next_token());
        self.send(&Packet::Publish { ack, publish: Publish { qos, ..Publish::new(topic, payload) } });
    }

    /// Writes what there is to write, and waits for something to arrive.
    pub(crate) async fn turn(&mut self) {
        while let Some(bytes) = self.mqtt.poll_bytes() {
            let len = self.stream.write(bytes).await.unwrap();
            self.mqtt.consume(len);
        }
        self.stream.flush().await.unwrap();
        let len = self.stream.read(self.mqtt.read_buffer()).await.unwrap();
        assert_ne!(len, 0, "the server has closed the connection");
        self.mqtt.handle_read(NOW, len);
    }

    /// Ends the connection in order.
    pub(crate) async fn leave(mut self) {
        self.send(&Packet::Disconnect(iothub_codec::Ack::SUCCESS));
        while let Some(bytes) = self.mqtt.poll_bytes() {
            let len = self.stream.write(bytes).await.unwrap();
            self.mqtt.consume(len);
        }
        // The server may be quicker.
        let _ = self.stream.shutdown().await;
    }

    fn send(&mut self, packet: &Packet<'_>) {
        self.mqtt.send(NOW, packet).unwrap();
    }

    fn next_token(&mut self) -> AckToken {
        let token = self.token;
        self.token = token.next();
        token
    }
}

/// No time passes: nothing here is to time out.
const NOW: Instant = Instant::from_millis(0);
