//! What holds for any bytes at all, and for any packet.

use iothub_mqtt::WireError;
use iothub_proto::{Limits, Packet};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::connection::{End, Reader};
use crate::sample::any_sample;

const LIMITS: Limits = Limits { receive_maximum: 4, maximum_packet_size: 30_000, ..Limits::CLASSIC };

proptest! {
    #[test]
    fn what_is_written_reads_back(sample in any_sample()) {
        let bytes = sample.bytes();
        let mut reader = Reader::of(sample.sender(), bytes[0], Limits::CLASSIC);
        prop_assert_eq!(reader.handle_bytes(&bytes), bytes.len());
        prop_assert_eq!(reader.poll_packet(), Ok(Some(sample.lend())));
        prop_assert_eq!(reader.poll_packet(), Ok(None));
    }

    #[test]
    fn any_bytes_are_read_or_refused(sender in any_end(), bytes in vec(any::<u8>(), 1..200)) {
        read(Reader::of(sender, bytes[0], LIMITS), &bytes, &[]);
    }

    #[test]
    fn damaged_packets_are_read_or_refused(sample in any_sample(), damage in any_damage()) {
        let mut bytes = sample.bytes();
        damaged(&mut bytes, &damage);
        read(Reader::of(sample.sender(), bytes[0], LIMITS), &bytes, &[]);
    }

    #[test]
    fn how_bytes_are_cut_makes_no_difference(
        samples in vec(any_sample(), 1..6),
        damage in any_damage(),
        pieces in vec(1..3_000_usize, 0..20),
    ) {
        let sender = samples[0].sender();
        let mut bytes: Vec<u8> =
            samples.iter().filter(|sample| sample.sender() == sender).flat_map(|sample| sample.bytes()).collect();
        damaged(&mut bytes, &damage);
        let first = bytes[0];
        let whole = read(Reader::of(sender, first, LIMITS), &bytes, &[]);
        let cut = read(Reader::of(sender, first, LIMITS), &bytes, &pieces);
        prop_assert_eq!(whole, cut);
    }
}

/// Feeds `bytes` in pieces of those lengths, and the rest as it fits; says what came out, as text.
pub(crate) fn read(mut reader: Reader, bytes: &[u8], pieces: &[usize]) -> (Vec<String>, Option<WireError>) {
    let mut packets = Vec::new();
    let mut left = bytes;
    let mut pieces = pieces.iter();
    while !left.is_empty() {
        let taken = match pieces.next() {
            Some(len) => reader.handle_read(&left[..left.len().min(*len)]),
            None => reader.handle_bytes(left),
        };
        assert!(taken > 0, "there is room once every packet has been taken out");
        left = &left[taken..];
        loop {
            match reader.poll_packet() {
                Ok(Some(packet)) => {
                    check(&packet);
                    packets.push(format!("{packet:?}"));
                    let waits = matches!(packet, Packet::Connect(_));
                    // A device may announce to take no packet as long as CONNACK.
                    if waits && !reader.let_in(LIMITS) {
                        return (packets, None);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.poll_packet(), Err(error), "an error stays");
                    return (packets, Some(error));
                }
            }
        }
    }
    (packets, None)
}

/// What a session may rely on.
fn check(packet: &Packet<'_>) {
    if let Packet::Publish { ack, publish } = packet {
        assert_eq!(ack.is_some(), publish.qos == iothub_codec::Qos::AtLeastOnce);
        assert!(!publish.topic.is_empty() && !publish.topic.contains(['#', '+', '\0']));
    }
}

pub(crate) fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Device), Just(End::Hub)]
}

/// Bytes to be replaced: where, out of 65,536 parts of the whole, and by what.
pub(crate) fn any_damage() -> impl Strategy<Value = Vec<(u16, u8)>> {
    let early = (0..=600_u16, any::<u8>());
    let anywhere = (any::<u16>(), any::<u8>());
    vec(prop_oneof![early, anywhere], 0..4)
}

pub(crate) fn damaged(bytes: &mut [u8], damage: &[(u16, u8)]) {
    for (part, value) in damage {
        let at = usize::from(*part) * bytes.len() / 65_536;
        bytes[at] = *value;
    }
}
