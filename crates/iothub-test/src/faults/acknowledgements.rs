use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Faults;
use crate::clock;

/// The hub's end of a connection, whose PUBACKs are late or do not come at all, and whose messages are lost.
pub(super) struct Acknowledging<S> {
    inner: S,
    faults: Faults,
    /// Of the packet that the hub is writing.
    packet: BytesMut,
    /// Acknowledgements that wait, and until when.
    held: VecDeque<(Instant, Bytes)>,
    alarm: Option<Pin<Box<Sleep>>>,
    /// To be written.
    out: BytesMut,
    lost: bool,
}

impl<S> Acknowledging<S> {
    pub(super) fn new(inner: S, faults: Faults) -> Self {
        let (packet, out) = (BytesMut::new(), BytesMut::new());
        Self { inner, faults, packet, held: VecDeque::new(), alarm: None, out, lost: false }
    }

    /// Sorts what the hub writes, packet by packet.
    fn sort(&mut self, bytes: &[u8]) {
        self.packet.extend_from_slice(bytes);
        while let Some(len) = packet_len(&self.packet) {
            let packet = self.packet.split_to(len).freeze();
            match packet[0] >> 4 {
                PUBLISH if packet[0] & QOS == 0 && self.faults.script().loses() => {}
                PUBACK => self.acknowledge(packet),
                _ => self.out.extend_from_slice(&packet),
            }
        }
    }

    fn acknowledge(&mut self, packet: Bytes) {
        match self.faults.script().acknowledgement() {
            None => self.lost = true,
            Some(delay) if delay.is_zero() && self.held.is_empty() => self.out.extend_from_slice(&packet),
            // They stay in order among themselves.
            Some(delay) => self.held.push_back((clock::now() + delay, packet)),
        }
    }
}

impl<S: AsyncWrite + Unpin> Acknowledging<S> {
    /// Writes what is due; ready when that is done.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lost {
            let why = "cut by a test before an acknowledgement";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, why)));
        }
        while let Some((due, _)) = self.held.front() {
            let due = *due;
            if due > clock::now() {
                let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
                if alarm.deadline() != due {
                    alarm.as_mut().reset(due);
                }
                if alarm.as_mut().poll(cx).is_pending() {
                    break;
                }
            }
            self.out.extend(self.held.pop_front().map(|(_, packet)| packet).unwrap_or_default());
        }
        while !self.out.is_empty() {
            let len = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            self.out.advance(len);
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Acknowledging<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(driven) = self.drive(cx) {
            driven?;
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Acknowledging<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.out.len() >= OUT_MAX {
            ready!(self.drive(cx))?;
        }
        self.sort(bytes);
        if let Poll::Ready(driven) = self.drive(cx) {
            driven?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.drive(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drive(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// The length of the packet at the beginning, once it is there as a whole.
fn packet_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = 0;
    for at in 0..LEN_BYTES_MAX {
        let byte = *bytes.get(1 + at)?;
        rest |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            let len = 2 + at + rest;
            return (bytes.len() >= len).then_some(len);
        }
    }
    // The hub writes nothing like that; what it is passes as it is.
    Some(bytes.len())
}

/// The kind of packet in the upper half of its first byte.
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
/// In the first byte of a PUBLISH.
const QOS: u8 = 0b0110;
/// Most bytes that say how long a packet is.
const LEN_BYTES_MAX: usize = 4;
/// From this many bytes on that the device has not taken, the hub waits.
const OUT_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_seen_once_it_is_there_as_a_whole() {
        let mut long = vec![0x30, 0x80, 0x01];
        long.extend([0; 128]);
        for (bytes, len) in [
            (&[0x40, 2, 0, 1][..], Some(4)),
            (&[0x40, 2, 0, 1, 0x30], Some(4)),
            (&[0x40, 2, 0], None),
            (&[0x40], None),
            (&[], None),
            (&[0xD0, 0], Some(2)),
            (&long, Some(131)),
            (&long[..130], None),
            (&[0x30, 0x80], None),
        ] {
            assert_eq!(packet_len(bytes), len, "{bytes:?}");
        }
    }
}
