//! The table: each operation read and written in each dialect. An operation that a dialect does not have is left out.

use core::hint::black_box;

use iothub_codec::{
    Channels, Codec, Command, DesiredChanged, Dialect, Introduction, MethodCall, Operation, OperationKind,
    Proof, Properties, Publish, Qos, Reply, Signature, Status, SystemProperty, Telemetry, Terms, ToDevice,
    ToHub, TwinGet, TwinPatch, open_connect,
};

use crate::messages::{
    APPLICATION, DEVICE, EIGHT_IN_A_TOPIC, HOST, METHOD, PAYLOAD, REQUEST, TOKEN, identity, properties,
    request,
};
use crate::plain::{self, Topic};

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: Work,
    /// The same by the plain reader, where it can.
    pub(crate) plain: Option<Work>,
}

/// Does something that often.
pub(crate) type Work = Box<dyn FnMut(u32)>;

pub(crate) fn all() -> Vec<Row> {
    let mut table = Table { rows: Vec::new(), is_classic: false };
    for dialect in Dialect::ALL {
        let codec = Codec::new(*dialect, identity());
        table.requests(codec);
        table.answers(codec);
        table.messages(codec);
        table.connecting(codec);
    }
    table.look_ups();
    table.long_topics();
    table.rows
}

const BUFFER: usize = 1024;

/// Two rows: reading and writing a message that needs nothing beside itself. A function could not say that the buffer
/// may be borrowed for less long than the message.
macro_rules! message {
    ($table:ident, $codec:ident, $name:expr, $side:expr, $message:expr) => {{
        let message = $message;
        let sealed = $codec.encode(&message, vec![0; BUFFER].leak()).ok();
        let mut out = [0; BUFFER];
        let write = work(move || _ = black_box($codec.encode(black_box(&message), &mut out)));
        $table.both($codec, $name, sealed, $side, write);
    }};
}

struct Table {
    rows: Vec<Row>,
    /// Whether the rows that were added last are of the dialect of the plain reader.
    is_classic: bool,
}

impl Table {
    fn requests(&mut self, codec: Codec<'static>) {
        let call = MethodCall::new(request(), METHOD, PAYLOAD);
        message!(self, codec, "method", Side::Device, call);
        self.plain_write(|topic| {
            topic.put("$iothub/methods/POST/")?.put(METHOD)?.put("/?$rid=")?.put(REQUEST)
        });

        message!(self, codec, "get twin", Side::Hub, TwinGet::new(request()));
        self.plain_write(|topic| topic.put("$iothub/twin/GET/?$rid=")?.put(REQUEST));

        let patch = TwinPatch { request: request(), patch: PAYLOAD, if_version: None };
        message!(self, codec, "patch reported", Side::Hub, patch);
        self.plain_write(|topic| topic.put("$iothub/twin/PATCH/properties/reported/?$rid=")?.put(REQUEST));

        let change = DesiredChanged { version: 1234, patch: PAYLOAD, qos: Qos::AtMostOnce };
        message!(self, codec, "desired changed", Side::Device, change);
        self.plain_write(|topic| {
            topic.put("$iothub/twin/PATCH/properties/desired/?$version=")?.put_number(1234)
        });
    }

    fn answers(&mut self, codec: Codec<'static>) {
        let answer = Reply { payload: PAYLOAD, ..Reply::new(request(), Status::SUCCESS) };
        self.answer(codec, "method answer", Operation::Method(METHOD), Reply { code: Some(200), ..answer });
        self.plain_write(|topic| {
            topic.put("$iothub/methods/res/")?.put_number(200)?.put("/?$rid=")?.put(REQUEST)
        });

        self.answer(codec, "twin answer", Operation::TwinGet, answer);
        self.plain_write(|topic| {
            topic.put("$iothub/twin/res/")?.put_number(200)?.put("/?$rid=")?.put(REQUEST)
        });

        self.answer(codec, "patch answer", Operation::TwinPatch, Reply { version: Some(1234), ..answer });
        self.plain_write(|topic| {
            let topic = topic.put("$iothub/twin/res/")?.put_number(204)?.put("/?$rid=")?.put(REQUEST)?;
            topic.put("&$version=")?.put_number(1234)
        });
    }

