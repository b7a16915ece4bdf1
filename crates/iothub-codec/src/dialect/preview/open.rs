use super::fields::{Fields, UNKNOWN};
use super::row::Says;
use super::wire::application;
use super::{Message, Parameter, Preview, Receiver, Row, Wire};
#[cfg(feature = "preview311")]
use crate::dialect::name;
use crate::dialect::offset;
use crate::entries::{Entries, Entry};
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::message::{ToDevice, ToHub};
#[cfg(feature = "preview311")]
use crate::pairs::pairs;
use crate::property::Properties;
use crate::publish::{Publish, Qos};
use crate::request::RequestId;
use crate::section::id;
use crate::status::Status;

impl Preview {
    /// What the device sent.
    #[inline(never)]
    pub(in crate::dialect) fn open_to_hub<'a>(
        &self,
        publish: &Publish<'a>,
    ) -> Result<ToHub<'a>, DecodeError> {
        let mut fields = Fields::new();
        let message = self.open(Receiver::Hub, publish, &mut fields)?;
        fields.message_to_hub(message, publish)
    }

    /// What the hub sent.
    #[inline(never)]
    pub(in crate::dialect) fn open_to_device<'a>(
        &self,
        publish: &Publish<'a>,
    ) -> Result<ToDevice<'a>, DecodeError> {
        let mut fields = Fields::new();
        let message = self.open(Receiver::Device, publish, &mut fields)?;
        fields.message_to_device(message, publish)
    }

    #[inline(never)]
    fn open<'a>(
        &self,
        receiver: Receiver,
        publish: &Publish<'a>,
        fields: &mut Fields<'a>,
    ) -> Result<&'static Message, DecodeError> {
        let topic = publish.topic;
        let (stem, entries) = match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => split(topic),
            #[cfg(feature = "preview5")]
            Wire::Section => (topic, Entries::Section(publish.properties)),
        };
        let stem = stem.strip_prefix(self.root.as_str()).ok_or(UNKNOWN)?;
        let of_topic = |message: &'static Message| Some((message, message.name_in(stem)?));
        let mut messages = self.messages.iter().filter(|message| message.receiver == receiver);
        let (message, name) = messages.find_map(of_topic).ok_or(UNKNOWN)?;
        fields.name = name;
        if message.has_name() && !self.takes_name(name) {
            let place = Place::Topic(offset(topic, name));
            return Err(DecodeError { place, kind: DecodeErrorKind::BadValue(Field::MethodName) });
        }
        if publish.qos != Qos::AtMostOnce && self.is_at_most_once(message) {
            return Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadQos });
        }
        let mut reading = Reading { preview: self, message, fields, lacking: message.required };
        let mut rest = entries;
        loop {
            let before = rest;
            let Some(entry) = &rest.next() else { break };
            reading.take(entry).map_err(|kind| self.error(publish, before, entry, kind))?;
        }
        if let Some(field) = reading.first_lacking() {
            return Err(DecodeError { place: self.end(publish), kind: DecodeErrorKind::Missing(field) });
        }
        if message.kind.has_properties() {
            fields.properties = Properties::from_wire(entries, self.naming);
        }
        Ok(message)
    }

    fn error(
        &self,
        publish: &Publish<'_>,
        before: Entries<'_>,
        entry: &Entry<'_>,
        kind: DecodeErrorKind,
    ) -> DecodeError {
        let place = match before {
            Entries::List(_) => {
                let part = if kind == DecodeErrorKind::UnknownProperty { entry.name } else { entry.value };
                Place::Topic(offset(publish.topic, part.raw()))
            }
            #[cfg(feature = "preview5")]
            Entries::Section(before) => {
                Place::Properties(publish.properties.as_wire().len() - before.as_wire().len())
            }
        };
        DecodeError { place, kind }
    }

    /// The place behind everything.
    const fn end(&self, publish: &Publish<'_>) -> Place {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => Place::Topic(publish.topic.len()),
            #[cfg(feature = "preview5")]
            Wire::Section => publish.properties.end(),
        }
    }

    fn takes_name(&self, name: &str) -> bool {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => name::is_method(name),
            #[cfg(feature = "preview5")]
            Wire::Section => !name.is_empty(),
        }
    }

    /// Requests go at QoS 0 only: who asked is told by the reply. And so do replies without a section.
    const fn is_at_most_once(&self, message: &Message) -> bool {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => message.kind.has_request(),
            #[cfg(feature = "preview5")]
            Wire::Section => message.kind.is_request(),
        }
    }

    /// The first of those that are lacking, or only the request, if not all of them need be there.
    pub(super) fn first(&self, message: &Message, lacking: u16, all: bool) -> Option<Field> {
        if lacking == 0 {
            return None;
        }
        let is_needed = |row: &Row| all || row.says == Says::Parameter(Parameter::Request);
        let mut rows = self.rows(message);
        rows.find(|(row, bit)| lacking & bit != 0 && is_needed(row)).map(|(row, _)| row.field(self.wire))
    }

    /// The table of what a message says, with the bit of each.
    pub(super) fn rows(&self, message: &Message) -> impl Iterator<Item = (&'static Row, u16)> {
        let rows = if message.kind.has_properties() { self.properties } else { self.parameters };
        rows.iter().zip(0_u32..).map(|(row, at)| (row, 1_u16.wrapping_shl(at)))
    }
}

