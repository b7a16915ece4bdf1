use bytes::Bytes;
use iothub_codec::{Codec, DeviceId, Dialect, Identity, Telemetry};
use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS, TlsConfiguration, Transport};
use tokio::sync::mpsc;

use crate::flow::Send;
use crate::target::{HOST, PAYLOAD, Target};

/// rumqttc tells of acknowledgements by packet identifiers that whoever sends does not know; they come in the order of
/// the messages, by which they are told here.
pub(crate) struct Sender {
    client: AsyncClient,
    topic: String,
    acknowledgements: mpsc::UnboundedReceiver<()>,
}

impl Sender {
    pub(crate) async fn new(target: &Target) -> Self {
        Self::connected(target, 0).await
    }

    pub(crate) async fn connected(target: &Target, number: u64) -> Self {
        let mut options = MqttOptions::new(format!("device-{number:05}"), HOST, target.address.port());
        options.set_inflight(target.window);
        if let Some(tls) = target.tls() {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        }
        let (client, mut events) = AsyncClient::new(options, 128);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        let (told, acknowledgements) = mpsc::unbounded_channel();
        loop {
            if let Event::Incoming(Packet::ConnAck(_)) = events.poll().await.unwrap() {
                break;
            }
        }
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::PubAck(_)) = event
                    && told.send(()).is_err()
                {
                    break;
                }
            }
        });
        Self { client, topic: topic(number), acknowledgements }
    }
}

impl Send for Sender {
    async fn send(&mut self) {
        let payload = Bytes::from_static(PAYLOAD);
        self.client.publish_bytes(&self.topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }

    async fn acknowledged(&mut self) {
        self.acknowledgements.recv().await.unwrap();
    }

    fn is_acknowledged(&mut self) -> bool {
        self.acknowledgements.try_recv().is_ok()
    }
}

/// The same topic as the other client writes.
fn topic(number: u64) -> String {
    let name = format!("device-{number:05}");
    let identity = Identity::device(DeviceId::new(&name).unwrap());
    let mut room = [0; 128];
    let publish = Codec::new(Dialect::Classic, identity).encode(&Telemetry::default(), &mut room);
    publish.unwrap().topic.to_owned()
}
