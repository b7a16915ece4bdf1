use embedded_io_async::Read;
use iothub_codec::{Ack, Publish, Qos};
use iothub_proto::{AckToken, FilterRefusal, Granted, Limits, Packet, Refusal, RefusalReason, Session};

use crate::fault::Fault;

/// Receives packets, one at a time, into a buffer that the longest of them must fit into.
pub(crate) struct Inbox<'b, R> {
    stream: R,
    buffer: &'b mut [u8],
    /// How much of the buffer is filled.
    filled: usize,
    /// How much of that is the packet that was given out last.
    given: usize,
}

/// What comes from a hub.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming<'b> {
    /// For the session.
    Packet(Packet<'b>),
    /// PINGRESP, which is no business of the session's.
    Pong,
}

impl<'b, R: Read> Inbox<'b, R> {
    pub(crate) fn new(stream: R, buffer: &'b mut [u8]) -> Self {
        Self { stream, buffer, filled: 0, given: 0 }
    }

    /// The next packet. It stands in the buffer, so the one before must be done with.
    ///
    /// Dropping it loses nothing: what has been read is in the buffer.
    pub(crate) async fn receive(&mut self) -> Result<Incoming<'_>, Fault> {
        self.buffer.copy_within(self.given..self.filled, 0);
        self.filled -= self.given;
        self.given = 0;
        let (head, len) = loop {
            let filled = self.buffer.get(..self.filled).unwrap_or_default();
            match frame(filled)? {
                Some((_, len)) if len > self.buffer.len() => return Err(Fault::TooLong),
                Some((head, len)) if len <= self.filled => break (head, len),
                Some(_) | None => {}
            }
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.stream.read(room).await.map_err(Fault::stream)? {
                0 => return Err(Fault::Closed),
                more => self.filled += more,
            }
        };
        self.given = len;
        let first = self.buffer.first().copied().unwrap_or_default();
        let body = self.buffer.get(head..len).unwrap_or_default();
        read(first, body).ok_or(Fault::Malformed)
    }
}

/// How long the head of the first packet is, and the whole of it; `None` while there is not enough to tell.
fn frame(bytes: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    let mut len = 0;
    for (at, byte) in bytes.iter().enumerate().skip(1).take(4) {
        len |= usize::from(byte & 0x7F) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return Ok(Some((at + 1, at + 1 + len)));
        }
    }
    if bytes.len() > 4 { Err(Fault::Malformed) } else { Ok(None) }
}

fn read(first: u8, body: &[u8]) -> Option<Incoming<'_>> {
    Some(Incoming::Packet(match (first, body) {
        (0xD0, []) => return Some(Incoming::Pong),
        (0x20, [flags @ (0 | 1), 0]) => Packet::Connected {
            session: if *flags == 1 { Session::Resume } else { Session::Fresh },
            limits: Limits::CLASSIC,
        },
        (0x20, [0, code]) => Packet::Refused(Refusal::new(refusal(*code)?)),
        (0x40, [high, low]) => Packet::Ack { token: token(*high, *low)?, ack: Ack::SUCCESS },
        (0x90, [high, low, outcomes @ ..]) => {
            Packet::SubAck { token: token(*high, *low)?, granted: granted(outcomes)? }
        }
        (0x30..=0x3F, body) => return publish(first, body),
        _ => return None,
    }))
}

/// A message. At QoS 2 it is none: nothing was subscribed to at that.
fn publish(first: u8, body: &[u8]) -> Option<Incoming<'_>> {
    let (len, rest) = body.split_first_chunk::<2>()?;
    let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
    let (qos, ack, payload) = match first & 0b0110 {
        0b0000 => (Qos::AtMostOnce, None, rest),
        0b0010 => {
            let ([high, low], payload) = rest.split_first_chunk::<2>()?;
            (Qos::AtLeastOnce, Some(token(*high, *low)?), payload)
        }
        _ => return None,
    };
    let topic = core::str::from_utf8(topic).ok()?;
    let (retain, duplicate) = (first & 0b0001 != 0, first & 0b1000 != 0);
    let publish = Publish { qos, retain, duplicate, ..Publish::new(topic, payload) };
    Some(Incoming::Packet(Packet::Publish { ack, publish }))
}

fn token(high: u8, low: u8) -> Option<AckToken> {
    AckToken::new(u16::from_be_bytes([high, low]))
}

