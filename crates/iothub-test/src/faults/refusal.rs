use core::hash::{Hash, Hasher};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::hash::DefaultHasher;
use std::io;

use bytes::{Buf, BytesMut};
use iothub_codec::Connect;
use iothub_mqtt::Server;
use iothub_proto::{Instant, Limits, Packet, Refusal};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Faults;
use super::script::Proof;

/// The hub's end of a connection, of which the hub hears only if its device is not refused.
pub(super) struct Refusing<S> {
    inner: S,
    faults: Faults,
    stage: Stage,
}

enum Stage {
    /// CONNECT has not come as a whole.
    Greeting(Box<Greeting>),
    /// The refusal is on its way, and everything else is thrown away.
    Refusing(BytesMut),
    /// The device is the hub's business, beginning with these bytes.
    Passing(BytesMut),
}

struct Greeting {
    mqtt: Server,
    seen: BytesMut,
}

impl<S> Refusing<S> {
    pub(super) fn new(inner: S, faults: Faults) -> Self {
        let greeting = Greeting { mqtt: Server::new(Limits::CLASSIC), seen: BytesMut::new() };
        Self { inner, faults, stage: Stage::Greeting(Box::new(greeting)) }
    }
}

impl Greeting {
    /// What follows from these bytes; nothing before CONNECT has come as a whole.
    fn follow(&mut self, bytes: &[u8], faults: &Faults) -> Option<Stage> {
        self.seen.extend_from_slice(bytes);
        // More than a CONNECT may have is for the hub to refuse.
        let _ = self.mqtt.handle_bytes(Instant::default(), bytes);
        let shown = match self.mqtt.poll_packet() {
            Ok(None) => return None,
            Ok(Some(Packet::Connect(opening))) => proof(&opening.connect),
            // What is no CONNECT is for the hub to judge.
            Ok(Some(_)) | Err(_) => return Some(Stage::Passing(self.seen.split())),
        };
        let Some(reason) = faults.script().refusal(shown) else {
            return Some(Stage::Passing(self.seen.split()));
        };
        // What MQTT 3.1.1 cannot say is not said.
        let _ = self.mqtt.send(Instant::default(), &Packet::Refused(Refusal::new(reason)));
        Some(Stage::Refusing(self.mqtt.poll_bytes().unwrap_or_default().into()))
    }
}

/// What the device shows, if that is no certificate.
fn proof(connect: &Connect<'_>) -> Option<Proof> {
    let shown = connect.password.or_else(|| connect.properties.authentication_data())?;
    let mut hasher = DefaultHasher::new();
    (connect.client_id, shown).hash(&mut hasher);
    Some(Proof(hasher.finish()))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Refusing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, faults, stage } = &mut *self;
        loop {
            match stage {
                Stage::Passing(seen) if seen.is_empty() => return Pin::new(inner).poll_read(cx, buffer),
                Stage::Passing(seen) => {
                    let len = seen.len().min(buffer.remaining());
                    buffer.put_slice(&seen[..len]);
                    seen.advance(len);
                    return Poll::Ready(Ok(()));
                }
                Stage::Greeting(greeting) => {
                    let mut piece = [0; 1024];
                    let mut room = ReadBuf::new(&mut piece);
                    ready!(Pin::new(&mut *inner).poll_read(cx, &mut room))?;
                    if room.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    if let Some(next) = greeting.follow(room.filled(), faults) {
                        *stage = next;
                    }
                }
                Stage::Refusing(words) => {
                    while !words.is_empty() {
                        let len = ready!(Pin::new(&mut *inner).poll_write(cx, words))?;
                        words.advance(len);
                    }
                    ready!(Pin::new(&mut *inner).poll_shutdown(cx))?;
                    let mut rest = [0; 1024];
                    let mut room = ReadBuf::new(&mut rest);
                    ready!(Pin::new(&mut *inner).poll_read(cx, &mut room))?;
                    if room.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
