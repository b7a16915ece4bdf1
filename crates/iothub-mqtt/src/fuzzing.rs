//! The bodies of the fuzz targets: functions of any bytes that panic when something is wrong with this crate.
//! Ordinary tests run them too. Not for use outside the workspace.

use iothub_codec::{Ack, Connect, PropertySection, SectionOf, Version};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Instant, Limits, Opening, Packet, Removal, Removed, Session,
};

use crate::{Client, Server, WireError, WriteError};

const NOW: Instant = Instant::from_millis(1);

/// A device says these bytes to a hub, which lets in whoever connects; the first byte says into what pieces they are
/// cut.
pub fn server(data: &[u8]) {
    let Some((size, data)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    let whole = heard_by_server(data, data.len().max(1));
    let cut = heard_by_server(data, size);
    assert_eq!(whole, cut, "it does not matter how the bytes are cut");
}

/// What the server answers, and what it says last, is for a client to read.
fn heard_by_server(data: &[u8], size: usize) -> Heard {
    let mut server = Server::new(Limits::PREVIEW5);
    let mut device = None;
    let mut packets = 0;
    for mut piece in data.chunks(size) {
        while !piece.is_empty() {
            let taken = server.handle_bytes(NOW, piece);
            piece = &piece[taken..];
            loop {
                let answer = match server.poll_packet() {
                    Ok(Some(packet)) => answer(&packet, &mut device),
                    Ok(None) => break,
                    Err(error) => {
                        read_answers(&mut server, &mut device);
                        return (packets, Some(error));
                    }
                };
                packets += 1;
                match answer.map_or(Ok(()), |answer| server.send(NOW, &answer)) {
                    Ok(()) => {}
                    // A device may announce to take no packet as long as that.
                    Err(WriteError::PacketTooLong { .. }) => return (packets, None),
                    Err(error) => panic!("what was asked for can be answered: {error}"),
                }
            }
            read_answers(&mut server, &mut device);
        }
    }
    (packets, None)
}

/// Lets every device in, and gives it what it wants.
fn answer(packet: &Packet<'_>, device: &mut Option<Client>) -> Option<Packet<'static>> {
    match packet {
        Packet::Connect(opening) => {
            *device = Some(connecting(opening.connect.version, opening.session));
            Some(Packet::Connected { session: Session::Fresh, limits: Limits::PREVIEW5 })
        }
        Packet::Subscribe { token, filters } => {
            let mut granted = Granted::EMPTY;
            for (at, filter) in filters.iter().enumerate() {
                let exceeds = at >= Granted::MAX_LEN;
                let outcome = if exceeds { Err(FilterRefusal::QuotaExceeded) } else { Ok(filter.qos) };
                assert!(granted.push(outcome), "there is room for each");
            }
            Some(Packet::SubAck { token: *token, granted })
        }
        Packet::Unsubscribe { token, filters } => {
            let mut removed = Removed::EMPTY;
            assert!(filters.iter().all(|_| removed.push(Ok(Removal::Gone))), "there is room for each");
            Some(Packet::UnsubAck { token: *token, removed })
        }
        Packet::Publish { ack, .. } => ack.map(|token| Packet::Ack { token, ack: Ack::SUCCESS }),
        Packet::Ack { .. } | Packet::Disconnect(_) | Packet::Auth(_) => None,
        Packet::Connected { .. } | Packet::Refused(_) | Packet::SubAck { .. } | Packet::UnsubAck { .. } => {
            panic!("a device does not say {}", packet.kind())
        }
    }
}

fn read_answers(server: &mut Server, device: &mut Option<Client>) {
    while let Some(bytes) = server.poll_bytes() {
        let len = match device {
            Some(device) => {
                let taken = device.handle_bytes(NOW, bytes);
                while device.poll_packet().expect("a hub can be understood").is_some() {}
                taken
            }
            // A refusal of what could not be read: nobody knows what its sender understands.
            None => bytes.len(),
        };
        server.consume(len);
    }
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

fn heard_by_client(version: Version, data: &[u8], size: usize) -> Heard {
    let mut client = connecting(version, Session::Resume);
    let mut packets = 0;
    for mut piece in data.chunks(size) {
        while !piece.is_empty() {
            let taken = client.handle_bytes(NOW, piece);
            piece = &piece[taken..];
            loop {
                let token = match client.poll_packet() {
                    Ok(Some(Packet::Publish { ack, .. })) => ack,
                    Ok(Some(_)) => None,
                    Ok(None) => break,
                    Err(error) => return (packets, Some(error)),
                };
                packets += 1;
                if let Some(token) = token {
                    acknowledge(&mut client, token);
                }
            }
            client.consume(usize::MAX);
        }
    }
    (packets, None)
}

fn acknowledge(client: &mut Client, token: AckToken) {
    match client.send(NOW, &Packet::Ack { token, ack: Ack::SUCCESS }) {
        // There are hubs that announce to take no packet as long as that.
        Ok(()) | Err(WriteError::PacketTooLong { .. }) => {}
        Err(error) => panic!("what has come can be acknowledged: {error}"),
    }
}

/// A client that has sent CONNECT, with a method of authentication and a place for two aliases over MQTT 5.
fn connecting(version: Version, session: Session) -> Client {
    const SECTION: &[u8] = b"\x15\0\x03SAS\x22\0\x02";
    let properties = match version {
        Version::V311 => PropertySection::EMPTY,
        Version::V5 => PropertySection::from_wire(SECTION, SectionOf::Connect).expect("is in order"),
    };
    let connect = Connect { version, client_id: "d", username: None, password: None, properties };
    let mut client = Client::new(Limits::CLASSIC);
    let opening = Opening { session, ..Opening::new(connect) };
    client.send(NOW, &Packet::Connect(opening)).expect("can be sent");
    client.consume(usize::MAX);
    client
}
