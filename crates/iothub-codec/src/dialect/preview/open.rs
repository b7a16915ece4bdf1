use super::fields::{Fields, UNKNOWN};
use super::wire::application;
use super::{Message, Parameter, Preview, Receiver, Wire};
#[cfg(feature = "preview311")]
use crate::dialect::name;
use crate::dialect::offset;
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::message::{ToDevice, ToHub};
#[cfg(feature = "preview311")]
use crate::pairs::pairs;
use crate::property::Properties;
use crate::publish::{Publish, Qos};
use crate::request::RequestId;
#[cfg(feature = "preview5")]
use crate::section::{Raw, id, text};
use crate::text::Text;

impl Preview {
    /// What the device sent.
    #[inline(never)]
    pub(in crate::dialect) fn open_to_hub<'a>(
        &self,
        publish: &Publish<'a>,
    ) -> Result<ToHub<'a>, DecodeError> {
        let mut fields = Fields::new(publish.payload);
        let message = self.open(Receiver::Hub, publish, &mut fields)?;
        fields.message_to_hub(message, publish)
    }

    /// What the hub sent.
    #[inline(never)]
    pub(in crate::dialect) fn open_to_device<'a>(
        &self,
        publish: &Publish<'a>,
    ) -> Result<ToDevice<'a>, DecodeError> {
        let mut fields = Fields::new(publish.payload);
        let message = self.open(Receiver::Device, publish, &mut fields)?;
        fields.message_to_device(message, publish)
    }

    fn open<'a>(
        &self,
        receiver: Receiver,
        publish: &Publish<'a>,
        fields: &mut Fields<'a>,
    ) -> Result<&'static Message, DecodeError> {
        let topic = publish.topic;
        let (stem, list) = match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => split(topic),
            #[cfg(feature = "preview5")]
            Wire::Section => (topic, ""),
        };
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
        let end = match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => reading.take_list(topic, list)?,
            #[cfg(feature = "preview5")]
            Wire::Section => reading.take_section(publish)?,
        };
        reading.complete().map_err(|kind| DecodeError { place: end, kind })?;
        if message.kind.has_properties() {
            fields.properties = match self.wire {
                #[cfg(feature = "preview311")]
                Wire::Topic => Properties::from_tail(list, self.naming),
                #[cfg(feature = "preview5")]
                Wire::Section => Properties::from_section(publish.properties, self.naming),
            };
        }
        Ok(message)
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
    fn is_at_most_once(&self, message: &Message) -> bool {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => message.has(Parameter::Request),
            #[cfg(feature = "preview5")]
            Wire::Section => message.kind.is_request(),
        }
    }

    /// The first of those that are lacking.
    pub(super) fn first(&self, message: &Message, lacking: u16) -> Option<Field> {
        let is_first = |at: u32| lacking & bit(at) != 0;
        if message.kind.has_properties() {
            let mut rows = self.rows.iter().zip(0..);
            rows.find(|(_, at)| is_first(*at)).map(|(row, _)| Field::Property(row.property))
        } else {
            let mut all = Parameter::ALL.iter().zip(0..);
            all.find(|(_, at)| is_first(*at)).map(|(parameter, _)| parameter.field(self.wire))
        }
    }
}

