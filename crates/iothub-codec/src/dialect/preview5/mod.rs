//! `$iothub/...` over MQTT 5.

mod catalogue;

pub(super) use catalogue::OPERATIONS;

use crate::channel::{Channels, Subscription};
use crate::connect::{Claim, Connect, Introduction, Proof};
use crate::envelope::{Envelope, Receiver};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Place};
use crate::identity::Identity;
use crate::property::{Name, SystemProperty};
use crate::publish::Publish;
use crate::text::Text;
use crate::write::Writer;

pub(super) fn open<'a>(_receiver: Receiver, _publish: &Publish<'a>) -> Result<Envelope<'a>, DecodeError> {
    Err(DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic })
}

/// Gives the length of the topic.
pub(super) fn seal(_envelope: &Envelope<'_>, _out: &mut Writer<'_>) -> Result<usize, EncodeError> {
    Err(EncodeError::NotExpressible)
}

pub(super) fn filters(_channels: Channels, _out: &mut Writer<'_>) -> Result<(), EncodeError> {
    Err(EncodeError::NotExpressible)
}

pub(super) fn decode_filter(_filter: &str) -> Result<Subscription<'_>, DecodeError> {
    Err(DecodeError { place: Place::Filter(0), kind: DecodeErrorKind::UnknownTopic })
}

pub(super) fn encode_connect<'b>(
    _identity: Identity<'_>,
    _who: &Introduction<'b>,
    _proof: Proof<'b>,
    _out: &'b mut [u8],
) -> Result<Connect<'b>, EncodeError> {
    Err(EncodeError::NotExpressible)
}

pub(super) fn open_connect<'a>(_connect: &Connect<'a>) -> Result<Claim<'a>, DecodeError> {
    Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::UnknownTopic })
}

pub(super) fn property_name(name: Text<'_>) -> Name<'_> {
    Name::Application(name)
}

pub(super) fn spelling(_property: SystemProperty) -> Option<&'static str> {
    None
}
