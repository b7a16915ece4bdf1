//! The bodies of the fuzz targets: functions of any bytes that panic when something is wrong with this crate.
//! Ordinary tests run them too. Not for use outside the workspace.

use iothub_proto::{Instant, Limits};

use crate::{Client, Server, WireError};

/// A device says these bytes to a hub; the first byte says into what pieces they are cut.
pub fn server(data: &[u8]) {
    let Some((size, data)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    let whole = hear(data, data.len().max(1));
    let cut = hear(data, size);
    assert_eq!(whole, cut, "it does not matter how the bytes are cut");
}

/// How many packets a server makes of the bytes, and how that ends.
fn hear(data: &[u8], size: usize) -> (usize, Option<WireError>) {
    let now = Instant::from_millis(1);
    let mut server = Server::new(Limits::CLASSIC);
    let mut packets = 0;
    for mut piece in data.chunks(size) {
        while !piece.is_empty() {
            let taken = server.handle_bytes(now, piece);
            piece = &piece[taken..];
            loop {
                match server.poll_packet() {
                    Ok(Some(_)) => packets += 1,
                    Ok(None) => break,
                    Err(error) => return (packets, Some(error)),
                }
            }
            while let Some(len) = server.poll_bytes().map(<[u8]>::len) {
                server.consume(len);
            }
        }
    }
    (packets, None)
}

/// A hub says these bytes to a device.
pub fn client(data: &[u8]) {
    let now = Instant::from_millis(1);
    let mut client = Client::new(Limits::CLASSIC);
    let mut rest = data;
    while !rest.is_empty() {
        let taken = client.handle_bytes(now, rest);
        rest = &rest[taken..];
        loop {
            match client.poll_packet() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}
