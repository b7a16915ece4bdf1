use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use iothub_mqtt::Client;
use iothub_proto::Instant;
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
    /// Turns in a row that have only written.
    unread_turns: u8,
    /// Until when there may soon be more to read.
    quiet_at: Option<Instant>,
}

/// After so many turns that have only written it is looked whether there is something to read: whoever always has
/// something to send is not deaf.
const UNREAD_TURNS_MAX: u8 = 8;

/// So long after something was read, the memory for it is given back.
const QUIET_AFTER: Duration = Duration::from_millis(100);
/// More than this is given back at once: what is read mostly is acknowledgements.
const LIVELY_ROOM_MAX: usize = 4 * 1024;

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
        Self { stream, unflushed: false, moved: false, written: 0, unread_turns: 0, quiet_at: None }
    }

    /// Writes what waits to be sent and reads what has arrived, both at once, until one of them is done.
    ///
    /// While nothing is to be read it takes no memory for that, or little, if something was just before.
    ///
    /// Cancel-safe: what was written is consumed, and nothing is read without being returned.
    pub(crate) async fn turn(&mut self, mqtt: &mut Client) -> io::Result<Turn> {
        poll_fn(|cx| {
            let has_written = match self.poll_write(cx, mqtt)? {
                Poll::Ready(wrote) => wrote,
                // Told at once, so that it is known since when nothing moves.
                Poll::Pending => self.moved,
            };
            if has_written && self.unread_turns < UNREAD_TURNS_MAX {
                self.unread_turns += 1;
                return Poll::Ready(Ok(Turn::Written));
            }
            self.unread_turns = 0;
            let mut room = ReadBuf::new(mqtt.read_buffer());
            let has_much = room.capacity() > LIVELY_ROOM_MAX;
            let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, &mut room) else {
                if self.quiet_at.is_none() || has_much {
                    mqtt.rest();
                }
                return if has_written { Poll::Ready(Ok(Turn::Written)) } else { Poll::Pending };
            };
            read?;
            Poll::Ready(Ok(match room.filled().len() {
                0 => Turn::Ended,
                len => Turn::Read(len),
            }))
        })
        .await
    }

    /// Something was read.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.quiet_at = Some(now.after(QUIET_AFTER));
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.quiet_at
    }

    /// Has the next turn give memory back, if nothing was read for long enough.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.quiet_at = self.quiet_at.filter(|at| *at > now);
    }

    /// Writes as much of what waits to be sent as is taken at once; the rest goes with the next turn.
    pub(crate) async fn write_now(&mut self, mqtt: &mut Client) -> io::Result<()> {
        poll_fn(|cx| match self.poll_write(cx, mqtt) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Ready(Ok(())),
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

#[cfg(test)]
mod tests {
    use iothub_codec::{Connect, PropertySection, Publish, Version};
    use iothub_proto::{Limits, Opening, Packet};
    use tokio::io::{AsyncReadExt, DuplexStream, WriteHalf, duplex, split};

    use super::*;

    /// A connection that is open, and the hub's end of it, which hears everything and says what it is told to.
    async fn connected() -> (Link<DuplexStream>, Client, WriteHalf<DuplexStream>) {
        let (ours, theirs) = duplex(1024);
        let (mut hears, mut says) = split(theirs);
        tokio::spawn(async move {
            let mut sink = [0; 512];
            while hears.read(&mut sink).await.is_ok_and(|len| len > 0) {}
        });
        let (mut link, mut mqtt) = (Link::new(ours), Client::new(Limits::CLASSIC));
        let version = Version::V311;
        let properties = PropertySection::EMPTY;
        let connect = Connect { version, client_id: "d", username: None, password: None, properties };
        mqtt.send(Instant::default(), &Packet::Connect(Opening::new(connect))).unwrap();
        assert_eq!(link.turn(&mut mqtt).await.unwrap(), Turn::Written);
        says.write_all(&CONNACK).await.unwrap();
        let Turn::Read(len) = link.turn(&mut mqtt).await.unwrap() else { panic!("no CONNACK") };
        mqtt.handle_read(Instant::default(), len);
        assert!(matches!(mqtt.poll_packet(), Ok(Some(Packet::Connected { .. }))));
        assert!(matches!(mqtt.poll_packet(), Ok(None)));
        (link, mqtt, says)
    }

    const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
    const PINGRESP: [u8; 2] = [0xD0, 0];

    #[tokio::test(start_paused = true)]
    async fn whoever_always_has_something_to_send_reads_all_the_same() {
        let (mut link, mut mqtt, mut says) = connected().await;
        says.write_all(&PINGRESP).await.unwrap();
        for turn in 0.. {
            let publish = Publish::new("t", b"x");
            mqtt.send(Instant::default(), &Packet::Publish { ack: None, publish }).unwrap();
            match link.turn(&mut mqtt).await.unwrap() {
                Turn::Written => assert!(turn < 100, "it never reads"),
                Turn::Read(len) => return assert_eq!(len, PINGRESP.len()),
                Turn::Ended => panic!("nobody has closed"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn room_to_read_is_kept_while_there_may_be_more_and_given_back_then() {
        let (mut link, mut mqtt, mut says) = connected().await;
        let has_room = |mqtt: &Client| !format!("{mqtt:?}").contains("capacity: 0");
        let read = Instant::from_millis(1_000);
        for (now, keeps_room) in [(1_099, true), (1_100, false)] {
            says.write_all(&PINGRESP).await.unwrap();
            assert_eq!(link.turn(&mut mqtt).await.unwrap(), Turn::Read(PINGRESP.len()));
            mqtt.handle_read(read, PINGRESP.len());
            link.heard(read);
            assert_eq!(link.poll_timeout(), Some(Instant::from_millis(1_100)));
            assert!(matches!(mqtt.poll_packet(), Ok(None)));
            link.handle_timeout(Instant::from_millis(now));
            let turn = tokio::time::timeout(Duration::ZERO, link.turn(&mut mqtt)).await;
            assert!(turn.is_err(), "there is nothing to read");
            assert_eq!(has_room(&mqtt), keeps_room, "{mqtt:?}");
        }
        assert_eq!(link.poll_timeout(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn much_room_is_given_back_at_once() {
        let (mut link, mut mqtt, mut says) = connected().await;
        let long: Vec<u8> = [&[0x30, 0x80, 0x80, 0x02, 0, 1, b't'][..], &[b'x'; 0x8000 - 3]].concat();
        let saying = tokio::spawn(async move { says.write_all(&long).await.map(|()| says) });
        while !matches!(mqtt.poll_packet(), Ok(Some(Packet::Publish { .. }))) {
            let Turn::Read(len) = link.turn(&mut mqtt).await.unwrap() else { panic!("nothing is written") };
            mqtt.handle_read(Instant::default(), len);
            link.heard(Instant::default());
        }
        let _says = saying.await.unwrap().unwrap();
        assert!(matches!(mqtt.poll_packet(), Ok(None)));
        assert!(tokio::time::timeout(Duration::ZERO, link.turn(&mut mqtt)).await.is_err());
        assert!(format!("{mqtt:?}").contains("capacity: 0"), "{mqtt:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_told_also_when_there_is_nothing_to_read() {
        let (mut link, mut mqtt, _says) = connected().await;
        for _ in 0..100 {
            let publish = Publish::new("t", b"x");
            mqtt.send(Instant::default(), &Packet::Publish { ack: None, publish }).unwrap();
            assert_eq!(link.turn(&mut mqtt).await.unwrap(), Turn::Written);
            tokio::task::yield_now().await;
        }
    }
}
