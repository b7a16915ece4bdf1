use core::cell::RefCell;
use core::hint::black_box;
use std::rc::Rc;

use bytes::BytesMut;
use iothub_codec::{Publish, Version};
use iothub_mqtt::measuring::{Reader, write};
use iothub_proto::{AckToken, Packet};
use mqttbytes::{QoS, v4, v5};

use crate::pair::{KINDS, Pair, TOPIC, USER, message};

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: Work,
    pub(crate) theirs: Work,
    pub(crate) copy: Work,
}

pub(crate) struct PairRow {
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) payload_len: usize,
}

/// Does something that often.
pub(crate) type Work = Box<dyn FnMut(u32)>;

const SIZES: [(&str, usize); 3] = [("64 B", 64), ("1 KiB", 1 << 10), ("64 KiB", 64 << 10)];

pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, version, user) in KINDS {
        for (size, len) in SIZES {
            let message = message(user, vec![b'x'; len].leak());
            rows.push(read(format!("{name}: read {size}"), version, message));
            rows.push(written(format!("{name}: write {size}"), version, message, user));
        }
    }
    rows
}

pub(crate) fn pairs() -> Vec<PairRow> {
    let mut rows = Vec::new();
    for (name, version, user) in KINDS {
        for (size, payload_len) in SIZES {
            let message = message(user, vec![b'x'; payload_len].leak());
            let mut pair = Pair::connected(version);
            let work = work(move || pair.send(black_box(&message)));
            rows.push(PairRow { name: format!("{name}: {size}"), work, payload_len });
        }
    }
    rows
}

fn read(name: String, version: Version, message: Publish<'static>) -> Row {
    let bytes = bytes(version, message);
    let mut reader = Reader::default();
    // One buffer for both: how long copying takes depends on where the bytes go as well.
    let buffer = Rc::new(RefCell::new(Vec::with_capacity(bytes.len())));
    let copy = copy(bytes, buffer.clone());
    let ours = work(move || {
        let mut buffer = buffer.borrow_mut();
        fill(&mut buffer, bytes);
        _ = black_box(reader.read(version, &buffer));
    });
    let mut buffer = BytesMut::with_capacity(bytes.len());
    let theirs = match version {
        Version::V311 => work(move || {
            buffer.extend_from_slice(black_box(bytes));
            _ = black_box(v4::read(&mut buffer, usize::MAX));
        }),
        Version::V5 => work(move || {
            buffer.extend_from_slice(black_box(bytes));
            _ = black_box(v5::read(&mut buffer, usize::MAX));
        }),
    };
    Row { name, ours, theirs, copy }
}

fn written(name: String, version: Version, message: Publish<'static>, user: usize) -> Row {
    let packet = Packet::Publish { ack: Some(AckToken::FIRST), publish: message };
    let payload = message.payload;
    let bytes = bytes(version, message);
    let out = Rc::new(RefCell::new(Vec::with_capacity(bytes.len())));
    let copy = copy_behind(bytes.len() - payload.len(), payload, out.clone());
    let ours = work(move || {
        let mut out = out.borrow_mut();
        out.clear();
        _ = black_box(write(version, black_box(&packet), &mut out));
    });
    let mut out = BytesMut::with_capacity(bytes.len());
    let theirs = match version {
        Version::V311 => {
            let mut publish = v4::Publish::new(TOPIC, QoS::AtLeastOnce, payload);
            publish.pkid = 1;
            work(move || {
                out.clear();
                _ = black_box(black_box(&publish).write(&mut out));
            })
        }
        Version::V5 => {
            let mut publish = v5::Publish::new(TOPIC, QoS::AtLeastOnce, payload);
            publish.pkid = 1;
            let pairs = USER[..user].iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            publish.properties = Some(v5::PublishProperties {
                payload_format_indicator: None,
                message_expiry_interval: None,
                topic_alias: None,
                response_topic: None,
                correlation_data: None,
                user_properties: pairs.collect(),
                subscription_identifiers: Vec::new(),
                content_type: None,
            });
            work(move || {
                out.clear();
                _ = black_box(black_box(&publish).write(&mut out));
            })
        }
    };
    Row { name, ours, theirs, copy }
}

fn copy(bytes: &'static [u8], buffer: Rc<RefCell<Vec<u8>>>) -> Work {
    work(move || {
        let mut buffer = buffer.borrow_mut();
        fill(&mut buffer, bytes);
        black_box(&buffer);
    })
}

/// Copies to where a message has its payload.
fn copy_behind(header_len: usize, payload: &'static [u8], buffer: Rc<RefCell<Vec<u8>>>) -> Work {
    work(move || {
        let mut buffer = buffer.borrow_mut();
        buffer.clear();
        buffer.resize(header_len, 0);
        buffer.extend_from_slice(black_box(payload));
        black_box(&buffer);
    })
}

fn fill(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(black_box(bytes));
}

fn bytes(version: Version, message: Publish<'static>) -> &'static [u8] {
    let packet = Packet::Publish { ack: Some(AckToken::FIRST), publish: message };
    let mut out = Vec::new();
    write(version, &packet, &mut out).expect("can be written");
    out.leak()
}

fn work(mut once: impl FnMut() + 'static) -> Work {
    Box::new(move |times| (0..times).for_each(|_| once()))
}
