use super::open::bit;
use super::wire::{APPLICATION, List, PLAIN};
use super::{Kind, Message, Parameter, Preview, Wire};
use crate::channel::Variant;
use crate::dialect::name;
use crate::error::{EncodeError, Field};
use crate::message::{
    Command, Content, DesiredChanged, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPatch,
};
#[cfg(feature = "preview5")]
use crate::property::SystemProperty;
use crate::property::{Name, Properties, Property};
use crate::request::RequestId;
#[cfg(feature = "preview5")]
use crate::section::id;
use crate::status::Status;
use crate::text::Text;
use crate::word::cut;
use crate::write::Writer;

impl Preview {
    pub(in crate::dialect) fn put_telemetry(&self, telemetry: &Telemetry<'_>, out: &mut Writer<'_>) {
        // A hub of these dialects retains nothing.
        if telemetry.retain {
            out.fail(EncodeError::NotExpressible);
        }
        self.put_properties(Kind::Telemetry, &telemetry.properties, out);
    }

    pub(in crate::dialect) fn put_command(&self, command: &Command<'_>, out: &mut Writer<'_>) {
        self.put_properties(Kind::Command, &command.properties, out);
    }

    pub(in crate::dialect) fn put_method(&self, call: &MethodCall<'_>, out: &mut Writer<'_>) {
        self.put_request(Kind::Method, call.name, call.request, None, &call.content, out);
    }

    pub(in crate::dialect) fn put_twin_get(&self, get: &TwinGet<'_>, out: &mut Writer<'_>) {
        let kind = Kind::TwinGet(get.part);
        self.put_request(kind, "", get.request, get.known_version, &Content::JSON, out);
    }

    pub(in crate::dialect) fn put_twin_patch(&self, patch: &TwinPatch<'_>, out: &mut Writer<'_>) {
        self.put_request(Kind::TwinPatch, "", patch.request, patch.if_version, &Content::JSON, out);
    }

    pub(in crate::dialect) fn put_desired_changed(
        &self,
        variant: Variant,
        change: &DesiredChanged<'_>,
        out: &mut Writer<'_>,
    ) {
        let has = |variant| self.messages.iter().any(|message| message.kind == Kind::DesiredChanged(variant));
        let variant = if has(variant) { variant } else { Variant::Usual };
        let kind = Kind::DesiredChanged(variant);
        self.begin(kind, "", out).put_number(Parameter::Version, Some(change.version));
    }

    pub(in crate::dialect) fn put_reply(
        &self,
        operation: Operation<'_>,
        reply: &Reply<'_>,
        out: &mut Writer<'_>,
    ) {
        let status = reply.status;
        let (kind, name) = match operation {
            Operation::Method(name) => (Kind::MethodReply, name),
            Operation::TwinGet => (Kind::TwinGetReply, ""),
            Operation::TwinPatch => (Kind::TwinPatchReply, ""),
        };
        let code = if kind == Kind::MethodReply {
            reply.code.or(status.is_success().then_some(200))
        } else {
            // HTTP's number is left out: the status says the same, or else it is not the truth.
            if reply.code.is_some_and(|code| !status.is_http(code)) {
                out.fail(BAD_STATUS);
            }
            None
        };
        let code = code.map(|code| u64::try_from(code).map_err(|_| out.fail(BAD_STATUS)).unwrap_or_default());
        let mut sealing = self.begin(kind, name, out);
        sealing.put_request(reply.request, &reply.content);
        sealing.put_number(Parameter::Code, code);
        sealing.put_number(Parameter::Version, reply.version);
        // What the reference does not give to the status is not said.
        if status != Status::SUCCESS {
            sealing.put_status(status);
            let reason = reply.reason.as_ref().filter(|_| status.may_have_reason());
            sealing.put_text(Parameter::Reason, reason);
            let trace_id = reply.trace_id.as_ref().filter(|_| status.may_have_trace_id());
            sealing.put_text(Parameter::TraceId, trace_id);
        }
        sealing.put_content_behind(&reply.content);
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic if status.is_success() => sealing.end(),
            #[cfg(feature = "preview311")]
            Wire::Topic => {}
            #[cfg(feature = "preview5")]
            Wire::Section if status == Status::SUCCESS => sealing.end(),
            // Only with what was done a section says a version.
            #[cfg(feature = "preview5")]
            Wire::Section if reply.version.is_some() => sealing.fail(EncodeError::NotExpressible),
            #[cfg(feature = "preview5")]
            Wire::Section => {}
        }
    }

    fn put_request(
        &self,
        kind: Kind,
        name: &str,
        request: RequestId<'_>,
        version: Option<u64>,
        content: &Content<'_>,
        out: &mut Writer<'_>,
    ) {
        let mut sealing = self.begin(kind, name, out);
        sealing.put_request(request, content);
        sealing.put_number(Parameter::IfVersion, version);
        sealing.put_content_behind(content);
    }

    fn put_properties(&self, kind: Kind, properties: &Properties<'_>, out: &mut Writer<'_>) {
        let mut sealing = self.begin(kind, "", out);
        properties.iter().for_each(|property| sealing.put_property(property));
        sealing.end();
    }

    /// The topic of a message, up to its fields. Of one that this preview does not have there is nothing.
    fn begin<'w, 'b>(&self, kind: Kind, name: &str, out: &'w mut Writer<'b>) -> Sealing<'_, 'w, 'b> {
        let message = self.messages.iter().find(|message| message.kind == kind).unwrap_or(&Message::NONE);
        if message.topic.is_empty() {
            out.fail(EncodeError::NotExpressible);
        }
        match cut(message.topic, b'+') {
            None => out.put_str(message.topic),
            Some((before, behind)) => {
                if !name::is_method(name) {
                    out.fail(EncodeError::BadValue(Field::MethodName));
                }
                out.put_str(before);
                out.put_str(name);
                out.put_str(behind);
            }
        }
        match self.wire {
            // There always is a list, perhaps an empty one: clients subscribe to filters that end in `/+`.
            #[cfg(feature = "preview311")]
            Wire::Topic => out.put_str("/?"),
            #[cfg(feature = "preview5")]
            Wire::Section => out.end_topic(),
        }
        let lacking = message.required;
        Sealing { preview: self, message, list: List::new(self.wire, PLAIN, out), lacking, has_type: false }
    }
}

