//! A second reader of property sections, simple enough to be obviously right: one property after the other, byte for
//! byte, into vectors, with MQTT's tables written out.

use iothub_codec::{DecodeErrorKind, SectionOf};

/// Its identifier, and what it holds: one thing, or two for a user property.
pub(crate) type Naive = (u8, Vec<Vec<u8>>);

/// Everything in the section, or where and why not.
pub(crate) fn read(wire: &[u8], of: SectionOf) -> Result<Vec<Naive>, (usize, DecodeErrorKind)> {
    let mut all: Vec<Naive> = Vec::new();
    let mut at = 0;
    while at < wire.len() {
        let start = at;
        let id = wire[at];
        at += 1;
        let malformed = (start, DecodeErrorKind::Malformed);
        let parts = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => vec![take(wire, &mut at, 1)],
            0x13 | 0x21 | 0x22 | 0x23 => vec![take(wire, &mut at, 2)],
            0x02 | 0x11 | 0x18 | 0x27 => vec![take(wire, &mut at, 4)],
            0x0B => vec![variable(wire, &mut at)],
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => vec![counted(wire, &mut at)],
            0x26 => vec![counted(wire, &mut at), counted(wire, &mut at)],
            _ => return Err(malformed),
        };
        let parts: Vec<Vec<u8>> = parts.into_iter().collect::<Option<_>>().ok_or(malformed)?;
        if !belongs(id, of) {
            return Err(malformed);
        }
        let is_text = matches!(id, 0x03 | 0x08 | 0x12 | 0x15 | 0x1A | 0x1C | 0x1F | 0x26);
        if is_text && parts.iter().any(|part| String::from_utf8(part.clone()).is_err() || part.contains(&0)) {
            return Err(malformed);
        }
        let repeats = id == 0x26 || (id == 0x0B && of == SectionOf::Publish);
        if !repeats && all.iter().any(|(other, _)| *other == id) {
            return Err((start, DecodeErrorKind::NotAllowed));
        }
        let number = parts[0].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let refused = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => number > 1,
            0x21 | 0x23 | 0x27 => number == 0,
            0x0B => parts[0] == [0],
            0x08 => parts[0].contains(&b'+') || parts[0].contains(&b'#'),
            _ => false,
        };
        if refused {
            return Err((start, DecodeErrorKind::NotAllowed));
        }
        all.push((id, parts));
    }
    Ok(all)
}

fn take(wire: &[u8], at: &mut usize, len: usize) -> Option<Vec<u8>> {
    let part = wire.get(*at..*at + len)?.to_vec();
    *at += len;
    Some(part)
}

fn counted(wire: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let len = take(wire, at, 2)?;
    take(wire, at, usize::from(len[0]) * 256 + usize::from(len[1]))
}

/// Bytes with the high bit, and one without; at most four, and none that could be left out.
fn variable(wire: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let byte = take(wire, at, 1)?[0];
        bytes.push(byte);
        if byte < 0x80 {
            break;
        }
        if bytes.len() == 4 {
            return None;
        }
    }
    let overlong = bytes.len() > 1 && bytes.last() == Some(&0);
    (!overlong).then_some(bytes)
}

fn belongs(id: u8, of: SectionOf) -> bool {
    let ids: &[u8] = match of {
        SectionOf::Connect => &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27],
        SectionOf::Will => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26],
        SectionOf::ConnAck => &[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
            0x2A,
        ],
        SectionOf::Publish => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26],
        SectionOf::Subscribe => &[0x0B, 0x26],
        SectionOf::Unsubscribe => &[0x26],
        SectionOf::PubAck | SectionOf::SubAck | SectionOf::UnsubAck => &[0x1F, 0x26],
        SectionOf::Disconnect => &[0x11, 0x1C, 0x1F, 0x26],
        SectionOf::Auth => &[0x15, 0x16, 0x1F, 0x26],
    };
    ids.contains(&id)
}
