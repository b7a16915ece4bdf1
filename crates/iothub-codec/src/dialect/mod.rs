//! How each dialect spells a message. A dialect does not know what a message means, and nothing else knows
//! how it is spelled.

pub(crate) mod classic;
mod codec;
mod name;
mod outgoing;
#[cfg(feature = "preview311")]
mod preview311;
#[cfg(feature = "preview5")]
mod preview5;
pub(crate) mod provisioning;
mod row;
mod spelling;
#[cfg(any(feature = "preview311", feature = "preview5"))]
mod tables;

pub use codec::Codec;
pub(crate) use name::is_method;
pub(crate) use row::Row;

use crate::catalogue::{OperationKind, OperationRow};
use crate::connect::{Claim, Connect, Version};
use crate::error::DecodeError;
#[cfg(not(feature = "preview5"))]
use crate::error::{DecodeErrorKind, Field, Place};
use crate::property::SystemProperty;
#[cfg(any(feature = "preview311", feature = "preview5"))]
use tables::Tables;

/// One of the ways in which IoT Hub's messages are spelled. A device chooses it with its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// MQTT 3.1.1 with the topics that all official clients use.
    Classic,
    /// MQTT 3.1.1 with topics that begin with `$az/iot/`, once a preview.
    #[cfg(feature = "preview311")]
    Preview311,
    /// MQTT 5, once a preview.
    #[cfg(feature = "preview5")]
    Preview5,
}

impl Dialect {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::Classic,
        #[cfg(feature = "preview311")]
        Self::Preview311,
        #[cfg(feature = "preview5")]
        Self::Preview5,
    ];

    /// What it is called where a name has to be typed: `classic`, `preview311` or `preview5`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            #[cfg(feature = "preview311")]
            Self::Preview311 => "preview311",
            #[cfg(feature = "preview5")]
            Self::Preview5 => "preview5",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name)
    }

    /// The version of MQTT that it is spoken over.
    pub const fn version(self) -> Version {
        match self {
            Self::Classic => Version::V311,
            #[cfg(feature = "preview311")]
            Self::Preview311 => Version::V311,
            #[cfg(feature = "preview5")]
            Self::Preview5 => Version::V5,
        }
    }

    /// Every operation that this dialect has. A table for documents, decoders and tests; what is linked of it is what
    /// is used.
    ///
    /// ```
    /// use iothub_codec::{Dialect, OperationKind};
    ///
    /// let method = Dialect::Classic.operation(OperationKind::Method).unwrap();
    /// assert_eq!(method.topic.to_string(), "$iothub/methods/POST/{name}/");
    /// assert_eq!(method.correlation, Some("$rid"));
    /// assert!(Dialect::Preview5.operation(OperationKind::Input).is_none());
    /// ```
    pub const fn operations(self) -> &'static [OperationRow] {
        match self {
            Self::Classic => classic::OPERATIONS,
            #[cfg(feature = "preview311")]
            Self::Preview311 => preview311::OPERATIONS,
            #[cfg(feature = "preview5")]
            Self::Preview5 => preview5::OPERATIONS,
        }
    }

    /// One of them; `None` where the dialect does not have it.
    pub fn operation(self, kind: OperationKind) -> Option<&'static OperationRow> {
        self.operations().iter().find(|row| row.kind == kind)
    }

    /// The messages and properties of a preview; `None` for the classic dialect.
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn preview(self) -> Option<&'static Tables> {
        self.calls().filter(|_| self != Self::Classic)
    }

    /// The messages without properties; `None` for the classic dialect where it has code of its own for them.
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    #[cfg_attr(not(feature = "fast"), inline(never))]
    const fn calls(self) -> Option<&'static Tables> {
        match self {
            Self::Classic => classic::CALLS,
            #[cfg(feature = "preview311")]
            Self::Preview311 => Some(&preview311::TABLES),
            #[cfg(feature = "preview5")]
            Self::Preview5 => Some(&preview5::TABLES),
        }
    }

    /// The name of a system property in this dialect; `None` where it has none, and cannot be sent.
    pub fn property_name(self, property: SystemProperty) -> Option<&'static str> {
        match self {
            Self::Classic => classic::spelling(property),
            #[cfg(feature = "preview311")]
            Self::Preview311 => preview311::spelling(property),
            #[cfg(feature = "preview5")]
            Self::Preview5 => preview5::spelling(property),
        }
    }
}

/// By its [`Dialect::name`].
impl core::fmt::Display for Dialect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a CONNECT as a hub does: which dialect, who, and what proof is offered. The proof is not checked.
///
/// # Errors
///
/// [`DecodeError`].
pub fn open_connect<'a>(connect: &Connect<'a>) -> Result<(Dialect, Claim<'a>), DecodeError> {
    match connect.version {
        #[cfg(feature = "preview311")]
        Version::V311 if preview311::is_meant(connect) => {
            Ok((Dialect::Preview311, preview311::open_connect(connect)?))
        }
        Version::V311 => Ok((Dialect::Classic, classic::open_connect(connect)?)),
        #[cfg(feature = "preview5")]
        Version::V5 => Ok((Dialect::Preview5, preview5::open_connect(connect)?)),
        #[cfg(not(feature = "preview5"))]
        Version::V5 => {
            Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadValue(Field::ApiVersion) })
        }
    }
}

/// Where in `whole` its part `part` begins.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize)
}
