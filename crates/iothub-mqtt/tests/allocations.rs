//! How much memory both ends take, counted.

#[cfg(test)]
#[allow(dead_code, reason = "the measurements use more of it")]
#[path = "../benches/pair.rs"]
mod pair;

use allocation_counter::measure;
use iothub_mqtt::Server;
use iothub_proto::{Instant, Limits, Packet, Session};

use pair::{KINDS, Pair, message};

#[test]
fn a_steady_session_allocates_nothing() {
    for (name, version, user) in KINDS {
        for len in [0, 64, 1 << 10, 64 << 10] {
            let message = message(user, vec![b'x'; len].leak());
            let mut pair = Pair::connected(version);
            (0..32).for_each(|_| pair.send(&message));
            let used = measure(|| (0..100).for_each(|_| pair.send(&message)));
            assert_eq!(used.count_total, 0, "{name}, {len} bytes");
        }
    }
}

#[test]
fn an_idle_pair_takes_no_more_than_its_first_buffers() {
    for (name, version, user) in KINDS {
        let message = message(user, &[b'x'; 64]);
        let mut pair = None;
        let used = measure(|| {
            let pair = pair.insert(Pair::connected(version));
            (0..100).for_each(|_| pair.send(&message));
        });
        assert!(used.bytes_current < 5_000, "{name}: {} bytes", used.bytes_current);
    }
}

#[test]
fn a_packet_takes_no_more_than_twice_its_size_however_slowly_it_comes() {
    const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x05\x02\0\0\0\0\0";
    let now = Instant::from_millis(1);
    for len in (8_000..262_000).step_by(1_999).chain([65_535, 65_540, 131_071, 131_080, 262_140]) {
        let mut bytes = vec![0x30];
        let mut remaining = len - 4;
        while remaining > 0x7f {
            bytes.push((remaining & 0x7f) as u8 | 0x80);
            remaining >>= 7;
        }
        bytes.push(remaining as u8);
        bytes.extend([0, 1, b'a', 0]);
        bytes.resize(len, b'x');
        let mut server = Server::new(Limits::PREVIEW5);
        assert_eq!(server.handle_bytes(now, CONNECT), CONNECT.len());
        assert!(matches!(server.poll_packet(), Ok(Some(_))));
        let let_in = Packet::Connected { session: Session::Fresh, limits: Limits::PREVIEW5 };
        server.send(now, &let_in).expect("is CONNACK");
        let used = measure(|| {
            for piece in bytes.chunks(500) {
                assert_eq!(server.handle_bytes(now, piece), piece.len());
                assert!(server.poll_packet().is_ok());
            }
        });
        // The first buffer is there before the packet.
        assert!(used.bytes_max <= 2 * len as u64, "{} bytes for {len}", used.bytes_max);
    }
}
