use crate::dialect::is_method;
use crate::property::Properties;
use crate::publish::Qos;
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;

/// Device to hub: a message for the back end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telemetry<'a> {
    /// Any bytes.
    pub payload: &'a [u8],
    /// What the device says about them.
    pub properties: Properties<'a>,
    /// Whether the hub acknowledges it.
    pub qos: Qos,
    /// The RETAIN flag, which a hub turns into a property.
    pub retain: bool,
}

/// Device to hub: wants the twin, or a section of it, in a [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinGet<'a> {
    /// Comes back in the reply.
    pub request: RequestId<'a>,
    /// How much of it. Only the `$az/iot` dialect can ask for less than the whole.
    pub part: TwinPart,
    /// The version of that section that the device has already: nothing is to be sent if it is the same. Only
    /// where a section can be asked for.
    pub known_version: Option<u64>,
}

impl<'a> TwinGet<'a> {
    /// For the whole twin.
    pub const fn new(request: RequestId<'a>) -> Self {
        Self { request, part: TwinPart::Whole, known_version: None }
    }
}

/// How much of a twin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TwinPart {
    /// Both sections.
    #[default]
    Whole,
    /// What the back end wants.
    Desired,
    /// What the device has reported.
    Reported,
}

/// What the payload of a method call or of its answer is. Unsaid, it is JSON.
///
/// Only the `$az/iot` dialect can say it; that of MQTT 5 the media type alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// Such as `application/json`.
    pub media_type: Option<Text<'a>>,
    /// How text is encoded, such as `utf-8`.
    pub encoding: Option<Text<'a>>,
}

/// Device to hub: changes the reported properties, and wants a [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinPatch<'a> {
    /// Comes back in the reply.
    pub request: RequestId<'a>,
    /// A JSON merge patch.
    pub patch: &'a [u8],
    /// The version at which the reported properties must be.
    pub if_version: Option<u64>,
}

/// Hub to device: a message from the back end, queued until it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command<'a> {
    /// Any bytes.
    pub payload: &'a [u8],
    /// What the back end and the hub say about them.
    pub properties: Properties<'a>,
    /// Whether the device acknowledges it.
    pub qos: Qos,
}

/// Hub to module: a message for one of its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Input<'a> {
    /// Which input.
    pub name: Text<'a>,
    /// Any bytes.
    pub payload: &'a [u8],
    /// What is said about them.
    pub properties: Properties<'a>,
    /// Whether the module acknowledges it.
    pub qos: Qos,
}

/// Hub to device: a call that wants a [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodCall<'a> {
    /// Goes back unchanged in the reply, perhaps much later.
    pub request: RequestId<'a>,
    /// Which method.
    pub name: &'a str,
    /// The argument: JSON, or nothing.
    pub payload: &'a [u8],
    /// What the argument is, if it is something else.
    pub content: Content<'a>,
}

impl Content<'_> {
    /// What it is if nothing is said.
    pub const JSON: Self = Self { media_type: None, encoding: None };
}

impl<'a> MethodCall<'a> {
    /// With an argument of JSON, or none.
    pub const fn new(request: RequestId<'a>, name: &'a str, payload: &'a [u8]) -> Self {
        Self { request, name, payload, content: Content { media_type: None, encoding: None } }
    }

    /// Whether a method can have that name: printable ASCII, without spaces, `$()<>@,;:\"/[]?={}` and MQTT's
    /// wildcards.
    pub fn is_name(name: &str) -> bool {
        is_method(name)
    }
}

/// Hub to device: somebody changed the desired properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesiredChanged<'a> {
    /// The version of the desired properties from now on.
    pub version: u64,
    /// What changed: a JSON merge patch.
    pub patch: &'a [u8],
    /// Whether the device acknowledges it.
    pub qos: Qos,
}

/// Either way: the answer to a request.
///
/// On the wire it does not say what it answers; whoever asked knows by the request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Which request.
    pub request: RequestId<'a>,
    /// What became of it.
    pub status: Status,
    /// The number that goes with it: the device's own for a method, HTTP's for a twin.
    pub code: Option<i32>,
    /// The version of the section of the twin from now on.
    pub version: Option<u64>,
    /// What was asked for, or what is to be said about the refusal.
    pub payload: &'a [u8],
    /// What the payload is, if it is not JSON.
    pub content: Content<'a>,
    /// Why it was refused, for people. The classic dialect has no place for it, and leaves it out; the others do for
    /// a status that may not have one.
    pub reason: Option<Text<'a>>,
    /// Under which name the refusal can be found in the hub's log; likewise.
    pub trace_id: Option<Text<'a>>,
}

impl<'a> Reply<'a> {
    /// That and nothing more.
    pub const fn new(request: RequestId<'a>, status: Status) -> Self {
        Self {
            request,
            status,
            code: None,
            version: None,
            payload: &[],
            content: Content { media_type: None, encoding: None },
            reason: None,
            trace_id: None,
        }
    }
}

/// What a hub receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum ToHub<'a> {
    Telemetry(Telemetry<'a>),
    TwinGet(TwinGet<'a>),
    TwinPatch(TwinPatch<'a>),
    Reply(Reply<'a>),
}

/// What a device receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum ToDevice<'a> {
    Command(Command<'a>),
    Input(Input<'a>),
    Method(MethodCall<'a>),
    DesiredChanged(DesiredChanged<'a>),
    Reply(Reply<'a>),
}

/// What a [`Reply`] answers, which must be known to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A [`TwinGet`].
    TwinGet,
    /// A [`TwinPatch`].
    TwinPatch,
    /// A [`MethodCall`] of the method of that name.
    Method(&'a str),
}

/// A message that needs nothing beside itself to be written: all but [`Reply`].
pub trait Outgoing<'a>: sealed::Sealed<'a> {}

impl<'a, M: sealed::Sealed<'a>> Outgoing<'a> for M {}

pub(crate) mod sealed {
    use crate::dialect::Codec;
    use crate::publish::Qos;
    use crate::write::Writer;

    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed<'a> {
        /// Writes all but the payload.
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "only this crate calls it")]
        fn put(&self, codec: Codec<'_>, out: &mut Writer<'_>);

        #[doc(hidden)]
        fn payload(&self) -> &'a [u8];

        #[doc(hidden)]
        fn qos(&self) -> Qos {
            Qos::AtMostOnce
        }

        #[doc(hidden)]
        fn retain(&self) -> bool {
            false
        }
    }
}
