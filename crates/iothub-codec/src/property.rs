use core::fmt;

use crate::entries::Entries;
use crate::fast::FAST;
use crate::section::id;
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
    /// As they stand on the wire.
    Wire(Entries<'a>, Naming),
}

/// What a name on the wire means in a dialect. It goes with the properties, so that a program has no more dialects in it
/// than it makes codecs for.
pub(crate) type Naming = for<'a> fn(Text<'a>) -> Name<'a>;

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

    /// Of a message that has been read, so that nothing is in it but what is meant to be, and what means nothing.
    pub(crate) const fn from_wire(entries: Entries<'a>, naming: Naming) -> Self {
        Self(Carrier::Wire(entries, naming))
    }

    /// All of them, in the order in which they stand.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + Clone + 'a {
        let mut rest = self.0;
        core::iter::from_fn(move || rest.next())
    }

    /// The value of an application property.
    pub fn get(&self, name: &str) -> Option<Text<'a>> {
        self.last(Name::Application(Text::plain(name)))
    }

    /// The value of a system property.
    pub fn system(&self, name: SystemProperty) -> Option<Text<'a>> {
        self.last(Name::System(name))
    }

    /// The application's pairs, where they are pairs to send, and all others.
    pub(crate) const fn apart(&self) -> (Self, &'a [(&'a str, &'a str)]) {
        match self.0 {
            Carrier::Pairs { system, application } => (Self::new(system, &[]), application),
            Carrier::None | Carrier::Wire(..) => (*self, &[]),
        }
    }

    fn last(&self, wanted: Name<'_>) -> Option<Text<'a>> {
        let mut rest = self.0;
        if FAST && let Carrier::Wire(Entries::List(pairs), naming) = &mut rest {
            let mut from_behind = pairs.rev().map(|pair| property(pair, *naming));
            return from_behind.find(|property| property.name == wanted).map(|property| property.value);
        }
        let mut last = None;
        while let Some(property) = rest.next() {
            if property.name == wanted {
                last = Some(property.value);
            }
        }
        last
    }
}

impl<'a> Carrier<'a> {
    fn next(&mut self) -> Option<Property<'a>> {
        match self {
            Self::None => None,
            Self::Pairs { system, application } => match system.split_off_first() {
                Some((name, value)) => {
                    Some(Property { name: Name::System(*name), value: Text::plain(value) })
                }
                None => application.split_off_first().map(|(name, value)| Property {
                    name: Name::Application(Text::plain(name)),
                    value: Text::plain(value),
                }),
            },
            Self::Wire(Entries::List(pairs), naming) if FAST => {
                pairs.next().map(|pair| property(pair, *naming))
            }
            Self::Wire(entries, naming) => next_of(entries, *naming),
        }
    }
}

#[cfg_attr(feature = "fast", inline(never))]
fn next_of<'a>(entries: &mut Entries<'a>, naming: Naming) -> Option<Property<'a>> {
    loop {
        let entry = entries.next()?;
        let name = match entry.id {
            id::USER => naming(entry.name),
            id::CONTENT_TYPE => Name::System(SystemProperty::ContentType),
            _ => continue,
        };
        return Some(Property { name, value: entry.value });
    }
}

fn property<'a>((name, value): (&'a str, &'a str), naming: Naming) -> Property<'a> {
    Property { name: naming(Text::percent_encoded(name)), value: Text::percent_encoded(value) }
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
