//! A second reader of messages for each dialect: it splits everything at its separators first, keeps copies, and
//! knows nothing of the first one but the words that both answer with.

pub(crate) mod classic;
mod preview311;
#[path = "../../preview5/naive_message.rs"]
mod preview5;
#[path = "../../preview5/naive.rs"]
mod section;

pub(crate) use section::Naive;

use iothub_codec::{DecodeErrorKind, Dialect, Publish, SectionOf};

use crate::plain::{Bytes, Plain, Receiver};
use crate::sample::Who;

pub(crate) fn read(who: &Who, receiver: Receiver, publish: &Publish<'_>) -> Result<Plain, DecodeErrorKind> {
    match who.dialect {
        Dialect::Classic => classic::read(who, receiver, publish),
        Dialect::Preview311 => preview311::read(receiver, publish),
        Dialect::Preview5 => {
            let section = section::read(publish.properties.as_wire(), SectionOf::Publish);
            preview5::read(receiver, publish, &section.expect("MQTT has nothing against it"))
        }
        dialect => panic!("{dialect:?} has no second reader"),
    }
}

fn decoded(text: &str) -> Bytes {
    let text = text.as_bytes();
    let digit = |at: usize| text.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((16 * high + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}
