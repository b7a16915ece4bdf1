use super::Parameter;
use crate::channel::Variant;
use crate::dialect::row::{Presence, Row};
use crate::dialect::spelling::Spelling;
use crate::message::TwinPart;
use crate::word::until;

/// A message: its topic, and what stands in it beside the payload.
pub(in crate::dialect) struct Message {
    pub(super) kind: Kind,
    pub(super) receiver: Receiver,
    /// What follows the root, with a `+` for the name of a method, or the number of an answer.
    pub(super) topic: Spelling,
    /// What a success must say, a failure need not. A bit for each [`Parameter`], or for each row of the properties in
    /// a message that has those.
    pub(super) required: u16,
    pub(super) optional: u16,
}

/// Which operation, and in which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Kind {
    Telemetry,
    Command,
    Method,
    TwinGet,
    TwinGetReported,
    TwinGetDesired,
    TwinPatch,
    DesiredChanged,
    /// The same in the spelling of [`Variant::DesiredSlash`].
    DesiredSlash,
    MethodReply,
    TwinGetReply,
    TwinPatchReply,
    /// An answer of the hub's that does not say to what.
    TwinReply,
}

/// At which end a message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Receiver {
    Hub,
    Device,
}

impl Message {
    /// Stands for one that a preview does not have.
    pub(super) const NONE: Self = Self::new(Kind::Telemetry, Receiver::Hub, "");

    /// One with nothing but a payload.
    pub(in crate::dialect) const fn new(kind: Kind, receiver: Receiver, topic: &'static str) -> Self {
        Self { kind, receiver, topic: Spelling::new(topic), required: 0, optional: 0 }
    }

    /// The same with parameters, which have their places in a table.
    pub(in crate::dialect) const fn with(
        self,
        table: &[Parameter],
        required: &[Parameter],
        optional: &[Parameter],
    ) -> Self {
        Self { required: bits(table, required), optional: bits(table, optional), ..self }
    }

    /// The same with properties.
    pub(in crate::dialect) const fn carrying(self, rows: &[Row]) -> Self {
        assert!(rows.len() <= 16, "each row has a bit");
        let Self { kind, mut required, mut optional, .. } = self;
        let (mut bit, mut rest) = (1, rows);
        while let [row, after @ ..] = rest {
            match kind.presence(row) {
                Presence::Never => {}
                Presence::Optional => optional |= bit,
                Presence::Required => required |= bit,
            }
            bit <<= 1;
            rest = after;
        }
        Self { required, optional, ..self }
    }

    /// What stands for the `+` in a topic that begins with the one of this message, behind the root, and what follows.
    pub(super) fn name_in<'a>(&self, topic: &'a str) -> Option<(Option<&'a str>, &'a str)> {
        let (before, behind) = self.around_name();
        let rest = topic.strip_prefix(before)?;
        let Some(behind) = behind else { return Some((None, rest)) };
        let (name, rest) = until(rest, b'/');
        Some((Some(name), rest.strip_prefix(behind)?))
    }

    /// The topic in front of the name, and behind it, if it has one.
    pub(super) fn around_name(&self) -> (&'static str, Option<&'static str>) {
        let (before, rest) = until(self.topic.as_str(), b'+');
        (before, rest.get(1..))
    }

    pub(super) const fn has_bit(&self, bit: u16) -> bool {
        (self.required | self.optional) & bit != 0
    }
}

const fn bits(table: &[Parameter], parameters: &[Parameter]) -> u16 {
    let (mut bits, mut rest) = (0, parameters);
    while let [first, after @ ..] = rest {
        let mut at = 0;
        while table[at] as u8 != *first as u8 {
            at += 1;
        }
        bits |= 1 << at;
        rest = after;
    }
    bits
}

impl Kind {
    /// Asks for that part of a twin.
    pub(super) const fn twin_get(part: TwinPart) -> Self {
        match part {
            TwinPart::Whole => Self::TwinGet,
            TwinPart::Reported => Self::TwinGetReported,
            TwinPart::Desired => Self::TwinGetDesired,
        }
    }

    pub(super) const fn desired_changed(variant: Variant) -> Self {
        match variant {
            Variant::DesiredSlash => Self::DesiredSlash,
            Variant::Usual | Variant::TwinGet | Variant::TwinPatch => Self::DesiredChanged,
        }
    }

    /// Whether such a property belongs to it.
    const fn presence(self, row: &Row) -> Presence {
        match self {
            Self::Telemetry => row.telemetry,
            Self::Command => row.command,
            Self::Method
            | Self::TwinGet
            | Self::TwinGetReported
            | Self::TwinGetDesired
            | Self::TwinPatch
            | Self::DesiredChanged
            | Self::DesiredSlash
            | Self::MethodReply
            | Self::TwinGetReply
            | Self::TwinPatchReply
            | Self::TwinReply => Presence::Never,
        }
    }

    pub(super) const fn has_properties(self) -> bool {
        matches!(self, Self::Telemetry | Self::Command)
    }

    /// Whether it is a request or an answer.
    pub(super) const fn has_request(self) -> bool {
        !matches!(self, Self::Telemetry | Self::Command | Self::DesiredChanged | Self::DesiredSlash)
    }

    #[cfg(feature = "preview5")]
    pub(super) const fn is_request(self) -> bool {
        matches!(
            self,
            Self::Method | Self::TwinGet | Self::TwinGetReported | Self::TwinGetDesired | Self::TwinPatch
        )
    }
}
