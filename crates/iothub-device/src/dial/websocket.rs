use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::connect_error::ConnectError;

/// Where hubs take WebSockets, and what is spoken in them.
const PATH: &str = "/$iothub/websocket";
const PROTOCOL: &str = "mqtt";
/// The port that does not have to be said.
const HTTPS_PORT: u16 = 443;
/// Size of the buffer to read into: most of what hubs send is shorter, and some processes have many devices.
const READ_LEN: usize = 4 * 1024;
/// Longest message that is written.
const MESSAGE_LEN: usize = 64 * 1024;
/// Longest message that is read: the longest MQTT packet, and as much again for what is sent along with it.
const MESSAGE_MAX: usize = 512 * 1024;

/// Has the hub of that name go on in a WebSocket.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    name: &str,
    port: u16,
) -> Result<Bytewise<S>, ConnectError> {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_LEN;
    // Every message goes out at once: what is written here has been collected already.
    config.write_buffer_size = 0;
    config.max_write_buffer_size = 4 * MESSAGE_LEN;
    config.max_message_size = Some(MESSAGE_MAX);
    config.max_frame_size = Some(MESSAGE_MAX);
    let request = request(name, port).map_err(refused)?;
    let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (socket, _) = opened.map_err(refused)?;
    Ok(Bytewise { socket, unread: Bytes::new() })
}

fn request(name: &str, port: u16) -> Result<Request<()>, Error> {
    let host = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let authority = if port == HTTPS_PORT { host } else { format!("{host}:{port}") };
    let mut request = format!("wss://{authority}{PATH}").into_client_request()?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    Ok(request)
}

fn refused(error: Error) -> ConnectError {
    if let Error::Http(response) = error {
        return ConnectError::NotUpgraded { status: response.status().as_u16() };
    }
    ConnectError::NoWebSocket { source: broken(error) }
}

/// The bytes inside the binary messages of a WebSocket. Where a message begins and ends means nothing.
pub(super) struct Bytewise<S> {
    socket: WebSocketStream<S>,
    /// What is left of the message that is being read.
    unread: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Bytewise<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Text(_))) => {
                    let why = "a text message in a WebSocket that carries MQTT";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                // Pings are answered by the socket itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(ended(error)),
            }
        }
        let len = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..len]);
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Bytewise<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = &mut self.socket;
        ready!(Pin::new(&mut *socket).poll_ready(cx)).map_err(broken)?;
        let len = bytes.len().min(MESSAGE_LEN);
        let message = Message::Binary(Bytes::copy_from_slice(&bytes[..len]));
        Pin::new(socket).start_send(message).map_err(broken)?;
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.socket).poll_close(cx)) {
            Ok(()) => {}
            Err(error) => ended(error)?,
        }
        Pin::new(self.socket.get_mut()).poll_shutdown(cx)
    }
}

/// An error that is the end of the stream, or a real one.
fn ended(error: Error) -> io::Result<()> {
    if matches!(error, Error::ConnectionClosed | Error::AlreadyClosed) {
        return Ok(());
    }
    Err(broken(error))
}

fn broken(error: Error) -> io::Error {
    if let Error::Io(error) = error {
        return error;
    }
    if let Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) = error {
        // Hubs that are stopped do not say goodbye.
        return io::ErrorKind::UnexpectedEof.into();
    }
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[test]
    fn a_hub_is_asked_by_its_name() {
        for (name, port, host) in [
            ("hub.example", 443, "hub.example"),
            ("localhost", 18443, "localhost:18443"),
            ("::1", 443, "[::1]"),
            ("::1", 1, "[::1]:1"),
        ] {
            let request = request(name, port).unwrap();
            assert_eq!(request.headers()["host"], host);
            assert_eq!(request.uri().path(), "/$iothub/websocket");
            assert_eq!(request.headers()["sec-websocket-protocol"], "mqtt");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_hub_says_instead_is_said() {
        let upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
        let endless = format!("HTTP/1.1 101 A\r\nA: {}", "a".repeat(1024 * 1024));
        for (answer, shown) in [
            (
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                "the hub opens no WebSocket: HTTP status 404",
            ),
            ("HTTP/1.1 503 Busy\r\n\r\nlater", "the hub opens no WebSocket: HTTP status 503"),
            ("HTTP/1.1 200 OK\r\n\r\n", "the hub opens no WebSocket: HTTP status 200"),
            // The answer to another key.
            (
                &format!("{upgrade}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
                "no WebSocket with the hub: ",
            ),
            (upgrade, "no WebSocket with the hub: "),
            ("SSH-2.0-OpenSSH_9.6\r\n", "no WebSocket with the hub: "),
            ("", "no WebSocket with the hub: "),
            (&endless, "no WebSocket with the hub: "),
        ] {
            let (ours, mut theirs) = duplex(64 * 1024);
            let answering = async {
                let mut head = [0; 16];
                theirs.read_exact(&mut head).await.unwrap();
                // Who has given up does not read to the end.
                let _ = theirs.write_all(answer.as_bytes()).await;
                let _ = theirs.shutdown().await;
            };
            let (opened, ()) = tokio::join!(open(ours, "hub", 443), answering);
            let Err(error) = opened else { panic!("{answer}") };
            assert!(error.to_string().starts_with(shown), "{error}");
        }
    }
}
