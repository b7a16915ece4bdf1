use super::open::with_bits;
use super::row::Says;
use super::wire::{APPLICATION, List, PLAIN, Value};
use super::{Kind, Message, Parameter, Row, Tables, Wire};
use crate::byte_set::ByteSet;
use crate::channel::Variant;
use crate::dialect::{classic, name};
use crate::error::{EncodeError, Field};
use crate::message::{Command, DesiredChanged, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPatch};
use crate::property::{Name, Properties};
use crate::request::RequestId;
use crate::section::id;
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

/// What a message without properties is, beside what it says.
struct Call<'a> {
    kind: Kind,
    /// Of a method.
    name: &'a str,
    /// The number of an answer, where the topic has one.
    code: i32,
    /// The version that something must have, or is known to have.
    if_version: Option<u64>,
}

impl Call<'_> {
    const fn of(kind: Kind) -> Self {
        Self { kind, name: "", code: 0, if_version: None }
    }
}

impl Tables {
    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_telemetry(&self, telemetry: &Telemetry<'_>, out: &mut Writer<'_>) {
        // A hub of these dialects retains nothing.
        if telemetry.retain {
            out.fail(EncodeError::NotExpressible);
        }
        self.put_properties(Kind::Telemetry, &telemetry.properties, out);
    }

    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_command(&self, command: &Command<'_>, out: &mut Writer<'_>) {
        self.put_properties(Kind::Command, &command.properties, out);
    }

    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_method(&self, call: &MethodCall<'_>, out: &mut Writer<'_>) {
        let said = Reply { content: call.content, ..Reply::new(call.request, Status::SUCCESS) };
        self.put_parameters(&Call { name: call.name, ..Call::of(Kind::Method) }, &said, out);
    }

    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_twin_get(&self, get: &TwinGet<'_>, out: &mut Writer<'_>) {
        self.put_request(Kind::twin_get(get.part), get.request, get.known_version, out);
    }

    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_twin_patch(&self, patch: &TwinPatch<'_>, out: &mut Writer<'_>) {
        self.put_request(Kind::TwinPatch, patch.request, patch.if_version, out);
    }

    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_desired_changed(
        &self,
        variant: Variant,
        change: &DesiredChanged<'_>,
        out: &mut Writer<'_>,
    ) {
        let wanted = Kind::desired_changed(variant);
        let has_it = self.messages.iter().any(|message| message.kind == wanted);
        let kind = if has_it { wanted } else { Kind::DesiredChanged };
        let said =
            Reply { version: Some(change.version), ..Reply::new(RequestId::from_u32(0), Status::SUCCESS) };
        self.put_parameters(&Call::of(kind), &said, out);
    }

    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn put_reply(
        &self,
        operation: Operation<'_>,
        reply: &Reply<'_>,
        out: &mut Writer<'_>,
    ) {
        let (kind, name) = match operation {
            Operation::Method(name) => (Kind::MethodReply, name),
            _ if self.is_classic() => (Kind::TwinReply, ""),
            Operation::TwinGet => (Kind::TwinGetReply, ""),
            Operation::TwinPatch => (Kind::TwinPatchReply, ""),
        };
        let code = if self.is_classic() {
            classic::reply_code(operation, reply, out)
        } else {
            // HTTP's number is left out in answers of the hub: the status says the same, or else it is not the truth.
            let is_good =
                |code| if kind == Kind::MethodReply { code >= 0 } else { reply.status.is_http(code) };
            if !reply.code.is_none_or(is_good) {
                out.fail(EncodeError::BadValue(Field::Status));
            }
            0
        };
        self.put_parameters(&Call { name, code, ..Call::of(kind) }, reply, out);
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn put_request(&self, kind: Kind, request: RequestId<'_>, if_version: Option<u64>, out: &mut Writer<'_>) {
        let said = Reply::new(request, Status::SUCCESS);
        self.put_parameters(&Call { if_version, ..Call::of(kind) }, &said, out);
    }

    /// A message without properties. What it says besides is what a reply could.
    fn put_parameters(&self, call: &Call<'_>, said: &Reply<'_>, out: &mut Writer<'_>) {
        let message = self.begin(call, out);
        let mut list = self.list(out);
        let is_good = said.request.len() <= usize::from(self.request_max);
        if !is_good || (self.is_classic() && !said.request.is_word()) {
            list.out.fail(EncodeError::BadValue(Field::RequestId));
        }
        let mut lacking = message.required;
        for (row, bit) in with_bits(self.parameters) {
            let Says::Parameter(parameter) = row.says else { continue };
            let Some(value) = value(parameter, call, said) else { continue };
            if message.has_bit(bit) {
                list.put(row.id, "", row.name(), &value);
                lacking &= !bit;
            } else {
                list.out.fail(EncodeError::NotExpressible);
            }
        }
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic if said.status.is_success() => self.finish(message, lacking, out),
            #[cfg(feature = "preview311")]
            Wire::Topic => {}
            #[cfg(feature = "preview5")]
            Wire::Section if said.status == Status::SUCCESS => self.finish(message, lacking, out),
            // Only with what was done a section says a version.
            #[cfg(feature = "preview5")]
            Wire::Section if said.version.is_some() => out.fail(EncodeError::NotExpressible),
            #[cfg(feature = "preview5")]
            Wire::Section => {}
            Wire::Path => {}
        }
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn put_properties(&self, kind: Kind, properties: &Properties<'_>, out: &mut Writer<'_>) {
        let message = self.begin(&Call::of(kind), out);
        let mut list = self.list(out);
        let mut said = 0;
        for property in properties.iter() {
            let value = Value::Text(property.value);
            let system = match &property.name {
                Name::Application(name) => {
                    list.put(id::USER, APPLICATION, *name, &value);
                    continue;
                }
                Name::System(system) => *system,
            };
            let is_it = |row: &Row| row.says == Says::Property(system);
            let mut rows = with_bits(self.properties);
            let Some((row, bit)) = rows.find(|(row, bit)| is_it(row) && message.has_bit(*bit)) else {
                list.out.fail(EncodeError::NotExpressible);
                continue;
            };
            if row.number(property.value).is_none() {
                list.out.fail(EncodeError::BadValue(row.field(self.wire)));
            }
            // MQTT has room for one of its own.
            if row.id != id::USER && said & bit != 0 {
                list.out.fail(EncodeError::NotExpressible);
            }
            said |= bit;
            list.put(row.id, "", row.name(), &value);
        }
        self.finish(message, message.required & !said, out);
    }

    /// The topic of a message, up to its fields. Of one that this preview does not have there is nothing.
    fn begin(&self, call: &Call<'_>, out: &mut Writer<'_>) -> &'static Message {
        let message = self.messages.iter().find(|message| message.kind == call.kind);
        let message = message.unwrap_or(&Message::NONE);
        let (before, behind) = message.around_name();
        if before.is_empty() {
            out.fail(EncodeError::NotExpressible);
        }
        out.put_str(self.root.as_str());
        out.put_str(before);
        if let Some(behind) = behind {
            if self.is_classic() && call.kind != Kind::Method {
                classic::put_signed(call.code, out);
            } else {
                if !name::is_method(call.name) {
                    out.fail(EncodeError::BadValue(Field::MethodName));
                }
                out.put_str(call.name);
            }
            out.put_str(behind);
        }
        match self.wire {
            // There always is a list, perhaps an empty one: clients subscribe to filters that end in `/+`.
            #[cfg(feature = "preview311")]
            Wire::Topic => out.put_str("/?"),
            #[cfg(feature = "preview5")]
            Wire::Section => out.end_topic(),
            Wire::Path => out.put_byte(b'?'),
        }
        message
    }