    fn messages(&mut self, codec: Codec<'static>) {
        for count in [0, 5, 10] {
            let properties = properties(codec.dialect(), OperationKind::Telemetry, count);
            let telemetry = Telemetry { payload: PAYLOAD, properties, ..Telemetry::default() };
            message!(self, codec, &format!("telemetry, {count} properties"), Side::Hub, telemetry);
            self.plain_write(move |topic| {
                let topic = topic.put("devices/")?.put(DEVICE)?.put("/messages/events/")?;
                topic.put_properties(&APPLICATION[..count])
            });
        }
        for count in [0, 5, 10] {
            let properties = properties(codec.dialect(), OperationKind::Command, count);
            let command = Command { payload: PAYLOAD, properties, ..Command::default() };
            message!(self, codec, &format!("command, {count} properties"), Side::Device, command);
        }
    }

    fn connecting(&mut self, codec: Codec<'static>) {
        let dialect = codec.dialect();
        let model_id = Some("dtmi:com:example:Thermostat;1");
        let who = Introduction { host: HOST, client_agent: Some("iothub/0.1"), model_id };
        let proof = if dialect == Dialect::Classic {
            Proof::Token(TOKEN)
        } else {
            let terms = Terms { expiry_ms: 1_700_003_600_000, at_ms: Some(1_700_000_000_000), policy: None };
            Proof::Signature(Signature { terms, code: [0x5A; 32] })
        };
        let mut out = [0; BUFFER];
        if let Ok(connect) = codec.encode_connect(&who, proof, vec![0; BUFFER].leak()) {
            self.add(
                format!("{dialect:?}: write CONNECT"),
                work(move || {
                    _ = black_box(codec.encode_connect(black_box(&who), black_box(proof), &mut out))
                }),
            );
            self.add(
                format!("{dialect:?}: read CONNECT"),
                work(move || _ = black_box(open_connect(black_box(&connect)))),
            );
        }
        let channels = Channels::COMMANDS | Channels::METHODS | Channels::REPLIES | Channels::DESIRED;
        if let Ok(filters) = codec.filters(channels, vec![0; BUFFER].leak()) {
            let Some(last) = filters.iter().last() else { return };
            self.add(
                format!("{dialect:?}: write filters"),
                work(move || _ = black_box(codec.filters(black_box(channels), &mut out))),
            );
            self.add(
                format!("{dialect:?}: read a filter"),
                work(move || _ = black_box(codec.decode_filter(black_box(last.topic)))),
            );
        }
    }

    /// Looking for one of eight properties, and reading all of them.
    fn look_ups(&mut self) {
        let topic = format!("devices/{DEVICE}/messages/devicebound/{EIGHT_IN_A_TOPIC}").leak();
        let codec = Codec::new(Dialect::Classic, identity());
        let Ok(ToDevice::Command(command)) = codec.decode_to_device(&Publish::new(topic, PAYLOAD)) else {
            return;
        };
        let properties = command.properties;
        for (which, name) in [("first", "site"), ("last", "last"), ("none", "unknown")] {
            self.add(
                format!("Classic: find {which} of eight"),
                work(move || _ = black_box(black_box(properties).get(black_box(name)))),
            );
            self.plain(work(move || {
                _ = black_box(plain::find(black_box(EIGHT_IN_A_TOPIC), black_box(name)))
            }));
        }
        self.add(
            "Classic: find message id of eight".to_owned(),
            work(move || _ = black_box(black_box(properties).system(black_box(SystemProperty::MessageId)))),
        );
        self.plain(work(|| _ = black_box(plain::find(black_box(EIGHT_IN_A_TOPIC), black_box("%24.mid")))));
        self.all_of("Classic: all of eight", properties, EIGHT_IN_A_TOPIC);
    }

