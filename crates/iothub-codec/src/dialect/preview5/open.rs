use super::property::{APPLICATION, property_name, user_rows};
use super::{
    COMMANDS, IF_VERSION, METHOD, REASON, REQUEST_MAX, RESPONSE_CODE, RESPONSES, STATUS, TELEMETRY, TRACE_ID,
    TWIN_DESIRED, TWIN_GET, TWIN_PATCH, VERSION, plain,
};
use crate::dialect::envelope::{Envelope, Fields, Path, Receiver};
use crate::dialect::row::{Presence, Row, decimal, status};
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::message::{ToDevice, ToHub, TwinPart};
use crate::property::Properties;
use crate::publish::{Publish, Qos};
use crate::request::RequestId;
use crate::section::{Raw, id};
use crate::word;

/// What the device sent.
#[inline(never)]
pub(crate) fn open_to_hub<'a>(publish: &Publish<'a>) -> Result<ToHub<'a>, DecodeError> {
    let mut fields = Fields::default();
    open(Receiver::Hub, publish, &mut fields)?.to_hub(&fields, publish)
}

/// What the hub sent.
#[inline(never)]
pub(crate) fn open_to_device<'a>(publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
    let mut fields = Fields::default();
    open(Receiver::Device, publish, &mut fields)?.to_device(&fields, publish)
}

fn open<'a>(
    receiver: Receiver,
    publish: &Publish<'a>,
    fields: &mut Fields<'a>,
) -> Result<Envelope<'a>, DecodeError> {
    let Publish { topic, properties: section, qos, .. } = *publish;
    let path = path(receiver, topic)?;
    let mut reading = Reading { path, receiver, fields, found: 0 };
    if matches!(path, Path::TwinGet(_) | Path::TwinPatch | Path::Method(_)) && qos != Qos::AtMostOnce {
        return Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadQos });
    }
    for (at, raw) in section.raw() {
        reading.take(raw).map_err(|kind| DecodeError { place: Place::Properties(at), kind })?;
    }
    reading.complete().map_err(|kind| DecodeError { place: section.end(), kind })?;
    let properties = match path {
        Path::Telemetry | Path::Command => Properties::from_section(section, property_name),
        Path::Method(_) | Path::TwinGet(_) | Path::TwinPatch | Path::DesiredChanged | Path::Reply(_) => {
            Properties::default()
        }
    };
    Ok(Envelope { path, properties })
}

/// What a topic is for, at that end.
fn path(receiver: Receiver, topic: &str) -> Result<Path<'_>, DecodeError> {
    let unknown = DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic };
    match (receiver, topic) {
        (Receiver::Hub, TELEMETRY) => Ok(Path::Telemetry),
        (Receiver::Hub, TWIN_GET) => Ok(Path::TwinGet(TwinPart::Whole)),
        (Receiver::Hub, TWIN_PATCH) => Ok(Path::TwinPatch),
        (Receiver::Device, COMMANDS) => Ok(Path::Command),
        (Receiver::Device, TWIN_DESIRED) => Ok(Path::DesiredChanged),
        (_, RESPONSES) => Ok(Path::Reply(None)),
        (Receiver::Device, _) => match topic.strip_prefix(METHOD).ok_or(unknown)? {
            "" => Err(DecodeError {
                place: Place::Topic(METHOD.len()),
                kind: DecodeErrorKind::BadValue(Field::MethodName),
            }),
            name if word::find(name.as_bytes(), b'/').is_some() => Err(unknown),
            name => Ok(Path::Method(name)),
        },
        (Receiver::Hub, _) => Err(unknown),
    }
}

/// What has been read of a section.
struct Reading<'a, 'f> {
    path: Path<'a>,
    receiver: Receiver,
    fields: &'f mut Fields<'a>,
    /// A bit for each of [`user_rows`] that was there.
    found: u16,
}

