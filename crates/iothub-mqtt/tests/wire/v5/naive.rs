//! A second reader of MQTT 5, written from its text alone and without any thought of speed.

use std::collections::BTreeSet;

use iothub_codec::{PropertySection, Publish, Qos};
use iothub_mqtt::WireError;
use iothub_proto::{Packet, Removal, Session};

use crate::connection::End;

/// What a packet says, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Number(u32),
    Bytes(Vec<u8>),
}

/// What becomes of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Pending,
    Bad,
    Packet(u8, Vec<Field>),
}

/// Reads the first packet of what `sender` says to an end that takes up to `max` bytes and ten topic aliases.
pub(super) fn read(bytes: &[u8], sender: End, max: usize) -> Reading {
    let kind = bytes[0] >> 4;
    let from =
        if sender == End::Device { &[1, 3, 4, 8, 10, 12, 14, 15][..] } else { &[2, 3, 4, 9, 11, 13, 14, 15] };
    let flags_are_good = match kind {
        3 => matches!(bytes[0] & 0x0f, 0 | 1 | 2 | 3 | 10 | 11),
        8 | 10 => bytes[0] & 0x0f == 2,
        _ => bytes[0] & 0x0f == 0,
    };
    if !from.contains(&kind) || !flags_are_good {
        return Reading::Bad;
    }
    let mut length = 0;
    let mut at = 1;
    loop {
        let Some(byte) = bytes.get(at) else { return Reading::Pending };
        length += usize::from(byte % 128) << (7 * (at - 1));
        at += 1;
        if *byte < 128 {
            if *byte == 0 && at > 2 {
                return Reading::Bad;
            }
            break;
        }
        if at > 4 {
            return Reading::Bad;
        }
    }
    if at + length > max || (matches!(kind, 12 | 13) && length > 0) {
        return Reading::Bad;
    }
    if bytes.len() < at + length {
        return Reading::Pending;
    }
    let mut rest = Rest { bytes: bytes[at..at + length].to_vec(), fields: Vec::new(), sender };
    match rest.packet(bytes[0]) {
        Some(()) if rest.bytes.is_empty() => Reading::Packet(bytes[0], rest.fields),
        _ => Reading::Bad,
    }
}

/// What is left of a packet, and what it has said so far. `None` ends the reading of a bad one.
struct Rest {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    sender: End,
}

