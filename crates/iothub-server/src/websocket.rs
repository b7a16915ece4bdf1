use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A request to go on as a WebSocket, found in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The value of `Sec-WebSocket-Accept`.
    pub(crate) accept: String,
    /// The subprotocol, spelled as it was asked for.
    pub(crate) protocol: HeaderValue,
}

/// Whether a request is for the place where devices open WebSockets.
pub(crate) fn is_at(path: &str) -> bool {
    path.eq_ignore_ascii_case(PATH)
}

impl Handshake {
    /// Checks the request. A refusal is a status and what to say.
    pub(crate) fn check<B>(request: &Request<B>) -> Result<Self, (StatusCode, &'static str)> {
        let headers = request.headers();
        // HTTP/1.0 knows no upgrade, whatever its headers say.
        if request.version() < Version::HTTP_11
            || request.method() != Method::GET
            || !lists(headers, header::UPGRADE, "websocket")
            || !lists(headers, header::CONNECTION, "upgrade")
        {
            return Err((StatusCode::UPGRADE_REQUIRED, "this is the place for WebSockets"));
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err((StatusCode::UPGRADE_REQUIRED, "WebSockets of version 13 are served"));
        }
        let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
            return Err((StatusCode::BAD_REQUEST, "no Sec-WebSocket-Key"));
        };
        let protocol = items(headers, header::SEC_WEBSOCKET_PROTOCOL)
            .find(|name| name.eq_ignore_ascii_case(PROTOCOL))
            .and_then(|name| HeaderValue::from_str(name).ok())
            .ok_or((StatusCode::BAD_REQUEST, "the subprotocol mqtt is served, and it was not asked for"))?;
        Ok(Self { accept: derive_accept_key(key.as_bytes()), protocol })
    }
}

fn lists(headers: &HeaderMap, name: header::HeaderName, wanted: &str) -> bool {
    items(headers, name).any(|item| item.eq_ignore_ascii_case(wanted))
}

/// The items of a header that is a list, which may be spread over several lines.
fn items(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The bytes inside the binary messages of a WebSocket. Where a message begins and ends means nothing.
pub(crate) struct ByteStream<S> {
    socket: WebSocketStream<S>,
    /// What is left of the message that is being read.
    unread: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream<S> {
    /// The server's end, behind the handshake.
    pub(crate) async fn new(stream: S) -> Self {
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = READ_LEN;
        // Every message goes out at once: what is written here has been collected already.
        config.write_buffer_size = 0;
        config.max_write_buffer_size = 4 * MESSAGE_LEN;
        config.max_message_size = Some(MESSAGE_MAX);
        config.max_frame_size = Some(MESSAGE_MAX);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self { socket, unread: Bytes::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
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
        // Devices that lose power or patience do not say goodbye.
        return io::ErrorKind::UnexpectedEof.into();
    }
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Where devices open WebSockets; compared without case, and whatever the query says.
const PATH: &str = "/$iothub/websocket";
/// The subprotocol that is served; compared without case.
const PROTOCOL: &str = "mqtt";
/// Size of the buffer to read into: most messages of devices are shorter, and a hub has many connections.
const READ_LEN: usize = 4 * 1024;
/// Longest message that is written.
const MESSAGE_LEN: usize = 64 * 1024;
/// Longest message that is read: the longest MQTT packet, and as much again for what is sent along with it.
const MESSAGE_MAX: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method("GET").uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_handshake_is_taken_as_clients_write_it() {
        // The key and its answer are those of RFC 6455.
        type Row<'a> = (&'a [(&'a str, &'a str)], Result<&'a str, u16>);
        let rows: &[Row<'_>] = &[
            (
                &[("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-protocol", "mqtt")],
                Ok("mqtt"),
            ),
            (
                &[
                    ("upgrade", "WebSocket"),
                    ("connection", "keep-alive, upgrade"),
                    ("sec-websocket-protocol", "MQTT"),
                ],
                Ok("MQTT"),
            ),
            (
                &[
                    ("upgrade", "websocket"),
                    ("connection", "Upgrade"),
                    ("sec-websocket-protocol", "a, Mqtt,b"),
                ],
                Ok("Mqtt"),
            ),
            (
                &[
                    ("upgrade", "websocket"),
                    ("connection", "Upgrade"),
                    ("sec-websocket-protocol", "AMQPWSB10"),
                ],
                Err(400),
            ),
            (&[("upgrade", "websocket"), ("connection", "Upgrade")], Err(400)),
            (&[("connection", "Upgrade"), ("sec-websocket-protocol", "mqtt")], Err(426)),
            (&[("upgrade", "websocket"), ("sec-websocket-protocol", "mqtt")], Err(426)),
        ];
        let common = [("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
        for (headers, expected) in rows {
            let checked = Handshake::check(&request(&[headers, &common[..]].concat()));
            let protocol = checked.as_ref().map(|handshake| handshake.protocol.to_str().unwrap());
            assert_eq!(protocol.map_err(|(status, _)| status.as_u16()), *expected, "{headers:?}");
            if let Ok(handshake) = checked {
                assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            }
        }
    }

    #[test]
    fn who_speaks_http_1_0_gets_no_websocket() {
        let mut request = request(&[
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-protocol", "mqtt"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        assert!(Handshake::check(&request).is_ok());
        *request.version_mut() = Version::HTTP_10;
        let refused = Handshake::check(&request).map_err(|(status, _)| status);
        assert_eq!(refused, Err(StatusCode::UPGRADE_REQUIRED));
    }

    #[test]
    fn the_place_is_found_in_any_case() {
        for (path, expected) in
            [("/$iothub/websocket", true), ("/$IoTHub/WebSocket", true), ("/$iothub", false)]
        {
            assert_eq!(is_at(path), expected, "{path}");
        }
    }
}
