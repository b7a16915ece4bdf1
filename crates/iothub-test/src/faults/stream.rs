use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Faults;
use super::script::{Direction, Number, Verdict};
use crate::clock;

/// The way from a device to its hub, as the device's end sees it, with everything that goes wrong.
#[derive(Debug)]
pub(crate) struct Faulty<S: AsyncRead + Send + Unpin + 'static> {
    /// There until it is dropped.
    inner: Option<S>,
    faults: Faults,
    number: Number,
    arriving: Late,
    leaving: Late,
    /// The hub has ended.
    ended: bool,
    /// The device has.
    shut: bool,
}

/// Bytes on their way.
#[derive(Debug, Default)]
struct Late {
    pieces: VecDeque<(Instant, Bytes)>,
    len: usize,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + Send + Unpin + 'static> Faulty<S> {
    pub(crate) fn new(inner: S, faults: Faults) -> Self {
        let number = faults.open();
        let (arriving, leaving) = (Late::default(), Late::default());
        Self { inner: Some(inner), faults, number, arriving, leaving, ended: false, shut: false }
    }

    fn judge(&self, direction: Direction, cx: &Context<'_>) -> Verdict {
        self.faults.script().judge(self.number, direction, clock::now(), cx.waker())
    }

    /// Takes in what has arrived from the hub, `later` on its way.
    fn fill(&mut self, cx: &mut Context<'_>, later: core::time::Duration) -> io::Result<()> {
        let mut piece = [0; 4096];
        while !self.ended && self.arriving.len < ON_THE_WAY_MAX {
            let Some(inner) = &mut self.inner else { return Ok(()) };
            let mut room = ReadBuf::new(&mut piece);
            match Pin::new(inner).poll_read(cx, &mut room)? {
                Poll::Pending => break,
                Poll::Ready(()) if room.filled().is_empty() => self.ended = true,
                Poll::Ready(()) => self.arriving.push(clock::now() + later, room.filled()),
            }
        }
        Ok(())
    }

