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
}

/// What a connection did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// That many bytes are in the endpoint's read buffer.
    Read(usize),
    /// All that waited to be sent is sent.
    Written,
    /// The other end has closed.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, unflushed: false }
    }

    /// Writes what waits to be sent and reads what has arrived, both at once, until one of them is done.
    ///
    /// Cancel-safe: what was written is consumed, and nothing is read without being returned.
    pub(crate) async fn turn(&mut self, mqtt: &mut Client) -> io::Result<Turn> {
        poll_fn(|cx| {
            if let Poll::Ready(wrote) = self.poll_write(cx, mqtt)?
                && wrote
            {
                return Poll::Ready(Ok(Turn::Written));
            }
            let mut room = ReadBuf::new(mqtt.read_buffer());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
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

    /// Ready when nothing waits to be sent; then, whether something did.
    fn poll_write(&mut self, cx: &mut Context<'_>, mqtt: &mut Client) -> Poll<io::Result<bool>> {
        let mut wrote = self.unflushed;
        while let Some(bytes) = mqtt.poll_bytes() {
            let len = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            mqtt.consume(len);
            self.unflushed = true;
            wrote = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(wrote))
    }
}
