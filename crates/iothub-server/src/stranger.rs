//! Clients that have not shown who they are, and the little that they may make the server spend.

use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, ready};
use std::io;
use std::sync::Arc;

use iothub_mqtt::Server;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

/// One of the strangers that may be there at a time. Dropped when it has shown who it is, or is gone.
pub(crate) struct Stranger {
    _permit: OwnedSemaphorePermit,
    ration: Ration,
}

/// How many bytes may still come from somebody, which is any number once it is no stranger.
#[derive(Clone)]
pub(crate) struct Ration(Arc<AtomicUsize>);

/// A stream of which a stranger gets to say only so much.
pub(crate) struct Rationed<S> {
    inner: S,
    ration: Ration,
}

impl Stranger {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit, ration: Ration(Arc::new(AtomicUsize::new(RATION_LEN))) }
    }

    /// Has everything that comes by `inner` counted.
    pub(crate) fn ration<S>(&self, inner: S) -> Rationed<S> {
        Rationed { inner, ration: self.ration.clone() }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.ration.0.store(UNLIMITED, Ordering::Relaxed);
    }
}

impl Ration {
    fn is_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, len: usize) {
        let spent = |left: usize| (left != UNLIMITED).then(|| left.saturating_sub(len));
        // Nothing is to be done for whoever has no limit.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rationed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ration.is_used_up() {
            let why = format!("more than {RATION_LEN} bytes of a device that is not let in");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.ration.spend(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rationed<S> {
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

/// What a stranger may send over a WebSocket, in bytes: the longest CONNECT, and what comes with it.
const RATION_LEN: usize = Server::CONNECT_LEN_MAX as usize + 16 * 1024;
/// Of who is no stranger.
const UNLIMITED: usize = usize::MAX;