    /// Throws away what comes; ready when nothing more will, at either end.
    fn swallow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.arriving = Late::default();
        while !self.ended {
            // What breaks is not heard of either.
            if self.fill(cx, core::time::Duration::ZERO).is_err() {
                self.ended = true;
            }
            if core::mem::take(&mut self.arriving).len == 0 && !self.ended {
                return Poll::Pending;
            }
        }
        if self.shut { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Faulty<S> {
    /// Moves on what is due; ready when nothing is left.
    fn pump(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.judge(Direction::Write, cx) {
                Verdict::Cut => return Poll::Ready(Err(cut())),
                Verdict::Swallow => {
                    self.leaving = Late::default();
                    return Poll::Ready(Ok(()));
                }
                Verdict::Hold(until) => {
                    if self.leaving.pieces.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    ready!(self.leaving.wait(cx, until));
                }
                Verdict::Pass { .. } => {
                    let Some(front) = ready!(self.leaving.poll_due(cx)) else { return Poll::Ready(Ok(())) };
                    let Some(inner) = &mut self.inner else { return Poll::Ready(Ok(())) };
                    let len = ready!(Pin::new(inner).poll_write(cx, front))?;
                    self.leaving.consume(len);
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncRead for Faulty<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever only waits for an answer has the question pass nevertheless.
        if !self.leaving.pieces.is_empty()
            && let Poll::Ready(pumped) = self.pump(cx)
        {
            pumped?;
        }
        loop {
            match self.judge(Direction::Read, cx) {
                Verdict::Cut => return Poll::Ready(Err(cut())),
                Verdict::Swallow => {
                    ready!(self.swallow(cx));
                    return Poll::Ready(Ok(()));
                }
                Verdict::Hold(until) => ready!(self.arriving.wait(cx, until)),
                Verdict::Pass { most, later } => {
                    self.fill(cx, later)?;
                    let this = &mut *self;
                    if this.arriving.pieces.is_empty() {
                        return if this.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
                    }
                    let Some(front) = ready!(this.arriving.poll_due(cx)) else { return Poll::Pending };
                    let len = front.len().min(most).min(buffer.remaining());
                    buffer.put_slice(&front[..len]);
                    this.arriving.consume(len);
                    this.faults.script().passed(len);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for Faulty<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.judge(Direction::Write, cx) {
                Verdict::Cut => return Poll::Ready(Err(cut())),
                Verdict::Swallow => return Poll::Ready(Ok(bytes.len())),
                Verdict::Hold(until) => ready!(self.leaving.wait(cx, until)),
                Verdict::Pass { most, later } => {
                    let this = &mut *self;
                    let bytes = &bytes[..bytes.len().min(most)];
                    let len = if later.is_zero() && this.leaving.pieces.is_empty() {
                        let Some(inner) = &mut this.inner else { return Poll::Ready(Err(cut())) };
                        ready!(Pin::new(inner).poll_write(cx, bytes))?
                    } else {
                        if this.leaving.len >= ON_THE_WAY_MAX {
                            ready!(this.pump(cx))?;
                        }
                        this.leaving.push(clock::now() + later, bytes);
                        bytes.len()
                    };
                    this.faults.script().passed(len);
                    return Poll::Ready(Ok(len));
                }
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.pump(cx))?;
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.pump(cx))?;
        if let Verdict::Swallow = self.judge(Direction::Write, cx) {
            self.shut = true;
            self.faults.script().wake();
            return Poll::Ready(Ok(()));
        }
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + Send + Unpin + 'static> Drop for Faulty<S> {
    fn drop(&mut self) {
        let swallowed = self.faults.script().close(self.number);
        let Some(mut inner) = self.inner.take().filter(|_| swallowed) else { return };
        // The hub is not to hear that the device has given up. Without a runtime there is no hub either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let mut rest = [0; 1024];
                while inner.read(&mut rest).await.is_ok_and(|len| len > 0) {}
            });
        }
    }
}

impl Late {
    fn push(&mut self, due: Instant, bytes: &[u8]) {
        self.len += bytes.len();
        self.pieces.push_back((due, Bytes::copy_from_slice(bytes)));
    }

    /// What is due of the first piece; `None` when there is none.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Option<&[u8]>> {
        let Some(due) = self.pieces.front().map(|(due, _)| *due) else { return Poll::Ready(None) };
        if due > clock::now() {
            ready!(self.wait(cx, Some(due)));
        }
        Poll::Ready(self.pieces.front().map(|(_, bytes)| &**bytes))
    }

    fn consume(&mut self, len: usize) {
        self.len -= len;
        if let Some((_, bytes)) = self.pieces.front_mut() {
            bytes.advance(len);
            if bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    /// Ready when that time has come; without one, never: whoever waits is woken.
    fn wait(&mut self, cx: &mut Context<'_>, until: Option<Instant>) -> Poll<()> {
        let Some(until) = until else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if alarm.deadline() != until {
            alarm.as_mut().reset(until);
        }
        ready!(alarm.as_mut().poll(cx));
        self.alarm = None;
        Poll::Ready(())
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut by a test")
}

/// Most bytes that are late in one direction. Whoever sends more waits.
const ON_THE_WAY_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn bytes_come_and_go_one_at_a_time_until_it_is_calm() {
        let (near, mut far) = tokio::io::duplex(64);
        let faults = Faults::default();
        let mut near = faults.over(near);
        let mut room = [0; 64];
        for (is_calm, len) in [(false, 1), (true, 4)] {
            faults.byte_by_byte();
            if is_calm {
                faults.calm();
            }
            far.write_all(b"what").await.unwrap();
            assert_eq!(near.write(b"what").await.unwrap(), len, "calm: {is_calm}");
            assert_eq!(near.read(&mut room).await.unwrap(), len, "calm: {is_calm}");
            // What has come already is not lost.
            near.read_exact(&mut room[len..4]).await.unwrap();
            assert_eq!(&room[..4], b"what");
        }
        near.shutdown().await.unwrap();
        let mut left = String::new();
        far.read_to_string(&mut left).await.unwrap();
        assert_eq!(left, "wwhat");
    }
}
