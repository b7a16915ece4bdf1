//! A device's way to the server.

use core::pin::Pin;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use iothub_server::Running;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::server::HOST;
use crate::player::Trouble;

/// By which of its doors the server is tried.
#[derive(Clone, Copy, Debug)]
pub(in crate::players) enum Dial {
    Tcp,
    WebSocket,
}

/// Bytes both ways.
pub(in crate::players) type Wire = Pin<Box<dyn Bytes>>;

pub(in crate::players) trait Bytes: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Bytes for S {}

/// What of a WebSocket waits on either side.
const ROOM: usize = 256 * 1024;

impl Dial {
    /// Connects to the server.
    pub(in crate::players) async fn to(
        self,
        hub: &Running,
        trust: &Arc<ClientConfig>,
    ) -> Result<Wire, Trouble> {
        let address = match self {
            Self::Tcp => hub.mqtt_address(),
            Self::WebSocket => hub.https_address(),
        };
        let stream = TcpStream::connect(address).await.map_err(Trouble::new)?;
        stream.set_nodelay(true).map_err(Trouble::new)?;
        let name = ServerName::try_from(HOST).map_err(Trouble::new)?;
        let stream = TlsConnector::from(Arc::clone(trust)).connect(name, stream).await;
        let stream = stream.map_err(Trouble::new)?;
        match self {
            Self::Tcp => Ok(Box::pin(stream)),
            Self::WebSocket => {
                let url = format!("wss://{HOST}/$iothub/websocket");
                let mut request = url.into_client_request().map_err(Trouble::new)?;
                request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
                let opened = tokio_tungstenite::client_async(request, stream).await;
                let (socket, _) = opened.map_err(Trouble::new)?;
                let (near, far) = tokio::io::duplex(ROOM);
                tokio::spawn(carry(socket, far));
                Ok(Box::pin(near))
            }
        }
    }
}

/// Carries bytes until either side ends, and then ends the other: each piece that is written is a message.
async fn carry(mut socket: WebSocketStream<TlsStream<TcpStream>>, mut wire: DuplexStream) {
    let mut bytes = vec![0; ROOM];
    loop {
        tokio::select! {
            read = wire.read(&mut bytes) => match read {
                Ok(len) if len > 0 => {
                    let message = Message::Binary(bytes[..len].to_vec().into());
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                _ => {
                    // Whether the server still hears it is its own business.
                    let _ = socket.close(None).await;
                    return;
                }
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    if wire.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // No hub says anything else that means something.
                Some(Ok(Message::Text(_) | Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return,
            },
        }
    }
}
