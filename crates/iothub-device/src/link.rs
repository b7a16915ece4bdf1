use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use iothub_mqtt::Client;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// The bytes of one connection.
pub(crate) struct Link<S> {
    stream: S,
    /// Written, but perhaps still in a buffer of the stream's.
    unflushed: bool,
    /// Whether bytes were taken since that was last asked.
    moved: bool,
    /// Bytes that were written and not told of.
    written: usize,
}

/// What a connection did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// That many bytes are in the endpoint's read buffer.
    Read(usize),
    /// What waited to be sent is sent, or a part of it.
    Written,
    /// The other end has closed.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, unflushed: false, moved: false, written: 0 }
    }

    /// Writes what waits to be sent and reads what has arrived, both at once, until one of them is done.
    ///
    /// Cancel-safe: what was written is consumed, and nothing is read without being returned.
    pub(crate) async fn turn(&mut self, mqtt: &mut Client) -> io::Result<Turn> {
        poll_fn(|cx| {
            match self.poll_write(cx, mqtt)? {
                Poll::Ready(true) => return Poll::Ready(Ok(Turn::Written)),
                // Told at once, so that it is known since when nothing moves.
                Poll::Pending if self.moved => return Poll::Ready(Ok(Turn::Written)),
                Poll::Ready(false) | Poll::Pending => {}
            }
            let mut room = ReadBuf::new(mqtt.read_buffer());
            let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, &mut room) else {
                mqtt.rest();
                return Poll::Pending;
            };
            read?;
            Poll::Ready(Ok(match room.filled().len() {
                0 => Turn::Ended,
                len => Turn::Read(len),
            }))
        })
        .await
    }

    /// Writes what waits to be sent, and says goodbye on every layer below.
    pub(crate) async fn finish(&mut self, mqtt: &mut Client) -> io::Result<()> {
        poll_fn(|cx| self.poll_write(cx, mqtt)).await?;
        self.stream.shutdown().await
    }

    /// Whether something waits to be sent, and whether something was since this was last asked.
    pub(crate) fn take_progress(&mut self, mqtt: &Client) -> (bool, bool) {
        (self.unflushed || mqtt.poll_bytes().is_some(), core::mem::take(&mut self.moved))
    }

    /// How many bytes were written since this was asked last.
    pub(crate) fn take_written(&mut self) -> usize {
        core::mem::take(&mut self.written)
    }

    /// Ready when nothing waits to be sent; then, whether something did.
    fn poll_write(&mut self, cx: &mut Context<'_>, mqtt: &mut Client) -> Poll<io::Result<bool>> {
        let mut wrote = self.unflushed;
        while let Some(bytes) = mqtt.poll_bytes() {
            let len = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            mqtt.consume(len);
            (self.unflushed, self.moved) = (true, true);
            self.written += len;
            wrote = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            (self.unflushed, self.moved) = (false, true);
        }
        Poll::Ready(Ok(wrote))
    }
}
