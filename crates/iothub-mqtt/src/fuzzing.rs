//! The bodies of the fuzz targets: functions of any bytes that panic when something is wrong with this crate.
//! Ordinary tests run them too. Not for use outside the workspace.

use iothub_codec::{Connect, PropertySection, Version};
use iothub_proto::{Instant, Limits, Opening, Packet, Session};

use crate::{Client, Server, WireError};

/// A device says these bytes to a hub, which lets in whoever connects; the first byte says into what pieces they are
/// cut.
pub fn server(data: &[u8]) {
    let Some((size, data)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    let whole = heard_by_server(data, data.len().max(1));
    let cut = heard_by_server(data, size);
    assert_eq!(whole, cut, "it does not matter how the bytes are cut");
}

/// A hub says these bytes to a device that has sent its CONNECT, in either version of MQTT; likewise.
pub fn client(data: &[u8]) {
    let Some((size, data)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    for version in [Version::V311, Version::V5] {
        let whole = heard_by_client(version, data, data.len().max(1));
        let cut = heard_by_client(version, data, size);
        assert_eq!(whole, cut, "it does not matter how the bytes are cut");
    }
}

/// How many packets are made of the bytes, and how that ends.
type Heard = (usize, Option<WireError>);

const NOW: Instant = Instant::from_millis(1);

fn heard_by_server(data: &[u8], size: usize) -> Heard {
    let mut server = Server::new(Limits::CLASSIC);
    let mut packets = 0;
    for mut piece in data.chunks(size) {
        while !piece.is_empty() {
            let taken = server.handle_bytes(NOW, piece);
            piece = &piece[taken..];
            loop {
                let connects = match server.poll_packet() {
                    Ok(Some(packet)) => matches!(packet, Packet::Connect(_)),
                    Ok(None) => break,
                    Err(error) => return (packets, Some(error)),
                };
                packets += 1;
                if connects {
                    let connected = Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC };
                    server.send(NOW, &connected).expect("who connects may be let in");
                }
            }
            while let Some(len) = server.poll_bytes().map(<[u8]>::len) {
                server.consume(len);
            }
        }
    }
    (packets, None)
}

fn heard_by_client(version: Version, data: &[u8], size: usize) -> Heard {
    let mut client = Client::new(Limits::CLASSIC);
    let properties = PropertySection::EMPTY;
    let connect = Connect { version, client_id: "d", username: None, password: None, properties };
    client.send(NOW, &Packet::Connect(Opening::new(connect))).expect("nothing was sent before");
    let mut packets = 0;
    for mut piece in data.chunks(size) {
        while !piece.is_empty() {
            let taken = client.handle_bytes(NOW, piece);
            piece = &piece[taken..];
            loop {
                match client.poll_packet() {
                    Ok(Some(_)) => packets += 1,
                    Ok(None) => break,
                    Err(error) => return (packets, Some(error)),
                }
            }
            while let Some(len) = client.poll_bytes().map(<[u8]>::len) {
                client.consume(len);
            }
        }
    }
    (packets, None)
}