impl<'a> Reading<'a, '_> {
    fn take(&mut self, raw: Raw<'a>) -> Result<(), DecodeErrorKind> {
        match raw.id {
            id::USER => self.take_user(raw),
            id::CORRELATION_DATA if self.has_request() => {
                let request = RequestId::new(raw.value).filter(|_| raw.value.len() <= REQUEST_MAX);
                self.fields.request = Some(request.ok_or(DecodeErrorKind::BadValue(Field::CorrelationData))?);
                Ok(())
            }
            id::CONTENT_TYPE if matches!(self.path, Path::Method(_) | Path::Reply(_)) => {
                self.fields.content.media_type = Some(plain(raw.value));
                Ok(())
            }
            // The other first-class properties are between the MQTT stacks, or mean nothing.
            _ => Ok(()),
        }
    }

    fn take_user(&mut self, raw: Raw<'a>) -> Result<(), DecodeErrorKind> {
        match self.path {
            Path::Telemetry => self.take_property(raw, |row| row.telemetry),
            Path::Command => self.take_property(raw, |row| row.command),
            Path::TwinPatch | Path::DesiredChanged | Path::Reply(_) => self.take_field(raw),
            Path::TwinGet(_) | Path::Method(_) => Err(DecodeErrorKind::UnknownProperty),
        }
    }

    fn take_property(&mut self, raw: Raw<'a>, presence: fn(&Row) -> Presence) -> Result<(), DecodeErrorKind> {
        if raw.name.starts_with(APPLICATION.as_bytes()) {
            return Ok(());
        }
        let known = user_rows().iter().zip(0..).find(|(row, _)| row.name.as_bytes() == raw.name);
        let (row, bit) = known
            .filter(|(row, _)| presence(row) != Presence::Never)
            .ok_or(DecodeErrorKind::UnknownProperty)?;
        self.found |= 1_u16.wrapping_shl(bit);
        row.check(plain(raw.value))
    }

    fn take_field(&mut self, raw: Raw<'a>) -> Result<(), DecodeErrorKind> {
        let value = plain(raw.value);
        let number = |field| decimal(value).ok_or(DecodeErrorKind::BadValue(field));
        let name = plain(raw.name).raw();
        let fields = &mut *self.fields;
        match (self.path, self.receiver, name) {
            (Path::TwinPatch, _, IF_VERSION) => fields.if_version = Some(number(Field::Version)?),
            (Path::DesiredChanged, _, VERSION) | (Path::Reply(_), Receiver::Device, VERSION) => {
                fields.version = Some(number(Field::Version)?);
            }
            // Numbers above what HTTP and the other dialects can pass on are no answer.
            (Path::Reply(_), Receiver::Hub, RESPONSE_CODE) => {
                let code = i32::try_from(number(Field::Status)?).ok();
                fields.code = Some(code.ok_or(DecodeErrorKind::BadValue(Field::Status))?);
            }
            (Path::Reply(_), _, STATUS) => {
                fields.status = Some(status(value).ok_or(DecodeErrorKind::BadValue(Field::Status))?)
            }
            (Path::Reply(_), _, REASON) => fields.reason = Some(value),
            (Path::Reply(_), _, TRACE_ID) => fields.trace_id = Some(value),
            _ => return Err(DecodeErrorKind::UnknownProperty),
        }
        Ok(())
    }

    /// Whether everything is there that must be.
    fn complete(&self) -> Result<(), DecodeErrorKind> {
        if self.has_request() && self.fields.request.is_none() {
            return Err(DecodeErrorKind::Missing(Field::CorrelationData));
        }
        match self.path {
            Path::Command => self.has_all_properties(),
            Path::DesiredChanged => match self.fields.version {
                Some(_) => Ok(()),
                None => Err(DecodeErrorKind::Missing(Field::Version)),
            },
            // A device that did what was asked says with which number, and one that could not says why.
            Path::Reply(_) => match (self.receiver, self.fields.code, self.fields.status) {
                (Receiver::Device, _, _) | (Receiver::Hub, Some(_), _) => Ok(()),
                (Receiver::Hub, None, Some(status)) if !status.is_success() => Ok(()),
                (Receiver::Hub, None, _) => Err(DecodeErrorKind::Missing(Field::Status)),
            },
            Path::Telemetry | Path::Method(_) | Path::TwinGet(_) | Path::TwinPatch => Ok(()),
        }
    }

    fn has_all_properties(&self) -> Result<(), DecodeErrorKind> {
        let found = |bit| self.found & 1_u16.wrapping_shl(bit) != 0;
        let is_missing = |row: &Row, bit| row.command == Presence::Required && !found(bit);
        match user_rows().iter().zip(0..).find(|(row, bit)| is_missing(row, *bit)) {
            Some((row, _)) => Err(DecodeErrorKind::Missing(Field::Property(row.property))),
            None => Ok(()),
        }
    }

    const fn has_request(&self) -> bool {
        match self.path {
            Path::Method(_) | Path::TwinGet(_) | Path::TwinPatch | Path::Reply(_) => true,
            Path::Telemetry | Path::Command | Path::DesiredChanged => false,
        }
    }
}