impl Rest {
    fn packet(&mut self, first: u8) -> Option<()> {
        match first >> 4 {
            1 => self.connect(),
            2 => self.connack(),
            3 => self.publish(first),
            4 => {
                self.packet_id()?;
                self.outcome(&[0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], &[0x1f, 0x26], true)
            }
            8 => {
                self.packet_id()?;
                self.properties(&[0x26])?;
                self.fields.pop();
                self.filters(true)
            }
            10 => {
                self.packet_id()?;
                self.properties(&[0x26])?;
                self.fields.pop();
                self.filters(false)
            }
            9 => self.codes(&[0, 1, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
            11 => self.codes(&[0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
            14 if self.sender == End::Device => self.outcome(
                &[0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
                &[0x11, 0x1c, 0x1f, 0x26],
                true,
            ),
            14 => self.outcome(
                &[
                    0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95,
                    0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
                ],
                &[0x1c, 0x1f, 0x26],
                true,
            ),
            15 => {
                let codes = if self.sender == End::Device { &[0x18, 0x19][..] } else { &[0, 0x18] };
                if self.bytes.is_empty() && self.sender == End::Device {
                    return None;
                }
                self.outcome(codes, &[0x15, 0x16, 0x1f, 0x26], false)
            }
            _ => Some(()),
        }
    }

    fn connect(&mut self) -> Option<()> {
        if self.take(7)? != b"\0\x04MQTT\x05" {
            return None;
        }
        let flags = self.take(1)?[0];
        let will = flags & 4 != 0;
        if flags & 1 != 0 || (!will && flags & 0x38 != 0) || flags & 0x10 != 0 {
            return None;
        }
        self.fields.push(Field::Number(u32::from(flags)));
        self.number(2)?;
        let ids = self.properties(&[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27])?;
        if ids.contains(&0x16) && !ids.contains(&0x15) {
            return None;
        }
        self.text()?;
        if will {
            self.properties(&[1, 2, 3, 8, 9, 0x18, 0x26])?;
            self.topic()?;
            self.binary()?;
        }
        if flags & 0x80 != 0 {
            self.text()?;
        }
        if flags & 0x40 != 0 {
            self.binary()?;
        }
        Some(())
    }

    fn connack(&mut self) -> Option<()> {
        let flags = self.take(1)?[0];
        let code = self.take(1)?[0];
        let codes = [
            0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
            0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
        ];
        if flags > 1 || (flags == 1 && code != 0) || !codes.contains(&code) {
            return None;
        }
        self.fields.push(Field::Number(u32::from(flags)));
        self.fields.push(Field::Number(u32::from(code)));
        self.properties(&[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
            0x2a,
        ])?;
        if code == 0 {
            // Limits, which are compared elsewhere.
            self.fields.pop();
        }
        Some(())
    }

    fn publish(&mut self, first: u8) -> Option<()> {
        let topic = self.text()?;
        if topic.contains(['+', '#']) {
            return None;
        }
        if first & 6 != 0 {
            self.packet_id()?;
        }
        let numbered = if self.sender == End::Hub { 0x0b } else { 0x26 };
        let start = self.bytes.clone();
        let ids = self.properties(&[1, 2, 3, 8, 9, numbered, 0x23, 0x26])?;
        if ids.contains(&0x23) {
            let alias = alias(&start)?;
            if self.sender == End::Hub || alias > 10 {
                return None;
            }
        }
        if topic.is_empty() {
            return None;
        }
        self.fields.push(Field::Bytes(core::mem::take(&mut self.bytes)));
        Some(())
    }

    fn codes(&mut self, good: &[u8]) -> Option<()> {
        self.packet_id()?;
        self.properties(&[0x1f, 0x26])?;
        self.fields.pop();
        let codes = core::mem::take(&mut self.bytes);
        // Behind as many as a device may have, only what says so.
        let beyond = codes.iter().skip(50);
        let is_quota = |code: &u8| *code == 0x97 && good.contains(code);
        if codes.is_empty() || !codes.iter().all(|code| good.contains(code)) || !beyond.clone().all(is_quota)
        {
            return None;
        }
        self.fields.push(Field::Bytes(codes));
        Some(())
    }

    fn filters(&mut self, with_options: bool) -> Option<()> {
        let mut count = 0;
        while !self.bytes.is_empty() {
            let filter = self.text()?;
            count += 1;
            if filter.is_empty() {
                return None;
            }
            if with_options {
                let options = self.take(1)?[0];
                let bad_qos = options % 4 == 3;
                let bad_retain = options / 16 % 4 == 3;
                let bad_local = options & 4 != 0 && filter.starts_with("$share/");
                if bad_qos || bad_retain || bad_local || options >= 64 {
                    return None;
                }
                self.fields.push(Field::Number(u32::from(options)));
            }
        }
        (count >= 1 && (with_options || count <= 50)).then_some(())
    }

    /// A reason, which may be left out, and its properties, which may be too if `short`.
    fn outcome(&mut self, codes: &[u8], ids: &[u8], short: bool) -> Option<()> {
        let code = if self.bytes.is_empty() { 0 } else { self.take(1)?[0] };
        if !codes.contains(&code) {
            return None;
        }
        let was_empty = self.bytes.is_empty();
        self.fields.push(Field::Number(u32::from(code)));
        if was_empty && (short || code == 0) {
            // Of an AUTH both are left out or none.
            if !short && self.fields.len() == 1 && code != 0 {
                return None;
            }
            self.fields.push(Field::Bytes(Vec::new()));
            return Some(());
        }
        self.properties(ids)?;
        Some(())
    }

    /// Checks a section, and says which identifiers it has.
    fn properties(&mut self, allowed: &[u8]) -> Option<BTreeSet<u8>> {
        let len = self.varint()?;
        let section = self.take(len)?;
        self.fields.push(Field::Bytes(section.clone()));
        let mut inner = Rest { bytes: section, fields: Vec::new(), sender: self.sender };
        let mut ids = BTreeSet::new();
        while !inner.bytes.is_empty() {
            let id = inner.take(1)?[0];
            if !allowed.contains(&id) {
                return None;
            }
            if !ids.insert(id) && id != 0x26 && id != 0x0b {
                return None;
            }
            match id {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => {
                    (inner.take(1)?[0] < 2).then_some(())?;
                }
                0x13 | 0x22 => _ = inner.take(2)?,
                0x21 | 0x23 => (inner.take(2)? != [0, 0]).then_some(())?,
                0x02 | 0x11 | 0x18 => _ = inner.take(4)?,
                0x27 => (inner.take(4)? != [0; 4]).then_some(())?,
                0x0b => (inner.varint()? > 0).then_some(())?,
                0x09 | 0x16 => inner.binary()?,
                0x08 => (!inner.text()?.contains(['+', '#'])).then_some(())?,
                0x26 => _ = (inner.text()?, inner.text()?),
                _ => _ = inner.text()?,
            }
        }
        Some(ids)
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for place in 0..4 {
            let byte = self.take(1)?[0];
            value += usize::from(byte % 128) << (7 * place);
            if byte < 128 {
                return (byte != 0 || place == 0).then_some(value);
            }
        }
        None
    }

    fn packet_id(&mut self) -> Option<()> {
        self.number(2)?;
        (self.fields.last() != Some(&Field::Number(0))).then_some(())
    }

    fn number(&mut self, len: usize) -> Option<()> {
        let number = self.take(len)?.into_iter().fold(0, |number, byte| number << 8 | u32::from(byte));
        self.fields.push(Field::Number(number));
        Some(())
    }

    fn topic(&mut self) -> Option<()> {
        let topic = self.text()?;
        (!topic.is_empty() && !topic.contains(['+', '#'])).then_some(())
    }

    fn text(&mut self) -> Option<String> {
        self.binary()?;
        let Some(Field::Bytes(bytes)) = self.fields.last() else { return None };
        String::from_utf8(bytes.clone()).ok().filter(|text| !text.contains('\0'))
    }

    fn binary(&mut self) -> Option<()> {
        let len = self.take(2)?;
        let bytes = self.take(usize::from(len[0]) * 256 + usize::from(len[1]))?;
        self.fields.push(Field::Bytes(bytes));
        Some(())
    }

    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        if len > self.bytes.len() {
            return None;
        }
        let rest = self.bytes.split_off(len);
        Some(core::mem::replace(&mut self.bytes, rest))
    }
}

/// The alias in a good section that is known to have one, given with its length.
fn alias(bytes: &[u8]) -> Option<u16> {
    let mut rest = Rest { bytes: bytes.to_vec(), fields: Vec::new(), sender: End::Hub };
    let len = rest.varint()?;
    let section = PropertySection::from_wire(&rest.bytes[..len], iothub_codec::SectionOf::Publish).ok()?;
    section.topic_alias()
}

/// What our reader makes of it, in the same form.
pub(super) fn ours(first: u8, read: Result<Option<Packet<'_>>, WireError>) -> Reading {
    match read {
        Err(_) => Reading::Bad,
        Ok(None) if first >> 4 == 12 || first >> 4 == 13 => Reading::Packet(first, Vec::new()),
        Ok(None) => Reading::Pending,
        Ok(Some(packet)) => Reading::Packet(first, fields(first, &packet)),
    }
}

fn fields(first: u8, packet: &Packet<'_>) -> Vec<Field> {
    let number = |number: u16| Field::Number(u32::from(number));
    let bytes = |bytes: &[u8]| Field::Bytes(bytes.to_vec());
    match packet {
        Packet::Connect(opening) => {
            let connect = &opening.connect;
            let mut flags = if opening.session == Session::Fresh { 2 } else { 0 };
            flags |= if connect.username.is_some() { 0x80 } else { 0 };
            flags |= if connect.password.is_some() { 0x40 } else { 0 };
            flags |= opening.will.map_or(0, |will| 4 | (will.qos as u16) << 3 | u16::from(will.retain) << 5);
            let mut fields = vec![
                number(flags),
                number(opening.keep_alive_s),
                bytes(connect.properties.as_wire()),
                bytes(connect.client_id.as_bytes()),
            ];
            if let Some(will) = &opening.will {
                fields.extend([
                    bytes(will.properties.as_wire()),
                    bytes(will.topic.as_bytes()),
                    bytes(will.payload),
                ]);
            }
            fields.extend(connect.username.map(|name| bytes(name.as_bytes())));
            fields.extend(connect.password.map(bytes));
            fields
        }
        Packet::Connected { session, .. } => {
            vec![Field::Number(u32::from(*session == Session::Resume)), Field::Number(0)]
        }
        Packet::Refused(refusal) => vec![
            Field::Number(0),
            Field::Number(u32::from(refusal.reason.code())),
            bytes(refusal.properties.as_wire()),
        ],
        Packet::Subscribe { token, filters } | Packet::Unsubscribe { token, filters } => {
            let mut fields = vec![number(token.get())];
            let mut at = 0;
            for filter in filters.iter() {
                fields.push(bytes(filter.topic.as_bytes()));
                at += 2 + filter.topic.len();
                if first >> 4 == 8 {
                    fields.push(number(u16::from(filters.as_wire()[at])));
                    at += 1;
                }
            }
            fields
        }
        Packet::SubAck { token, granted } => {
            let codes = granted.iter().map(|outcome| match outcome {
                Ok(Qos::AtMostOnce) => 0,
                Ok(Qos::AtLeastOnce) => 1,
                Err(refusal) => refusal.code(),
            });
            vec![number(token.get()), Field::Bytes(codes.collect())]
        }
        Packet::UnsubAck { token, removed } => {
            let codes = removed.iter().map(|outcome| match outcome {
                Ok(Removal::Gone) => 0,
                Ok(Removal::NeverThere) => 0x11,
                Err(refusal) => refusal.code(),
            });
            vec![number(token.get()), Field::Bytes(codes.collect())]
        }
        Packet::Publish { ack, publish } => {
            let Publish { topic, properties, payload, qos, retain, duplicate } = publish;
            let flags = (*qos as u8) << 1 | u8::from(*retain) | u8::from(*duplicate) << 3;
            assert_eq!(first, 0x30 | flags);
            let mut fields = vec![bytes(topic.as_bytes())];
            fields.extend(ack.map(|token| number(token.get())));
            fields.extend([bytes(properties.as_wire()), bytes(payload)]);
            fields
        }
        Packet::Ack { token, ack } => vec![
            number(token.get()),
            Field::Number(u32::from(ack.reason_code)),
            bytes(ack.properties.as_wire()),
        ],
        Packet::Disconnect(ack) => {
            vec![Field::Number(u32::from(ack.reason_code)), bytes(ack.properties.as_wire())]
        }
        Packet::Auth(auth) => {
            vec![Field::Number(u32::from(auth.reason_code)), bytes(auth.properties.as_wire())]
        }
    }
}