    fn list<'w, 'b>(&self, out: &'w mut Writer<'b>) -> List<'w, 'b> {
        List::new(self.wire, if self.is_classic() { ByteSet::WORD } else { PLAIN }, out)
    }

    fn finish(&self, message: &Message, lacking: u16, out: &mut Writer<'_>) {
        if let Some(field) = self.first(message, lacking, true) {
            out.fail(EncodeError::Missing(field));
        }
    }
}

/// What is said of a parameter.
#[cfg_attr(feature = "fast", inline)]
#[cfg_attr(not(feature = "fast"), inline(never))]
fn value<'a>(parameter: Parameter, call: &Call<'_>, said: &Reply<'a>) -> Option<Value<'a>> {
    let status = said.status;
    let text = |text: Option<Text<'a>>| text.map(Value::Text);
    match parameter {
        Parameter::Request => call.kind.has_request().then_some(Value::Request(said.request)),
        Parameter::Version => said.version.map(Value::Number),
        Parameter::IfVersion => call.if_version.map(Value::Number),
        Parameter::Code if call.kind == Kind::MethodReply => {
            let code = said.code.or(status.is_success().then_some(200))?;
            Some(Value::Number(u64::try_from(code).unwrap_or_default()))
        }
        Parameter::Code => None,
        Parameter::Said => (status != Status::SUCCESS).then_some(Value::Status(status)),
        // What the reference does not give to the status is not said.
        Parameter::Reason => text(said.reason.filter(|_| status.may_have_reason())),
        Parameter::TraceId => text(said.trace_id.filter(|_| status.may_have_trace_id())),
        Parameter::MediaType => text(said.content.media_type),
        Parameter::Encoding => text(said.content.encoding),
    }
}