fn granted(outcomes: &[u8]) -> Option<Granted> {
    let mut granted = Granted::EMPTY;
    for outcome in outcomes {
        let outcome = match outcome {
            0 => Ok(Qos::AtMostOnce),
            1 => Ok(Qos::AtLeastOnce),
            0x80 => Err(FilterRefusal::Unspecified),
            _ => return None,
        };
        if !granted.push(outcome) {
            return None;
        }
    }
    Some(granted)
}

fn refusal(code: u8) -> Option<RefusalReason> {
    match code {
        1 => Some(RefusalReason::UnacceptableProtocol),
        2 => Some(RefusalReason::BadClientId),
        3 => Some(RefusalReason::Unavailable),
        4 => Some(RefusalReason::BadUserName),
        5 => Some(RefusalReason::NotAuthorized),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use embassy_futures::block_on;

    use super::*;

    /// Gives out one byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl embedded_io_async::ErrorType for Drops<'_> {
        type Error = core::convert::Infallible;
    }

    impl Read for Drops<'_> {
        async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
            match (self.0.split_first(), buf) {
                (Some((first, rest)), [place, ..]) => {
                    (*place, self.0) = (*first, rest);
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    #[test]
    fn packets_come_out_whole_however_their_bytes_come_in() {
        let publish = Publish { qos: Qos::AtLeastOnce, duplicate: true, ..Publish::new("a/b", b"xy") };
        let mut granted = Granted::EMPTY;
        assert!(granted.push(Ok(Qos::AtLeastOnce)) && granted.push(Err(FilterRefusal::Unspecified)));
        let token = AckToken::new(0x0102).unwrap();
        let packets: [(&[u8], _); 7] = [
            (b"\xD0\0", Incoming::Pong),
            (b"\x20\x02\x01\0", connected(Session::Resume)),
            (b"\x20\x02\0\0", connected(Session::Fresh)),
            (
                b"\x20\x02\0\x05",
                Incoming::Packet(Packet::Refused(Refusal::new(RefusalReason::NotAuthorized))),
            ),
            (b"\x40\x02\x01\x02", Incoming::Packet(Packet::Ack { token, ack: Ack::SUCCESS })),
            (b"\x90\x04\x01\x02\x01\x80", Incoming::Packet(Packet::SubAck { token, granted })),
            (b"\x3A\x09\0\x03a/b\x01\x02xy", Incoming::Packet(Packet::Publish { ack: Some(token), publish })),
        ];
        let bytes: Vec<u8> = packets.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
        let mut longest = [0; 11];
        let mut dripping = Inbox::new(Drops(&bytes), &mut longest);
        for (bytes, expected) in &packets {
            assert_eq!(block_on(dripping.receive()).as_ref(), Ok(expected), "{bytes:?}");
        }
        assert_eq!(block_on(dripping.receive()), Err(Fault::Closed));
        let mut buffer = [0; 64];
        let mut at_once = Inbox::new(bytes.as_slice(), &mut buffer);
        for (bytes, expected) in &packets {
            assert_eq!(block_on(at_once.receive()).as_ref(), Ok(expected), "{bytes:?}");
        }
    }

    #[test]
    fn what_no_hub_may_send_is_malformed() {
        for bytes in [
            &b"\0\0"[..],
            b"\x20\x02\x02\0",
            b"\x20\x02\0\x06",
            b"\x20\x03\0\0\0",
            b"\x40\x02\0\0",
            b"\x40\x01\x01",
            b"\x90\x03\0\x01\x02",
            b"\xD0\x01\0",
            b"\x30\x01\0",
            b"\x30\x03\0\x02a",
            b"\x30\x03\0\x01\xFF",
            b"\x32\x05\0\x01a\0\0",
            b"\x34\x05\0\x01a\0\x01",
            b"\x82\x05\0\x01\0\0\0",
            b"\x30\xFF\xFF\xFF\xFF\x01",
        ] {
            let mut buffer = [0; 16];
            let mut inbox = Inbox::new(bytes, &mut buffer);
            assert_eq!(block_on(inbox.receive()), Err(Fault::Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_head() {
        let mut buffer = [0; 8];
        let mut inbox = Inbox::new(&b"\x30\x07"[..], &mut buffer);
        assert_eq!(block_on(inbox.receive()), Err(Fault::TooLong));
    }

    fn connected(session: Session) -> Incoming<'static> {
        Incoming::Packet(Packet::Connected { session, limits: Limits::CLASSIC })
    }
}