    /// Whether eight times as long a topic takes eight times as long.
    fn long_topics(&mut self) {
        for (name, len) in [("1 KiB", 1 << 10), ("8 KiB", 8 << 10), ("64 KiB", (64 << 10) - 64)] {
            let list = list_of(len);
            let topic = format!("devices/{DEVICE}/messages/events/{list}").leak();
            let codec = Codec::new(Dialect::Classic, identity());
            let publish = Publish::new(topic, PAYLOAD);
            self.add(
                format!("Classic: read telemetry of {name}"),
                work(move || _ = black_box(codec.decode_to_hub(black_box(&publish)))),
            );
            let Ok(ToHub::Telemetry(telemetry)) = codec.decode_to_hub(&publish) else { return };
            let properties = telemetry.properties;
            self.add(
                format!("Classic: find none in {name}"),
                work(move || _ = black_box(black_box(properties).get(black_box("unknown")))),
            );
            self.plain(work(move || _ = black_box(plain::find(black_box(list), black_box("unknown")))));
            self.all_of(&format!("Classic: all in {name}"), properties, list);
        }
    }

    fn all_of(&mut self, name: &str, properties: Properties<'static>, list: &'static str) {
        self.add(
            name.to_owned(),
            work(move || black_box(properties).iter().for_each(|property| _ = black_box(property))),
        );
        self.plain(work(move || plain::pairs(black_box(list)).for_each(|pair| _ = black_box(pair))));
    }

    /// Two rows for an answer, which needs to know what it answers.
    fn answer(
        &mut self,
        codec: Codec<'static>,
        name: &str,
        operation: Operation<'static>,
        reply: Reply<'static>,
    ) {
        let sealed = codec.encode_reply(operation, &reply, vec![0; BUFFER].leak()).ok();
        let mut out = [0; BUFFER];
        let write = work(move || {
            _ = black_box(codec.encode_reply(black_box(operation), black_box(&reply), &mut out))
        });
        let side = if matches!(operation, Operation::Method(_)) { Side::Hub } else { Side::Device };
        self.both(codec, name, sealed, side, write);
    }

    fn both(
        &mut self,
        codec: Codec<'static>,
        name: &str,
        sealed: Option<Publish<'static>>,
        side: Side,
        write: Work,
    ) {
        let Some(publish) = sealed else {
            self.is_classic = false;
            return;
        };
        self.is_classic = codec.dialect() == Dialect::Classic;
        let read = match side {
            Side::Hub => work(move || _ = black_box(codec.decode_to_hub(black_box(&publish)))),
            Side::Device => work(move || _ = black_box(codec.decode_to_device(black_box(&publish)))),
        };
        self.add(format!("{:?}: write {name}", codec.dialect()), write);
        self.add(format!("{:?}: read {name}", codec.dialect()), read);
        if self.is_classic {
            let topic = publish.topic;
            self.plain(match side {
                Side::Hub => work(move || _ = black_box(plain::to_hub(DEVICE, black_box(topic)))),
                Side::Device => work(move || _ = black_box(plain::to_device(DEVICE, black_box(topic)))),
            });
        }
    }

    /// For the row of writing that was added last, if it is of the classic dialect.
    fn plain_write(&mut self, write: impl Fn(Topic<'_>) -> Option<Topic<'_>> + 'static) {
        if self.is_classic {
            let mut out = [0; BUFFER];
            let work = work(move || _ = black_box(write(Topic::new(&mut out)).and_then(Topic::finish)));
            if let [.., row, _] = self.rows.as_mut_slice() {
                row.plain = Some(work);
            }
        }
    }

    fn plain(&mut self, work: Work) {
        if let Some(row) = self.rows.last_mut() {
            row.plain = Some(work);
        }
    }

    fn add(&mut self, name: String, ours: Work) {
        self.rows.push(Row { name, ours, plain: None });
    }
}

/// Who reads a message.
#[derive(Clone, Copy)]
enum Side {
    Hub,
    Device,
}

fn work(mut once: impl FnMut() + 'static) -> Work {
    Box::new(move |times| (0..times).for_each(|_| once()))
}

/// Properties that take about as many bytes.
fn list_of(len: usize) -> &'static str {
    let mut list = String::new();
    let mut number = 0;
    while list.len() < len - 32 {
        list.push_str(&format!("name{number}=some%20value&"));
        number += 1;
    }
    list.push_str("last=true");
    list.leak()
}
