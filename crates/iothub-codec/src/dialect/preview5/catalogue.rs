use super::property::PROPERTIES;
use super::{
    COMMANDS, Code, IfVersion, METHOD, MediaType, RESPONSES, ROOT, Reason, Request, Said, TELEMETRY,
    TWIN_DESIRED, TWIN_GET, TWIN_PATCH, TraceId, Version,
};
use crate::catalogue::{
    Answer, Carried, Direction, OperationKind, OperationRow, Parameter, TWIN_GET_STATUSES,
    TWIN_PATCH_STATUSES, TopicPattern, ValueKind,
};
use crate::message::TwinPart;
use crate::publish::Qos;
use crate::status::Status;

/// As MQTT calls it.
const CORRELATION: Option<&str> = Some(Request.long());

/// MQTT's own property, which may stand with any payload.
const CONTENT_TYPE: Parameter = Parameter::optional(MediaType.long(), ValueKind::Text);

/// How a refusal is told, in a reply and in an acknowledgement.
const REFUSAL: &[Parameter] = &[
    Parameter::required(Said.long(), ValueKind::Status),
    Parameter::optional(Reason.long(), ValueKind::Text),
    Parameter::optional(TraceId.long(), ValueKind::Text),
];

const TELEMETRY_STATUSES: &[Status] = &[
    Status::BAD_REQUEST,
    Status::NOT_AUTHORIZED,
    Status::NOT_ALLOWED,
    Status::SERVER_ERROR,
    Status::THROTTLED,
    Status::QUOTA_EXCEEDED,
    Status::TIMEOUT,
    Status::SERVER_BUSY,
];

pub(in crate::dialect) const OPERATIONS: &[OperationRow] = &[
    OperationRow {
        statuses: TELEMETRY_STATUSES,
        refusal: REFUSAL,
        carried: Carried::Telemetry(PROPERTIES),
        ..OperationRow::message(OperationKind::Telemetry, Direction::ToHub, TopicPattern(&[ROOT, TELEMETRY]))
    },
    OperationRow {
        // Abandon, and reject.
        statuses: &[Status::SERVER_BUSY, Status::BAD_REQUEST],
        refusal: REFUSAL,
        carried: Carried::Command(PROPERTIES),
        ..OperationRow::message(OperationKind::Command, Direction::ToDevice, TopicPattern(&[ROOT, COMMANDS]))
    },
    OperationRow {
        parameters: &[CONTENT_TYPE],
        statuses: &[Status::TARGET_UNAVAILABLE],
        refusal: REFUSAL,
        ..request(
            OperationKind::Method,
            Direction::ToDevice,
            TopicPattern(&[ROOT, METHOD, "{name}"]),
            &[Parameter::required(Code.long(), ValueKind::U32), CONTENT_TYPE],
        )
    },
    OperationRow {
        statuses: TWIN_GET_STATUSES,
        refusal: REFUSAL,
        ..request(
            OperationKind::TwinGet(TwinPart::Whole),
            Direction::ToHub,
            TopicPattern(&[ROOT, TWIN_GET]),
            &[],
        )
    },
    OperationRow {
        parameters: &[Parameter::optional(IfVersion.long(), ValueKind::U64)],
        statuses: TWIN_PATCH_STATUSES,
        refusal: REFUSAL,
        ..request(
            OperationKind::TwinPatch,
            Direction::ToHub,
            TopicPattern(&[ROOT, TWIN_PATCH]),
            &[Parameter::required(Version.long(), ValueKind::U64)],
        )
    },
    OperationRow {
        parameters: &[Parameter::required(Version.long(), ValueKind::U64)],
        ..OperationRow::message(
            OperationKind::DesiredChanged,
            Direction::ToDevice,
            TopicPattern(&[ROOT, TWIN_DESIRED]),
        )
    },
];

/// Answered on the topic that all answers have.
const fn request(
    kind: OperationKind,
    direction: Direction,
    topic: TopicPattern,
    parameters: &'static [Parameter],
) -> OperationRow {
    OperationRow {
        qos: Qos::AtMostOnce,
        correlation: CORRELATION,
        answer: Answer::Reply { topic: TopicPattern(&[ROOT, RESPONSES]), parameters },
        ..OperationRow::message(kind, direction, topic)
    }
}
