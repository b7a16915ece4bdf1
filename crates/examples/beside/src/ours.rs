use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;

use bytes::Bytes;
use iothub_device::{ConnectError, Delivery, Device, Message, Options, Transport};
use tokio::net::TcpStream;

use crate::flow::Send;
use crate::target::{HOST, PAYLOAD, Target};

pub(crate) struct Sender {
    device: Device,
    deliveries: VecDeque<Delivery>,
}

impl Sender {
    pub(crate) async fn new(target: &Target) -> Self {
        Self { device: Self::connected(target, 0).await, deliveries: VecDeque::new() }
    }

    pub(crate) async fn connected(target: &Target, number: u64) -> Device {
        // A broker asks for no proof, and the client is not asked to leave its own out.
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let port = target.address.port();
        let text = format!("HostName={HOST}:{port};DeviceId=device-{number:05};SharedAccessKey={key}");
        let options = Options::from_connection_string(&text).unwrap().window(target.window);
        match &target.ca {
            Some(ca) => Device::connect(options.ca_pem(ca.clone())).await.unwrap(),
            None => Device::connect_over(options, Plain(target.address)).await.unwrap(),
        }
    }
}

impl Send for Sender {
    async fn send(&mut self) {
        let message = Message::new(Bytes::from_static(PAYLOAD));
        self.deliveries.push_back(self.device.enqueue(message).await);
    }

    async fn acknowledged(&mut self) {
        let first = self.deliveries.front_mut().unwrap();
        poll_fn(|cx| Pin::new(&mut *first).poll(cx)).await.unwrap();
        self.deliveries.pop_front();
    }

    fn is_acknowledged(&mut self) -> bool {
        let Some(first) = self.deliveries.front_mut() else { return false };
        let Poll::Ready(outcome) = Pin::new(first).poll(&mut Context::from_waker(Waker::noop())) else {
            return false;
        };
        outcome.unwrap();
        self.deliveries.pop_front();
        true
    }
}

/// TCP without TLS, for a broker on this machine.
struct Plain(core::net::SocketAddr);

impl Transport for Plain {
    type Stream = TcpStream;

    async fn connect(&self) -> Result<TcpStream, ConnectError> {
        let unreachable = |source| ConnectError::Unreachable { address: self.0.to_string(), source };
        let stream = TcpStream::connect(self.0).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(stream)
    }
}