pub(super) const fn bit(at: u32) -> u16 {
    1_u16.wrapping_shl(at)
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
    /// Gives the place behind everything.
    #[cfg(feature = "preview311")]
    fn take_list(&mut self, topic: &'a str, list: &'a str) -> Result<Place, DecodeError> {
        for (name, value) in pairs(list) {
            let taken = self.take(Text::percent_encoded(name), Text::percent_encoded(value));
            taken.map_err(|kind| {
                let part = if kind == DecodeErrorKind::UnknownProperty { name } else { value };
                DecodeError { place: Place::Topic(offset(topic, part)), kind }
            })?;
        }
        Ok(Place::Topic(topic.len()))
    }

    /// Likewise.
    #[cfg(feature = "preview5")]
    fn take_section(&mut self, publish: &Publish<'a>) -> Result<Place, DecodeError> {
        for (at, raw) in publish.properties.raw() {
            self.take_raw(raw).map_err(|kind| DecodeError { place: Place::Properties(at), kind })?;
        }
        Ok(publish.properties.end())
    }

    #[cfg(feature = "preview5")]
    fn take_raw(&mut self, raw: Raw<'a>) -> Result<(), DecodeErrorKind> {
        let value = Text::plain(text(raw.value));
        match raw.id {
            id::USER => self.take(Text::plain(text(raw.name)), value),
            id::CORRELATION_DATA if self.message.has(Parameter::Request) => {
                let id = RequestId::new(raw.value).filter(|_| raw.value.len() <= self.preview.request_max);
                self.take_request(id)
            }
            id::CONTENT_TYPE if self.message.has(Parameter::MediaType) => {
                self.fields.reply.content.media_type = Some(value);
                Ok(())
            }
            // The other first-class properties are between the MQTT stacks, or mean nothing.
            _ => Ok(()),
        }
    }

    fn take(&mut self, name: Text<'a>, value: Text<'a>) -> Result<(), DecodeErrorKind> {
        if self.message.kind.has_properties() {
            self.take_property(name, value)
        } else {
            self.take_parameter(name, value)
        }
    }

    fn take_property(&mut self, name: Text<'a>, value: Text<'a>) -> Result<(), DecodeErrorKind> {
        if application(name).is_some() {
            return Ok(());
        }
        let mut rows = self.preview.rows.iter().zip(0..);
        let known = rows.find(|(row, at)| self.message.has_bit(bit(*at)) && name == row.name);
        let (row, at) = known.ok_or(DecodeErrorKind::UnknownProperty)?;
        self.lacking &= !bit(at);
        row.check(value)
    }

    fn take_parameter(&mut self, name: Text<'a>, value: Text<'a>) -> Result<(), DecodeErrorKind> {
        let wire = self.preview.wire;
        let mut parameters = Parameter::ALL.iter().filter(|each| self.message.has(**each));
        let parameter = parameters.find(|each| each.is_called(name, wire));
        let parameter = *parameter.ok_or(DecodeErrorKind::UnknownProperty)?;
        if parameter == Parameter::Request {
            return self.take_request(RequestId::encoded(value, self.preview.request_max));
        }
        self.lacking &= !parameter.bit();
        parameter.read(value, self.fields).ok_or(DecodeErrorKind::BadValue(parameter.field(wire)))
    }

    /// `None` is one that cannot be.
    fn take_request(&mut self, id: Option<RequestId<'a>>) -> Result<(), DecodeErrorKind> {
        let Some(id) = id else {
            return Err(DecodeErrorKind::BadValue(Parameter::Request.field(self.preview.wire)));
        };
        self.lacking &= !Parameter::Request.bit();
        self.fields.reply.request = id;
        Ok(())
    }

    /// Whether everything is there that must be. A failure need not say more than which request failed.
    fn complete(&self) -> Result<(), DecodeErrorKind> {
        let must = if self.fields.reply.status.is_success() { u16::MAX } else { Parameter::Request.bit() };
        match self.preview.first(self.message, self.lacking & must) {
            Some(field) => Err(DecodeErrorKind::Missing(field)),
            None => Ok(()),
        }
    }
}

/// A topic, and the list of properties behind it. It may be missing, with all that stands in front of it.
#[cfg(feature = "preview311")]
fn split(topic: &str) -> (&str, &str) {
    let at = topic.as_bytes().windows(2).position(|pair| pair == b"/?");
    let parts = at.and_then(|at| topic.split_at_checked(at));
    let parts = parts.and_then(|(stem, behind)| Some((stem, behind.strip_prefix("/?")?)));
    parts.unwrap_or((topic, ""))
}