/// A message that is being read.
struct Reading<'a, 'f> {
    preview: &'f Preview,
    message: &'f Message,
    fields: &'f mut Fields<'a>,
    /// What must be there, and was not yet.
    lacking: u16,
}

impl<'a> Reading<'a, '_> {
    fn take(&mut self, entry: &Entry<'a>) -> Result<(), DecodeErrorKind> {
        let is_named = entry.id == id::USER;
        if is_named && self.message.kind.has_properties() && application(entry.name).is_some() {
            return Ok(());
        }
        let Some((row, bit)) = self.row(entry) else {
            // The other properties of MQTT's own are between the stacks, or mean nothing.
            return if is_named { Err(DecodeErrorKind::UnknownProperty) } else { Ok(()) };
        };
        self.lacking &= !bit;
        self.read(row, entry).ok_or(DecodeErrorKind::BadValue(row.field(self.preview.wire)))
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn row(&self, entry: &Entry<'_>) -> Option<(&'static Row, u16)> {
        let mut rows = self.preview.rows(self.message);
        rows.find(|(row, bit)| self.message.has_bit(*bit) && row.is_called(entry.id, entry.name))
    }

    /// `None` for what it cannot be.
    fn read(&mut self, row: &Row, entry: &Entry<'a>) -> Option<()> {
        let number = row.number(entry.value)?;
        let Says::Parameter(parameter) = row.says else { return Some(()) };
        let (fields, text) = (&mut *self.fields, Some(entry.value));
        match parameter {
            Parameter::Request => {
                let id = RequestId::from_wire(entry.bytes, entry.value.is_encoded());
                fields.request = id.filter(|id| id.len() <= self.preview.request_max)?;
            }
            Parameter::Version => fields.version = Some(number),
            Parameter::IfVersion => fields.if_version = Some(number),
            // Numbers above what HTTP and the other dialects can pass on are no answer.
            Parameter::Code => fields.code = Some(i32::try_from(number).ok()?),
            Parameter::Said => fields.status = Status::from_code(u16::try_from(number).ok()?),
            Parameter::Reason => fields.reason = text,
            Parameter::TraceId => fields.trace_id = text,
            Parameter::MediaType => fields.content.media_type = text,
            Parameter::Encoding => fields.content.encoding = text,
        }
        Some(())
    }

    /// Something that must be there. A failure need not say more than which request failed.
    fn first_lacking(&self) -> Option<Field> {
        self.preview.first(self.message, self.lacking, self.fields.status.is_success())
    }
}

/// A topic, and the list of properties behind it. It may be missing, with all that stands in front of it.
#[cfg(feature = "preview311")]
fn split(topic: &str) -> (&str, Entries<'_>) {
    let at = topic.as_bytes().windows(2).position(|pair| pair == b"/?").unwrap_or(topic.len());
    let (stem, behind) = topic.split_at_checked(at).unwrap_or((topic, ""));
    (stem, Entries::List(pairs(behind.get(2..).unwrap_or_default())))
}
