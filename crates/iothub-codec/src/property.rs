use core::fmt;

use crate::dialect::{self, Dialect};
use crate::section::PropertySection;
use crate::text::Text;

/// The properties of a message, wherever they are carried: pairs to send, the tail of a topic, or an MQTT 5 property
/// section.
///
/// They are read lazily, straight from the packet. Of a name that comes twice the last value counts for
/// [`Self::get`] and [`Self::system`]; [`Self::iter`] gives both.
#[derive(Clone, Copy, Default)]
pub struct Properties<'a>(Carrier<'a>);

#[derive(Clone, Copy, Default)]
enum Carrier<'a> {
    #[default]
    None,
    Pairs {
        system: &'a [(SystemProperty, &'a str)],
        application: &'a [(&'a str, &'a str)],
    },
    Tail {
        tail: &'a str,
        dialect: Dialect,
    },
    Section(PropertySection<'a>),
}

/// One of [`Properties`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// Which one.
    pub name: Name<'a>,
    /// Its value.
    pub value: Text<'a>,
}

/// The name of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// One that IoT Hub gives a meaning to.
    System(SystemProperty),
    /// One of the application's.
    Application(Text<'a>),
}

impl<'a> Properties<'a> {
    /// Properties to send: IoT Hub's and the application's.
    pub const fn new(system: &'a [(SystemProperty, &'a str)], application: &'a [(&'a str, &'a str)]) -> Self {
        Self(Carrier::Pairs { system, application })
    }

    pub(crate) const fn from_tail(tail: &'a str, dialect: Dialect) -> Self {
        Self(Carrier::Tail { tail, dialect })
    }

    pub(crate) const fn from_section(section: PropertySection<'a>) -> Self {
        Self(Carrier::Section(section))
    }

    /// All of them, in the order in which they stand.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + Clone + 'a {
        let (system, application, tail, section) = match self.0 {
            Carrier::None => (&[][..], &[][..], None, PropertySection::EMPTY),
            Carrier::Pairs { system, application } => (system, application, None, PropertySection::EMPTY),
            Carrier::Tail { tail, dialect } => {
                (&[][..], &[][..], Some((tail, dialect)), PropertySection::EMPTY)
            }
            Carrier::Section(section) => (&[][..], &[][..], None, section),
        };
        let system = system
            .iter()
            .map(|(name, value)| Property { name: Name::System(*name), value: Text::plain(value) });
        let application = application.iter().map(|(name, value)| Property {
            name: Name::Application(Text::plain(name)),
            value: Text::plain(value),
        });
        let tail = tail.into_iter().flat_map(|(tail, dialect)| {
            pairs(tail).map(move |(name, value)| Property {
                name: dialect::property_name(dialect, Text::percent_encoded(name)),
                value: Text::percent_encoded(value),
            })
        });
        system.chain(application).chain(tail).chain(dialect::section_properties(section))
    }

    /// The value of an application property.
    pub fn get(&self, name: &str) -> Option<Text<'a>> {
        self.last(|each| matches!(each, Name::Application(text) if text == name))
    }

    /// The value of a system property.
    pub fn system(&self, name: SystemProperty) -> Option<Text<'a>> {
        self.last(|each| each == Name::System(name))
    }

    fn last(&self, which: impl Fn(Name<'a>) -> bool) -> Option<Text<'a>> {
        self.iter().filter(|property| which(property.name)).last().map(|property| property.value)
    }
}

/// The pairs of a `name=value&name=value` list. What has no `=` has an empty value.
pub(crate) fn pairs<'a>(list: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
    // An absent value is empty, and still stands behind its name: errors point there.
    let halves = |pair: &'a str| pair.split_once('=').unwrap_or((pair, &pair[pair.len()..]));
    list.split('&').filter(|pair| !pair.is_empty()).map(halves)
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|property| (property.name, property.value))).finish()
    }
}

/// The same properties in the same order, however they are carried.
impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Properties<'_> {}

macro_rules! system_properties {
    ($($(#[$about:meta])* $name:ident = $event:literal;)*) => {
        /// A property that IoT Hub gives a meaning to. Each dialect has its own name for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum SystemProperty {
            $($(#[$about])* $name,)*
        }

        impl SystemProperty {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name under which a back end reads it.
            pub const fn event_name(self) -> &'static str {
                match self {
                    $(Self::$name => $event,)*
                }
            }
        }
    };
}

system_properties! {
    /// Names the message, at most 128 characters.
    MessageId = "message-id";
    /// Names the message that this one belongs to.
    CorrelationId = "correlation-id";
    /// Who made it.
    UserId = "user-id";
    /// Whom it is for.
    To = "to";
    /// When it is of no more use. Times are ISO 8601 in the classic dialect, and in the others milliseconds since
    /// 1970-01-01T00:00:00Z, in decimal.
    Expiry = "absolute-expiry-time";
    /// What the payload is, such as `application/json`.
    ContentType = "content-type";
    /// How its text is encoded, such as `utf-8`.
    ContentEncoding = "content-encoding";
    /// When it was made: a time as above.
    CreationTime = "iothub-creation-time-utc";
    /// Which component of a plug and play device it comes from.
    Component = "dt-subject";
    /// Which output of a module it comes from.
    OutputName = "iothub-outputname";
    /// Which interface it belongs to; marks security messages.
    InterfaceId = "iothub-interface-id";
    /// The schema of the payload.
    Schema = "iothub-message-schema";
    /// The device that sent a message which a module receives.
    ConnectionDeviceId = "iothub-connection-device-id";
    /// The module that sent a message which a module receives.
    ConnectionModuleId = "iothub-connection-module-id";
    /// Names a traced operation.
    DiagnosticId = "Diagnostic-Id";
    /// The context of a traced operation.
    DiagnosticContext = "Correlation-Context";
    /// A tag for what the sender did.
    Operation = "iothub-operation";
    /// Which outcome of a command the sender wants to be told of.
    Ack = "iothub-ack";
    /// The number of a command in its queue, in decimal.
    SequenceNumber = "iothub-sequencenumber";
    /// When the hub took the command: a time as above.
    EnqueuedTime = "iothub-enqueuedtime";
    /// How often it was tried to deliver the command, in decimal.
    DeliveryCount = "iothub-deliverycount";
    /// Where the message stands in a trace, as the W3C has it.
    TraceParent = "traceparent";
    /// What else tracing systems say about it.
    TraceState = "tracestate";
}
