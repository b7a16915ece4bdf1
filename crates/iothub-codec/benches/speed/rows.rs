//! The table: each operation read and written in each dialect. An operation that a dialect does not have is left out.

use core::hint::black_box;

use iothub_codec::{
    Channels, Codec, Command, DesiredChanged, Dialect, Input, Introduction, MethodCall, Operation,
    OperationKind, Proof, Properties, PropertySection, Publish, Qos, Reply, SectionOf, Signature, Status,
    SystemProperty, Telemetry, Terms, Text, ToHub, TwinGet, TwinPart, TwinPatch, open_connect,
};

use crate::messages::{
    APPLICATION, DEVICE, HOST, METHOD, PAYLOAD, REQUEST, SEVEN, TOKEN, identity, module, properties, request,
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
        table.look_ups(codec);
        table.long_lists(codec);
    }
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

        let section =
            TwinGet { part: TwinPart::Reported, known_version: Some(1234), ..TwinGet::new(request()) };
        message!(self, codec, "get reported", Side::Hub, section);

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
        for count in [0, 5, 10] {
            let codec = Codec::new(codec.dialect(), module());
            let (name, properties) = (Text::plain("alarms"), Properties::new(&[], &APPLICATION[..count]));
            let input = Input { name, payload: PAYLOAD, properties, ..Input::default() };
            message!(self, codec, &format!("input, {count} properties"), Side::Device, input);
        }
    }

    fn connecting(&mut self, codec: Codec<'static>) {
        let dialect = codec.dialect();
        let who = Introduction { host: HOST, client_agent: Some("iothub/0.1"), model_id: None };
        let full = Introduction { model_id: Some("dtmi:com:example:Thermostat;1"), ..who };
        let proof = if dialect == Dialect::Classic {
            Proof::Token(TOKEN)
        } else {
            let terms = Terms { expiry_ms: 1_700_003_600_000, at_ms: Some(1_700_000_000_000), policy: None };
            Proof::Signature(Signature { terms, code: [0x5A; 32] })
        };
        let mut out = [0; BUFFER];
        // As much as the dialect can say.
        let who = if codec.encode_connect(&full, &proof, &mut out).is_ok() { full } else { who };
        if let Ok(connect) = codec.encode_connect(&who, &proof, vec![0; BUFFER].leak()) {
            self.add(
                format!("{dialect:?}: write CONNECT"),
                work(move || {
                    _ = black_box(codec.encode_connect(black_box(&who), black_box(&proof), &mut out))
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
    fn look_ups(&mut self, codec: Codec<'static>) {
        let dialect = codec.dialect();
        let properties = Properties::new(&[(SystemProperty::MessageId, "5fb1b2d8")], &SEVEN);
        let telemetry = Telemetry { payload: PAYLOAD, properties, ..Telemetry::default() };
        let Some((_, properties, list)) = sent(codec, &telemetry) else { return };
        for (which, name) in [("first", "site"), ("last", "last"), ("none", "unknown")] {
            self.add(
                format!("{dialect:?}: find {which} of eight"),
                work(move || _ = black_box(black_box(properties).get(black_box(name)))),
            );
            self.plain_find(dialect, list, name);
        }
        self.add(
            format!("{dialect:?}: find message id of eight"),
            work(move || _ = black_box(black_box(properties).system(black_box(SystemProperty::MessageId)))),
        );
        self.plain_find(dialect, list, "%24.mid");
        self.all_of(dialect, "all of eight", properties, list);
    }

    /// Whether eight times as long a list takes eight times as long.
    fn long_lists(&mut self, codec: Codec<'static>) {
        let dialect = codec.dialect();
        for (name, len) in [("1 KiB", 1 << 10), ("8 KiB", 8 << 10), ("64 KiB", (64 << 10) - 64)] {
            let properties = Properties::new(&[], many(len));
            let telemetry = Telemetry { payload: PAYLOAD, properties, ..Telemetry::default() };
            let Some((publish, properties, list)) = sent(codec, &telemetry) else { return };
            self.add(
                format!("{dialect:?}: read telemetry of {name}"),
                work(move || _ = black_box(codec.decode_to_hub(black_box(&publish)))),
            );
            let wire = publish.properties.as_wire();
            if !wire.is_empty() {
                self.add(
                    format!("{dialect:?}: check section of {name}"),
                    work(move || {
                        _ = black_box(PropertySection::from_wire(black_box(wire), SectionOf::Publish))
                    }),
                );
            }
            self.add(
                format!("{dialect:?}: find none in {name}"),
                work(move || _ = black_box(black_box(properties).get(black_box("unknown")))),
            );
            self.plain_find(dialect, list, "unknown");
            self.all_of(dialect, &format!("all in {name}"), properties, list);
        }
    }

    fn all_of(&mut self, dialect: Dialect, name: &str, properties: Properties<'static>, list: &'static str) {
        self.add(
            format!("{dialect:?}: {name}"),
            work(move || black_box(properties).iter().for_each(|property| _ = black_box(property))),
        );
        if dialect == Dialect::Classic {
            self.plain(work(move || plain::pairs(black_box(list)).for_each(|pair| _ = black_box(pair))));
        }
    }

    fn plain_find(&mut self, dialect: Dialect, list: &'static str, name: &'static str) {
        if dialect == Dialect::Classic {
            self.plain(work(move || _ = black_box(plain::find(black_box(list), black_box(name)))));
        }
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
        if self.is_classic && codec.identity().module.is_none() {
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

/// Telemetry as it is on the wire, what is read of its properties, and the list behind its topic.
fn sent(
    codec: Codec<'static>,
    telemetry: &Telemetry<'static>,
) -> Option<(Publish<'static>, Properties<'static>, &'static str)> {
    let bare = codec.encode(&Telemetry::default(), vec![0; BUFFER].leak()).ok()?;
    let publish = codec.encode(telemetry, vec![0; 1 << 17].leak()).ok()?;
    let list = publish.topic.strip_prefix(bare.topic)?;
    match codec.decode_to_hub(&publish).ok()? {
        ToHub::Telemetry(telemetry) => Some((publish, telemetry.properties, list)),
        ToHub::TwinGet(_) | ToHub::TwinPatch(_) | ToHub::Reply(_) => None,
    }
}

/// Properties that take about as many bytes in a topic.
fn many(len: usize) -> &'static [(&'static str, &'static str)] {
    let mut all: Vec<(&str, &str)> = Vec::new();
    let mut taken = 0;
    while taken < len - 64 {
        let name = format!("name{}", all.len()).leak();
        taken += "@=some%20value&".len() + name.len();
        all.push((name, "some value"));
    }
    all.push(("last", "true"));
    all.leak()
}