const BAD_STATUS: EncodeError = EncodeError::BadValue(Field::Status);

/// A message that is being written.
struct Sealing<'p, 'w, 'b> {
    preview: &'p Preview,
    message: &'p Message,
    list: List<'w, 'b>,
    /// What must be there, and is not yet.
    lacking: u16,
    /// Whether MQTT's Content Type has been written.
    has_type: bool,
}

impl Sealing<'_, '_, '_> {
    fn fail(&mut self, error: EncodeError) {
        self.list.out.fail(error);
    }

    /// Its name, if the message has such a parameter.
    fn admit(&mut self, parameter: Parameter) -> &'static str {
        if !self.message.has(parameter) {
            self.fail(EncodeError::NotExpressible);
        }
        self.lacking &= !parameter.bit();
        parameter.name(self.preview.wire)
    }

    fn put_number(&mut self, parameter: Parameter, number: Option<u64>) {
        if number.is_some() {
            let name = self.admit(parameter);
            self.list.put_number(name, number);
        }
    }

    /// Which request this is or answers; in a section behind what the payload is.
    fn put_request(&mut self, request: RequestId<'_>, content: &Content<'_>) {
        if request.len() > self.preview.request_max {
            self.fail(EncodeError::BadValue(Field::RequestId));
        }
        let name = self.admit(Parameter::Request);
        match self.preview.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => {
                _ = self.list.begin(name);
                request.put_encoded(PLAIN, self.list.out);
            }
            #[cfg(feature = "preview5")]
            Wire::Section => {
                self.put_content(content);
                let out = &mut *self.list.out;
                out.put_byte(id::CORRELATION_DATA);
                let block = out.begin_block();
                request.put(out);
                out.end_block(block);
            }
        }
    }

    /// What the payload is, in a list.
    fn put_content_behind(&mut self, content: &Content<'_>) {
        match self.preview.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => self.put_content(content),
            #[cfg(feature = "preview5")]
            Wire::Section => {}
        }
    }

    fn put_content(&mut self, content: &Content<'_>) {
        self.put_text(Parameter::MediaType, content.media_type.as_ref());
        self.put_text(Parameter::Encoding, content.encoding.as_ref());
    }

    fn put_text(&mut self, parameter: Parameter, text: Option<&Text<'_>>) {
        let Some(text) = text else { return };
        let name = self.admit(parameter);
        match self.preview.wire {
            #[cfg(feature = "preview5")]
            Wire::Section if parameter == Parameter::MediaType => self.list.put_content_type(text),
            #[cfg(feature = "preview5")]
            Wire::Section => self.list.put_text("", &Text::plain(name), text),
            #[cfg(feature = "preview311")]
            Wire::Topic => self.list.put_text("", &Text::plain(name), text),
        }
    }

    fn put_status(&mut self, status: Status) {
        let name = self.admit(Parameter::Said);
        let value = self.list.begin(name);
        self.list.out.put_hex(u32::from(status.code()), 4, b'A');
        self.list.end(value);
    }

    fn put_property(&mut self, property: Property<'_>) {
        let Property { name, value } = property;
        let name = match name {
            Name::Application(name) => return self.list.put_text(APPLICATION, &name, &value),
            #[cfg(feature = "preview5")]
            Name::System(SystemProperty::ContentType) if self.preview.wire == Wire::Section => {
                // MQTT has room for one.
                if self.has_type {
                    self.fail(EncodeError::NotExpressible);
                }
                self.has_type = true;
                return self.list.put_content_type(&value);
            }
            Name::System(name) => name,
        };
        let mut rows = self.preview.rows.iter().zip(0..);
        let Some((row, at)) = rows.find(|(row, at)| row.property == name && self.message.has_bit(bit(*at)))
        else {
            return self.fail(EncodeError::NotExpressible);
        };
        if row.check(value).is_err() {
            self.fail(EncodeError::BadValue(Field::Property(name)));
        }
        self.lacking &= !bit(at);
        self.list.put_text("", &Text::plain(row.name), &value);
    }

    fn end(&mut self) {
        if let Some(field) = self.preview.first(self.message, self.lacking) {
            self.fail(EncodeError::Missing(field));
        }
    }
}
