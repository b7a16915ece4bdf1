use super::row::Says;
use super::wire::{APPLICATION, List, PLAIN, Value};
use super::{Kind, Message, Parameter, Preview, Row, Wire};
use crate::channel::Variant;
use crate::dialect::name;
use crate::error::{EncodeError, Field};
use crate::message::{Command, DesiredChanged, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPatch};
use crate::property::{Name, Properties, Property};
use crate::request::RequestId;
use crate::section::id;
use crate::status::Status;
use crate::text::Text;
use crate::word::halves;
use crate::write::Writer;

impl Preview {
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
        self.put_parameters(Kind::Method, call.name, None, &said, out);
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
        self.put_parameters(kind, "", None, &said, out);
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
            Operation::TwinGet => (Kind::TwinGetReply, ""),
            Operation::TwinPatch => (Kind::TwinPatchReply, ""),
        };
        // HTTP's number is left out in answers of the hub: the status says the same, or else it is not the truth.
        let is_good = |code| if kind == Kind::MethodReply { code >= 0 } else { reply.status.is_http(code) };
        if !reply.code.is_none_or(is_good) {
            out.fail(EncodeError::BadValue(Field::Status));
        }
        self.put_parameters(kind, name, None, reply, out);
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn put_request(&self, kind: Kind, request: RequestId<'_>, if_version: Option<u64>, out: &mut Writer<'_>) {
        let said = Reply::new(request, Status::SUCCESS);
        self.put_parameters(kind, "", if_version, &said, out);
    }

    /// A message without properties. What it says besides is what a reply could.
    fn put_parameters(
        &self,
        kind: Kind,
        name: &str,
        if_version: Option<u64>,
        said: &Reply<'_>,
        out: &mut Writer<'_>,
    ) {
        let (message, mut list) = self.begin(kind, name, out);
        if said.request.len() > self.request_max {
            list.out.fail(EncodeError::BadValue(Field::RequestId));
        }
        let mut lacking = message.required;
        for (row, bit) in self.rows(message) {
            let Says::Parameter(parameter) = row.says else { continue };
            let Some(value) = value(parameter, kind, if_version, said) else { continue };
            if message.has_bit(bit) {
                list.put(row.id, "", row.name(), &value);
                lacking &= !bit;
            } else if parameter != Parameter::Request {
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
        }
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn put_properties(&self, kind: Kind, properties: &Properties<'_>, out: &mut Writer<'_>) {
        let (message, mut list) = self.begin(kind, "", out);
        let mut said = 0;
        for Property { name, value } in properties.iter() {
            let system = match name {
                Name::Application(name) => {
                    list.put(id::USER, APPLICATION, name, &Value::Text(value));
                    continue;
                }
                Name::System(system) => system,
            };
            let mut rows = self.rows(message);
            let is_it = |row: &Row| row.says == Says::Property(system);
            let Some((row, bit)) = rows.find(|(row, bit)| is_it(row) && message.has_bit(*bit)) else {
                list.out.fail(EncodeError::NotExpressible);
                continue;
            };
            if row.number(value).is_none() {
                list.out.fail(EncodeError::BadValue(row.field(self.wire)));
            }
            // MQTT has room for one of its own.
            if row.id != id::USER && said & bit != 0 {
                list.out.fail(EncodeError::NotExpressible);
            }
            said |= bit;
            list.put(row.id, "", row.name(), &Value::Text(value));
        }
        self.finish(message, message.required & !said, out);
    }

    /// The topic of a message, up to its fields. Of one that this preview does not have there is nothing.
    fn begin<'w, 'b>(
        &self,
        kind: Kind,
        name: &str,
        out: &'w mut Writer<'b>,
    ) -> (&'static Message, List<'w, 'b>) {
        let message = self.messages.iter().find(|message| message.kind == kind);
        let message = message.unwrap_or(&Message::NONE);
        let topic = message.topic.as_str();
        if topic.is_empty() {
            out.fail(EncodeError::NotExpressible);
        }
        let (before, behind) = halves(topic, b'+');
        out.put_str(self.root.as_str());
        out.put_str(before);
        if message.has_name() {
            if !name::is_method(name) {
                out.fail(EncodeError::BadValue(Field::MethodName));
            }
            out.put_str(name);
        }
        out.put_str(behind);
        match self.wire {
            // There always is a list, perhaps an empty one: clients subscribe to filters that end in `/+`.
            #[cfg(feature = "preview311")]
            Wire::Topic => out.put_str("/?"),
            #[cfg(feature = "preview5")]
            Wire::Section => out.end_topic(),
        }
        (message, List::new(self.wire, PLAIN, out))
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
fn value<'a>(
    parameter: Parameter,
    kind: Kind,
    if_version: Option<u64>,
    said: &Reply<'a>,
) -> Option<Value<'a>> {
    let status = said.status;
    let text = |text: Option<Text<'a>>| text.map(Value::Text);
    match parameter {
        Parameter::Request => Some(Value::Request(said.request)),
        Parameter::Version => said.version.map(Value::Number),
        Parameter::IfVersion => if_version.map(Value::Number),
        Parameter::Code if kind == Kind::MethodReply => {
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
