//! Property sections in words.

use iothub_codec::{PropertySection, SectionOf};

/// A section as it stands on the wire, and the place of the mark `‸` in it.
///
/// Bytes are in hex. A string in quotes has its length of two bytes in front. `@name=value` and `name=value` are user
/// properties.
pub(crate) fn wire(words: &str) -> (Vec<u8>, Option<usize>) {
    let mut bytes = Vec::new();
    let mut mark = None;
    let mut rest = words.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = match first {
            '‸' => {
                assert_eq!(mark.replace(bytes.len()), None, "one mark is enough: {words}");
                &rest[..first.len_utf8()]
            }
            '"' => {
                let text = rest[1..].split('"').next().unwrap();
                string(text, &mut bytes);
                &rest[..text.len() + 2]
            }
            _ => {
                let end = rest.find([' ', '‸']).unwrap_or(rest.len());
                let word = &rest[..end];
                match word.split_once('=') {
                    Some((name, value)) => {
                        bytes.push(0x26);
                        string(name, &mut bytes);
                        string(value, &mut bytes);
                    }
                    None => hex(word, &mut bytes),
                }
                word
            }
        };
        rest = rest[word.len()..].trim_start();
    }
    (bytes, mark)
}

fn string(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.bytes());
}

fn hex(word: &str, bytes: &mut Vec<u8>) {
    assert!(word.len().is_multiple_of(2), "half a byte: {word}");
    bytes.extend((0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).expect(word)));
}

/// A section of a PUBLISH that MQTT has nothing against.
pub(crate) fn publish(bytes: &[u8]) -> PropertySection<'_> {
    section(bytes, SectionOf::Publish)
}

/// The same of any packet.
pub(crate) fn section(bytes: &[u8], of: SectionOf) -> PropertySection<'_> {
    PropertySection::from_wire(bytes, of).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}
