//! Topic aliases over MQTT 5, by a device that saves bytes: what is written to the hub, with numbers for topics.

use crate::chance::Chance;

/// Rewrites the packets that a device writes to one connection. It gives numbers anew when it runs out of them.
#[derive(Debug, Default)]
pub(crate) struct Aliasing {
    /// The topic of alias 1 first.
    topics: Vec<Vec<u8>>,
    /// The beginning of a packet.
    begun: Vec<u8>,
    /// Packets as they go out.
    ready: Vec<u8>,
}

/// Fewer than the hub allows, so that numbers are given anew.
const ALIASES: usize = 3;
const PUBLISH: u8 = 3;
const QOS: u8 = 0b0110;
const TOPIC_ALIAS: u8 = 0x23;

impl Aliasing {
    pub(crate) fn write(&mut self, bytes: &[u8], chance: &mut Chance) {
        self.begun.extend_from_slice(bytes);
        while let Some(len) = packet_len(&self.begun) {
            let packet: Vec<u8> = self.begun.drain(..len).collect();
            let shorter = if packet[0] >> 4 == PUBLISH { self.publish(&packet, chance) } else { None };
            self.ready.extend(shorter.unwrap_or(packet));
        }
    }

    /// What waits for room on the link.
    pub(crate) fn ready(&self) -> &[u8] {
        &self.ready
    }

    pub(crate) fn consume(&mut self, len: usize) {
        self.ready.drain(..len);
    }

    /// The same message with an alias, and without a topic if the alias has been given; `None` to leave it as it is.
    fn publish(&mut self, packet: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
        if chance.happens(20) {
            return None;
        }
        let (_, rest) = varint(packet.get(1..)?)?;
        let (topic, rest) = rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len), rest))?;
        let (topic, rest) = rest.split_at_checked(topic.into())?;
        let (id, rest) = rest.split_at_checked(if packet[0] & QOS == 0 { 0 } else { 2 })?;
        let (section_len, rest) = varint(rest)?;
        let known = self.topics.iter().position(|known| known == topic);
        let index = known.unwrap_or_else(|| self.give(topic, chance));
        let said = if known.is_some() { &[][..] } else { topic };

        let mut body = Vec::new();
        body.extend(u16::try_from(said.len()).ok()?.to_be_bytes());
        body.extend(said);
        body.extend(id);
        put_varint(section_len + 3, &mut body);
        body.push(TOPIC_ALIAS);
        body.extend(u16::try_from(index + 1).ok()?.to_be_bytes());
        body.extend(rest);
        let mut shorter = vec![packet[0]];
        put_varint(body.len(), &mut shorter);
        shorter.extend(body);
        Some(shorter)
    }

    fn give(&mut self, topic: &[u8], chance: &mut Chance) -> usize {
        if self.topics.len() < ALIASES {
            self.topics.push(topic.to_owned());
            return self.topics.len() - 1;
        }
        let index = chance.index(ALIASES);
        topic.clone_into(&mut self.topics[index]);
        index
    }
}

/// How long the packet at the beginning is, if all of it is there.
fn packet_len(bytes: &[u8]) -> Option<usize> {
    let (len, rest) = varint(bytes.get(1..)?)?;
    let whole = bytes.len() - rest.len() + len;
    (whole <= bytes.len()).then_some(whole)
}

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes.iter().take(4).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at(last + 1);
    Some((number.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7F)), rest))
}

fn put_varint(mut number: usize, out: &mut Vec<u8>) {
    while number > 0x7F {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_said_once_for_each_number_and_everything_else_stays() {
        let publish = b"\x32\x0a\0\x03a/b\x01\x02\0xy";
        let (mut aliasing, mut chance) = (Aliasing::default(), Chance::new(1));
        let mut forms = std::collections::BTreeSet::new();
        for byte in publish.iter().cycle().take(40 * publish.len()) {
            aliasing.write(&[*byte], &mut chance);
            let ready = aliasing.ready().to_vec();
            if !ready.is_empty() {
                aliasing.consume(ready.len());
                forms.insert(ready);
            }
        }
        let said = b"\x32\x0d\0\x03a/b\x01\x02\x03\x23\0\x01xy".to_vec();
        let unsaid = b"\x32\x0a\0\0\x01\x02\x03\x23\0\x01xy".to_vec();
        assert_eq!(forms, [publish.to_vec(), said, unsaid].into());
    }

    #[test]
    fn other_packets_go_out_as_they_are() {
        let mut aliasing = Aliasing::default();
        aliasing.write(b"\xc0\0\x40\x02\0\x01", &mut Chance::new(1));
        assert_eq!(aliasing.ready(), b"\xc0\0\x40\x02\0\x01");
    }
}
