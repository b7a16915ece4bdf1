//! What both ends allocate: `cargo bench -p iothub-mqtt --bench memory`.

#[path = "../pair.rs"]
mod pair;

use allocation_counter::measure;
use bytes::BytesMut;
use iothub_codec::{Publish, Version};
use iothub_mqtt::{Client, Server, measuring};
use iothub_proto::{AckToken, Instant, Limits, Packet, Session};
use mqttbytes::{v4, v5};

use pair::{KINDS, Pair, message};

fn main() {
    println!("{:<44}{:>10}{:>12}", "allocations per packet", "iothub", "mqttbytes");
    for (name, version, user) in KINDS {
        for (size, len) in [("64 B", 64), ("1 KiB", 1 << 10), ("64 KiB", 64 << 10)] {
            per_packet(
                &format!("{name}: {size}, to hub and back"),
                version,
                message(user, vec![b'x'; len].leak()),
            );
        }
    }
    println!("\n{:<44}{:>10}", "bytes of an end", "");
    println!("{:<44}{:>10}", "Client itself", size_of::<Client>());
    println!("{:<44}{:>10}", "Server itself", size_of::<Server>());
    for (name, version, user) in KINDS {
        let (mut fresh, mut used) = (None, None);
        let connected = measure(|| fresh = Some(Pair::connected(version)));
        println!("{:<44}{:>10}", format!("{name}: both, connected, on the heap"), connected.bytes_current);
        let message = message(user, &[b'x'; 64]);
        let idle = measure(|| {
            let mut pair = Pair::connected(version);
            (0..100).for_each(|_| pair.send(&message));
            used = Some(pair);
        });
        println!("{:<44}{:>10}", format!("{name}: both, after 100 messages of 64 B"), idle.bytes_current);
    }
    println!("\n{:<44}{:>10}{:>10}{:>8}", "hostile packets in a server", "bytes", "peak heap", "ratio");
    hostile();
}

fn per_packet(name: &str, version: Version, message: Publish<'static>) {
    const TIMES: u64 = 1000;
    let mut pair = Pair::connected(version);
    (0..32).for_each(|_| pair.send(&message));
    let steady = measure(|| (0..TIMES).for_each(|_| pair.send(&message)));
    let mut bytes = Vec::new();
    let packet = Packet::Publish { ack: Some(AckToken::FIRST), publish: message };
    measuring::write(version, &packet, &mut bytes).expect("can be written");
    let mut buffer = BytesMut::from(&bytes[..]);
    let theirs = measure(|| match version {
        Version::V311 => _ = v4::read(&mut buffer, usize::MAX),
        Version::V5 => _ = v5::read(&mut buffer, usize::MAX),
    });
    let ours = steady.count_total as f64 / TIMES as f64;
    println!("{name:<44}{ours:>10.3}{:>12}", theirs.count_total);
}

/// Packets of the longest kind, made of as much as possible.
fn hostile() {
    const LONGEST: usize = 256 * 1024;
    let connect = b"\x10\x0d\0\x04MQTT\x05\x02\0\0\0\0\0";
    let packet = |first: u8, head: &[u8], entry: &[u8], section: bool| {
        let count = (LONGEST - 16) / entry.len();
        let entries = entry.repeat(count);
        let length = if section { length(entries.len()) } else { Vec::new() };
        let body = [head, &length, &entries].concat();
        [vec![first], length_of(&body), body].concat()
    };
    for (name, bytes) in [
        ("a long payload", packet(0x30, b"\0\x01a\0", b"x", false)),
        ("user properties of nothing", packet(0x30, b"\0\x01a", b"\x26\0\0\0\0", true)),
        ("subscription identifiers", packet(0x30, b"\0\x01a", b"\x0b\x01", true)),
        ("SUBSCRIBE to nothing", packet(0x82, b"\0\x01\0", b"\0\0\0", false)),
        ("UNSUBSCRIBE from everything", packet(0xa2, b"\0\x01\0", b"\0\x01#", false)),
        ("half of it", packet(0x30, b"\0\x01a\0", b"x", false)[..LONGEST / 2].to_vec()),
    ] {
        let mut server = Server::new(Limits::PREVIEW5);
        let now = Instant::from_millis(1);
        assert_eq!(server.handle_bytes(now, connect), connect.len());
        assert!(server.poll_packet().is_ok_and(|packet| packet.is_some()));
        let let_in = Packet::Connected { session: Session::Fresh, limits: Limits::PREVIEW5 };
        server.send(now, &let_in).expect("is CONNACK");
        let used = measure(|| {
            for piece in bytes.chunks(1400) {
                let mut rest = piece;
                while !rest.is_empty() && server.poll_packet().is_ok() {
                    let taken = server.handle_bytes(now, rest);
                    rest = &rest[taken..];
                }
            }
            _ = server.poll_packet();
        });
        let ratio = used.bytes_max as f64 / bytes.len() as f64;
        println!("{name:<44}{:>10}{:>10}{ratio:>8.2}", bytes.len(), used.bytes_max);
    }
}

fn length_of(body: &[u8]) -> Vec<u8> {
    length(body.len())
}

fn length(mut len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while len > 0x7f {
        bytes.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes
}
