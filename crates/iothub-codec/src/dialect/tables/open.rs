use super::fields::{Fields, UNKNOWN};
use super::row::Says;
use super::wire::application;
use super::{Kind, Message, Parameter, Receiver, Row, Tables, Wire};
#[cfg(feature = "preview311")]
use crate::dialect::name;
use crate::dialect::{classic, offset};
use crate::entries::{Entries, Entry};
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::fast::FAST;
use crate::message::{ToDevice, ToHub};
use crate::pairs::pairs;
use crate::property::Properties;
use crate::publish::{Publish, Qos};
use crate::request::RequestId;
use crate::section::id;
use crate::status::Status;
use crate::text::Text;

impl Tables {
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
        let stem = topic.strip_prefix(self.root.as_str()).ok_or(UNKNOWN)?;
        let of_topic = |message: &'static Message| {
            let (name, list) = self.name_and_list(message, stem)?;
            Some((message, name, list))
        };
        let mut messages = self.messages.iter().filter(|message| message.receiver == receiver);
        let (message, name, list) = messages.find_map(of_topic).ok_or(UNKNOWN)?;
        if let Some(name) = name {
            self.read_name(message, name, fields).map_err(|field| {
                let place = Place::Topic(offset(topic, name));
                DecodeError { place, kind: DecodeErrorKind::BadValue(field) }
            })?;
        }
        let entries = match self.wire {
            #[cfg(feature = "preview5")]
            Wire::Section => Entries::Section(publish.properties),
            Wire::Path if !matches!(list.as_bytes(), [] | [b'?', ..]) => return Err(UNKNOWN),
            Wire::Path => Entries::List(pairs(list.get(1..).unwrap_or_default())),
            #[cfg(feature = "preview311")]
            Wire::Topic => Entries::List(pairs(list)),
        };
        if publish.qos != Qos::AtMostOnce && self.is_at_most_once(message) {
            return Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadQos });
        }
        let mut reading = Reading { tables: self, message, fields, lacking: message.required };
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
            Wire::Path => Place::Topic(publish.topic.len()),
        }
    }

    /// What stands in the place of a name, and the list at the end, which may be missing with all that stands in front of
    /// it. `None` for the topic of another message.
    fn name_and_list<'a>(&self, message: &Message, stem: &'a str) -> Option<(Option<&'a str>, &'a str)> {
        let (name, rest) = message.name_in(stem)?;
        let list = match self.wire {
            // It may begin where a name would.
            #[cfg(feature = "preview311")]
            Wire::Topic if name.is_some_and(|name| name.as_bytes().starts_with(b"?")) => return None,
            _ if rest.is_empty() => rest,
            #[cfg(feature = "preview311")]
            Wire::Topic => rest.strip_prefix("/?")?,
            #[cfg(feature = "preview5")]
            Wire::Section => return None,
            // Looked at when the name has been.
            Wire::Path => rest,
        };
        Some((name, list))
    }

    /// Takes the name of a method, or the number of an answer; gives what it is none of.
    fn read_name<'a>(&self, message: &Message, name: &'a str, fields: &mut Fields<'a>) -> Result<(), Field> {
        fields.name = name;
        let is_good = match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => name::is_method(name),
            #[cfg(feature = "preview5")]
            Wire::Section => !name.is_empty(),
            Wire::Path if message.kind != Kind::Method => {
                let code = classic::signed(name).ok_or(Field::Status)?;
                fields.code = Some(code);
                // A method's number is the device's own affair.
                if message.kind == Kind::TwinReply {
                    fields.status = classic::from_http(code);
                }
                true
            }
            Wire::Path => !name.is_empty(),
        };
        if is_good { Ok(()) } else { Err(Field::MethodName) }
    }

    /// Whether it is the classic dialect. Where time counts it has code of its own.
    pub(super) const fn is_classic(&self) -> bool {
        !FAST && matches!(self.wire, Wire::Path)
    }

    /// Requests go at QoS 0 only: who asked is told by the reply. And so do replies without a section.
    const fn is_at_most_once(&self, message: &Message) -> bool {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => message.kind.has_request(),
            #[cfg(feature = "preview5")]
            Wire::Section => message.kind.is_request(),
            Wire::Path => false,
        }
    }

    /// The first of those that are lacking, or only the request, if not all of them need be there.
    pub(super) fn first(&self, message: &Message, lacking: u16, all: bool) -> Option<Field> {
        if lacking == 0 {
            return None;
        }
        let is_needed = |row: &Row| all || row.says == Says::Parameter(Parameter::Request);
        let mut rows = with_bits(self.rows(message));
        rows.find(|(row, bit)| lacking & bit != 0 && is_needed(row)).map(|(row, _)| row.field(self.wire))
    }

    /// The table of what a message says.
    fn rows(&self, message: &Message) -> &'static [Row] {
        if message.kind.has_properties() { self.properties } else { self.parameters }
    }
}

/// The rows of a table, with the bit that a message has for each.
pub(super) fn with_bits(rows: &'static [Row]) -> impl Iterator<Item = (&'static Row, u16)> {
    rows.iter().zip(0_u32..).map(|(row, at)| (row, 1_u16.wrapping_shl(at)))
}

/// A message that is being read.
struct Reading<'a, 'f> {
    tables: &'f Tables,
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
            // The other properties of MQTT's own are between the stacks, or mean nothing. And to the classic dialect
            // parameters may be added at any time.
            return if is_named && !self.tables.is_classic() {
                Err(DecodeErrorKind::UnknownProperty)
            } else {
                Ok(())
            };
        };
        self.lacking &= !bit;
        self.read(row, entry).ok_or(DecodeErrorKind::BadValue(row.field(self.tables.wire)))
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn row(&self, entry: &Entry<'_>) -> Option<(&'static Row, u16)> {
        let mut rows = with_bits(self.tables.rows(self.message));
        rows.find(|(row, bit)| self.message.has_bit(*bit) && row.is_called(entry.id, entry.name))
    }

    /// `None` for what it cannot be.
    fn read(&mut self, row: &Row, entry: &Entry<'a>) -> Option<()> {
        // Whatever else is encoded there, numbers and request ids are not.
        let value = if self.tables.is_classic() { Text::plain(entry.value.raw()) } else { entry.value };
        let number = row.number(value)?;
        let Says::Parameter(parameter) = row.says else { return Some(()) };
        let (fields, text) = (&mut *self.fields, Some(value));
        match parameter {
            Parameter::Request => {
                let id = RequestId::from_wire(
                    entry.bytes,
                    value.is_encoded(),
                    usize::from(self.tables.request_max),
                )?;
                // What could not be sent back is no request.
                if self.tables.is_classic() && !id.is_word() {
                    return None;
                }
                fields.request = id;
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
        self.tables.first(self.message, self.lacking, self.fields.status.is_success())
    }
}
