use core::fmt;

use crate::dialect::Row;
use crate::message::TwinPart;
use crate::property::SystemProperty;
use crate::publish::Qos;
use crate::status::Status;

/// One operation as one dialect has it: a row of what [`Dialect::operations`](crate::Dialect::operations) gives.
///
/// The rows are made of the texts by which the dialect reads and writes, for documents, decoders and tests. What is
/// said in them is what is written; what is read besides stands in `docs/dialects.md`.
#[derive(Clone, Copy, Debug)]
pub struct OperationRow {
    /// Which one.
    pub kind: OperationKind,
    /// Who begins.
    pub direction: Direction,
    /// The topic of what begins it, without parameters and properties.
    pub topic: TopicPattern,
    /// The highest QoS at which that is sent. Replies are sent at QoS 0.
    pub qos: Qos,
    /// The name of the parameter, or MQTT 5 property, by which a reply finds its request. It is needed in both.
    pub correlation: Option<&'static str>,
    /// What else of its own the operation says.
    pub parameters: &'static [Parameter],
    /// What comes back.
    pub answer: Answer,
    /// What may come back instead of a success. None where there is no way to say it, and the connection is closed
    /// instead.
    pub statuses: &'static [Status],
    /// How such a status is told, in the reply or, in MQTT 5, in the acknowledgement. Nothing where the reply's topic
    /// has a number for it.
    pub refusal: &'static [Parameter],
    pub(crate) carried: Carried,
}

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationKind {
    /// [`Telemetry`](crate::Telemetry).
    Telemetry,
    /// [`Command`](crate::Command).
    Command,
    /// [`Input`](crate::Input).
    Input,
    /// [`MethodCall`](crate::MethodCall) and its reply.
    Method,
    /// [`TwinGet`](crate::TwinGet) for that part, and its reply.
    TwinGet(TwinPart),
    /// [`TwinPatch`](crate::TwinPatch) and its reply.
    TwinPatch,
    /// [`DesiredChanged`](crate::DesiredChanged).
    DesiredChanged,
}

impl OperationKind {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::Telemetry,
        Self::Command,
        Self::Input,
        Self::Method,
        Self::TwinGet(TwinPart::Whole),
        Self::TwinGet(TwinPart::Reported),
        Self::TwinGet(TwinPart::Desired),
        Self::TwinPatch,
        Self::DesiredChanged,
    ];
}

/// In words, such as `get twin`.
impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Telemetry => "telemetry",
            Self::Command => "command",
            Self::Input => "input of a module",
            Self::Method => "method",
            Self::TwinGet(TwinPart::Whole) => "get twin",
            Self::TwinGet(TwinPart::Reported) => "get reported",
            Self::TwinGet(TwinPart::Desired) => "get desired",
            Self::TwinPatch => "patch reported",
            Self::DesiredChanged => "desired changed",
        })
    }
}

/// Who begins an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The device or module.
    ToHub,
    /// The hub.
    ToDevice,
}

/// What the receiver of an operation sends back.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// PUBACK, at QoS 1.
    Acknowledgement,
    /// A message: [`Reply`](crate::Reply).
    Reply {
        /// Its topic, without parameters.
        topic: TopicPattern,
        /// What it says of its own when all went well, beside what it is correlated by.
        parameters: &'static [Parameter],
    },
}

/// A topic with names in braces for what differs, and brackets around what may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TopicPattern(pub(crate) &'static [&'static str]);

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(part))
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({self})")
    }
}

/// Something that an operation or its reply says, apart from the properties of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: &'static str,
    /// What its value is.
    pub kind: ValueKind,
    /// Whether it must be there.
    pub required: bool,
}

impl Parameter {
    pub(crate) const fn required(name: &'static str, kind: ValueKind) -> Self {
        Self { name, kind, required: true }
    }

    pub(crate) const fn optional(name: &'static str, kind: ValueKind) -> Self {
        Self { name, kind, required: false }
    }
}

/// What a value is, once its percent-encoding is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// Any text.
    Text,
    /// Milliseconds since 1970-01-01T00:00:00Z, in decimal.
    Time,
    /// A number below 2³², in decimal.
    U32,
    /// A number below 2⁶⁴, in decimal.
    U64,
    /// A [`Status`]: four hex digits.
    Status,
}

/// As the references call them.
impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "string",
            Self::Time => "time",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::Status => "status",
        })
    }
}

/// One of the system properties that an operation carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyRow {
    /// Which one.
    pub property: SystemProperty,
    /// Its name on the wire.
    pub name: &'static str,
    /// What its value is. The classic dialect does not look at values.
    pub kind: ValueKind,
    /// Whether it must be there.
    pub required: bool,
}

/// The properties of messages that an operation carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried {
    Nothing,
    /// Any of these, in the order of [`SystemProperty::ALL`], and the application's under their own names.
    Any(&'static [&'static str]),
    /// What the table says about telemetry, and the application's behind `@`.
    Telemetry(&'static [Row]),
    /// What it says about commands; likewise.
    Command(&'static [Row]),
}

impl OperationRow {
    /// A message that is acknowledged, and has nothing besides: what every other row is made from.
    pub(crate) const fn message(kind: OperationKind, direction: Direction, topic: TopicPattern) -> Self {
        Self {
            kind,
            direction,
            topic,
            qos: Qos::AtLeastOnce,
            correlation: None,
            parameters: &[],
            answer: Answer::Acknowledgement,
            statuses: &[],
            refusal: &[],
            carried: Carried::Nothing,
        }
    }

    /// The system properties that the operation carries.
    pub fn properties(&self) -> impl Iterator<Item = PropertyRow> {
        let (any, rows, is_command) = match self.carried {
            Carried::Nothing => (&[][..], &[][..], false),
            Carried::Any(names) => (names, &[][..], false),
            Carried::Telemetry(rows) => (&[][..], rows, false),
            Carried::Command(rows) => (&[][..], rows, true),
        };
        let any = SystemProperty::ALL.iter().zip(any).map(|(property, name)| PropertyRow {
            property: *property,
            name,
            kind: ValueKind::Text,
            required: false,
        });
        any.chain(rows.iter().filter_map(move |row| {
            let presence = if is_command { row.command } else { row.telemetry };
            let required = presence.required()?;
            Some(PropertyRow { property: row.property, name: row.name, kind: row.kind, required })
        }))
    }

    /// What stands before the names of the application's properties; none where it has none.
    pub const fn application_prefix(&self) -> Option<&'static str> {
        match self.carried {
            Carried::Nothing => None,
            Carried::Any(_) => Some(""),
            Carried::Telemetry(_) | Carried::Command(_) => Some("@"),
        }
    }
}

/// What a hub may say to a request for the whole twin. The sources of both previews say so; of the classic dialect these
/// are the ones for which HTTP has a number.
pub(crate) const TWIN_GET_STATUSES: &[Status] = &[
    Status::BAD_REQUEST,
    Status::NOT_AUTHORIZED,
    Status::NOT_ALLOWED,
    Status::THROTTLED,
    Status::QUOTA_EXCEEDED,
    Status::SERVER_ERROR,
    Status::TIMEOUT,
    Status::SERVER_BUSY,
];
/// The same for a patch.
pub(crate) const TWIN_PATCH_STATUSES: &[Status] = &[
    Status::PRECONDITION_FAILED,
    Status::BAD_REQUEST,
    Status::NOT_AUTHORIZED,
    Status::NOT_ALLOWED,
    Status::THROTTLED,
    Status::QUOTA_EXCEEDED,
    Status::SERVER_ERROR,
    Status::TIMEOUT,
    Status::SERVER_BUSY,
];
