//! What holds for any bytes at all, and for any packet.

use iothub_proto::{Limits, Packet};
use proptest::collection::vec;
use proptest::prelude::*;

use super::ends::reader;
use super::naive;
use super::sample::{LIMITS, any_sample};
use crate::connection::End;
use crate::generated::{any_damage, any_end, damaged, read};

const SHORT: Limits = Limits { receive_maximum: 4, maximum_packet_size: 30_000, ..LIMITS };

proptest! {
    #[test]
    fn what_is_written_reads_back(sample in any_sample()) {
        let bytes = sample.bytes();
        let mut reader = reader(sample.sender(), bytes[0], LIMITS);
        prop_assert_eq!(reader.handle_bytes(&bytes), bytes.len());
        prop_assert_eq!(reader.poll_packet(), Ok(Some(sample.lend())));
        prop_assert_eq!(reader.poll_packet(), Ok(None));
    }

    #[test]
    fn two_readers_agree_on_packets_and_on_damaged_ones(sample in any_sample(), damage in any_damage()) {
        let mut bytes = sample.bytes();
        damaged(&mut bytes, &damage);
        agree(sample.sender(), &bytes);
    }

    #[test]
    fn two_readers_agree_on_anything(sender in any_end(), kind in 1..16_u8, mut bytes in vec(any::<u8>(), 2..60)) {
        // Mostly whole packets of a type that may come.
        bytes[0] = kind << 4 | match kind {
            3 => bytes[0] & 3,
            8 | 10 => 2,
            _ => 0,
        };
        bytes[1] = (bytes.len() - 2) as u8;
        agree(sender, &bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(sender in any_end(), bytes in vec(any::<u8>(), 1..200)) {
        read(reader(sender, bytes[0], SHORT), &bytes, &[]);
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
        let whole = read(reader(sender, bytes[0], SHORT), &bytes, &[]);
        let cut = read(reader(sender, bytes[0], SHORT), &bytes, &pieces);
        prop_assert_eq!(whole, cut);
    }
}

fn agree(sender: End, bytes: &[u8]) {
    let first = bytes[0];
    let mut reader = reader(sender, first, LIMITS);
    assert_eq!(reader.handle_bytes(bytes), bytes.len());
    let theirs = naive::read(bytes, sender, LIMITS.maximum_packet_size as usize);
    let read = reader.poll_packet();
    // PINGREQ and PINGRESP are swallowed, and what stands behind them is read at once.
    if first >> 4 != 12 && first >> 4 != 13 {
        if let Ok(Some(Packet::Connected { limits, .. })) = &read {
            assert!(limits.receive_maximum > 0 && limits.maximum_packet_size > 0);
        }
        assert_eq!(naive::ours(first, read), theirs, "{bytes:02x?} from {sender:?}");
    }
}
