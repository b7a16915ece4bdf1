use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use iothub_mqtt::{Server, WireError, WriteError};
use iothub_proto::{Instant, Limits, Packet};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;

/// A stream of bytes and the MQTT that is spoken over it.
pub(crate) struct Pipe<S> {
    stream: S,
    pub(crate) mqtt: Server,
    /// Something was written that the stream may still hold back.
    unflushed: bool,
    /// Packets may be left of what has arrived.
    unread: bool,
}

/// What a [`Pipe`] has got done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something has arrived, or is left of what had.
    Read,
    /// All that waited was written.
    Written,
    /// Nothing more will arrive.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, mqtt: Server::new(Limits::CLASSIC), unflushed: false, unread: false }
    }

    /// Writes what waits and reads what arrives. Nothing is lost when it is given up half-way.
    pub(crate) async fn progress(&mut self, clock: Clock) -> io::Result<Progress> {
        core::future::poll_fn(|cx| self.poll_progress(cx, clock)).await
    }

    /// The next packet that has arrived as a whole.
    pub(crate) fn poll_packet(&mut self) -> Result<Option<Packet<'_>>, WireError> {
        let packet = self.mqtt.poll_packet()?;
        self.unread = packet.is_some();
        Ok(packet)
    }

    /// Appends a packet to what is to be written.
    pub(crate) fn send(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), WriteError> {
        self.mqtt.send(now, packet)?;
        // What has come behind CONNECT has waited for this.
        self.unread |= matches!(packet, Packet::Connected { .. });
        Ok(())
    }

    /// Writes what waits, says goodbye, and waits for the peer's: closing before it has read everything would
    /// take that away from it.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        core::future::poll_fn(|cx| self.poll_written(cx)).await?;
        core::future::poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await?;
        let mut rest = [0; 512];
        for _ in 0..LINGER_MAX {
            let mut rest = ReadBuf::new(&mut rest);
            core::future::poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut rest)).await?;
            if rest.filled().is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Whether so much waits to be written that it is better not to add to it.
    pub(crate) fn is_backlogged(&self) -> bool {
        self.mqtt.poll_bytes().is_some_and(|bytes| bytes.len() >= BACKLOG_LEN)
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>, clock: Clock) -> Poll<io::Result<Progress>> {
        let had_something = self.unflushed || self.mqtt.poll_bytes().is_some();
        if self.poll_written(cx)?.is_ready() && had_something {
            return Poll::Ready(Ok(Progress::Written));
        }
        // A peer that does not take answers is not asked for more questions.
        if self.is_backlogged() {
            return Poll::Pending;
        }
        if self.unread {
            return Poll::Ready(Ok(Progress::Read));
        }
        let mut buffer = ReadBuf::new(self.mqtt.read_buffer());
        if buffer.capacity() == 0 {
            // As much as may waits for the answer to CONNECT.
            return Poll::Pending;
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let len = buffer.filled().len();
        if len == 0 {
            return Poll::Ready(Ok(Progress::Ended));
        }
        self.mqtt.handle_read(clock.now().instant, len);
        Poll::Ready(Ok(Progress::Read))
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.mqtt.poll_bytes() {
            let len = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.mqtt.consume(len);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// From this many bytes on that wait to be written, nothing is added and nothing is read.
const BACKLOG_LEN: usize = 64 * 1024;
/// Most pieces that are read and thrown away after goodbye.
const LINGER_MAX: usize = 1024;
