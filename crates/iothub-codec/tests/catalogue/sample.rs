//! A message of each kind, with as much in it as is asked for.

use iothub_codec::{
    Answer, Codec, Command, Content, DesiredChanged, DeviceId, Dialect, EncodeError, Identity, Input,
    MethodCall, ModuleId, Operation, OperationKind, OperationRow, Parameter, Properties, Publish, Qos, Reply,
    RequestId, Status, SystemProperty, Telemetry, Text, TwinGet, TwinPatch, ValueKind,
};

/// How much of what may be said is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Required,
    Everything,
}

pub(crate) fn codec(dialect: Dialect, kind: OperationKind) -> Codec<'static> {
    let device = DeviceId::new("dev-1").unwrap();
    let module = (kind == OperationKind::Input).then(|| ModuleId::new("mod-1").unwrap());
    Codec::new(dialect, Identity { device, module })
}

/// The properties that the row names, each with a value of its kind.
pub(crate) fn system_properties(row: &OperationRow, extent: Extent) -> Vec<(SystemProperty, &'static str)> {
    let rows = row.properties().filter(|each| each.required || extent == Extent::Everything);
    rows.map(|each| {
        let number = matches!(each.kind, ValueKind::Time | ValueKind::U32 | ValueKind::U64);
        let value = if number { "1" } else { "x" };
        (each.property, value)
    })
    .collect()
}

/// What begins the operation.
pub(crate) fn begin<'a>(
    dialect: Dialect,
    row: &OperationRow,
    system: &'a [(SystemProperty, &'a str)],
    extent: Extent,
    out: &'a mut [u8],
) -> Result<Publish<'a>, EncodeError> {
    let codec = codec(dialect, row.kind);
    let everything = extent == Extent::Everything;
    let version = (everything && !row.parameters.is_empty()).then_some(7);
    let application: &[_] = if everything { &[("app", "x")] } else { &[] };
    let properties = Properties::new(system, application);
    let request = RequestId::new(b"a1").unwrap();
    let qos = Qos::AtLeastOnce;
    match row.kind {
        OperationKind::Telemetry => codec.encode(&Telemetry { properties, qos, ..Telemetry::default() }, out),
        OperationKind::Command => codec.encode(&Command { payload: b"", properties, qos }, out),
        OperationKind::Input => {
            codec.encode(&Input { name: Text::plain("in"), payload: b"", properties, qos }, out)
        }
        OperationKind::Method => {
            let content = content(row.parameters, extent);
            codec.encode(&MethodCall { content, ..MethodCall::new(request, "m", b"") }, out)
        }
        OperationKind::TwinGet(part) => codec.encode(&TwinGet { request, part, known_version: version }, out),
        OperationKind::TwinPatch => {
            codec.encode(&TwinPatch { request, patch: b"{}", if_version: version }, out)
        }
        OperationKind::DesiredChanged => {
            codec.encode(&DesiredChanged { version: 7, patch: b"{}", qos: Qos::AtMostOnce }, out)
        }
        kind => panic!("no sample of {kind}"),
    }
}

/// What answers it with a success, where a message does.
pub(crate) fn answer<'a>(
    dialect: Dialect,
    row: &OperationRow,
    extent: Extent,
    out: &'a mut [u8],
) -> Option<Result<Publish<'a>, EncodeError>> {
    let Answer::Reply { parameters, .. } = row.answer else { return None };
    let version = parameters.iter().any(|each| {
        matches!(each.name, "v" | "version" | "$version") && (each.required || extent == Extent::Everything)
    });
    let reply = Reply {
        code: (row.kind == OperationKind::Method).then_some(200),
        version: version.then_some(7),
        content: content(parameters, extent),
        ..Reply::new(RequestId::new(b"a1").unwrap(), Status::SUCCESS)
    };
    Some(codec(dialect, row.kind).encode_reply(operation(row.kind), &reply, out))
}

/// What answers it with that status, with all that may be said about it.
pub(crate) fn refusal<'a>(
    dialect: Dialect,
    row: &OperationRow,
    status: Status,
    out: &'a mut [u8],
) -> Result<Publish<'a>, EncodeError> {
    let said = !row.refusal.is_empty();
    let reply = Reply {
        reason: (said && status.may_have_reason()).then_some(Text::plain("x")),
        trace_id: (said && status.may_have_trace_id()).then_some(Text::plain("x")),
        ..Reply::new(RequestId::new(b"a1").unwrap(), status)
    };
    codec(dialect, row.kind).encode_reply(operation(row.kind), &reply, out)
}

fn operation(kind: OperationKind) -> Operation<'static> {
    if kind == OperationKind::Method {
        Operation::Method("m")
    } else if kind == OperationKind::TwinPatch {
        Operation::TwinPatch
    } else {
        Operation::TwinGet
    }
}

/// What the payload is, as far as there are parameters for it.
fn content(parameters: &[Parameter], extent: Extent) -> Content<'static> {
    let text = |names: [&str; 2]| {
        let named = parameters.iter().any(|each| names.contains(&each.name));
        (named && extent == Extent::Everything).then_some(Text::plain("x"))
    };
    Content { media_type: text(["ct", "Content Type"]), encoding: text(["ce", "content-encoding"]) }
}
