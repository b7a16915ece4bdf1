use super::{
    COMMANDS, DESIRED, METHODS, ROOT, TELEMETRY, TWIN_GET, TWIN_GET_DESIRED, TWIN_GET_REPLY,
    TWIN_GET_REPORTED, TWIN_PATCH, TWIN_PATCH_REPLY, properties,
};
use crate::catalogue::{
    Answer, Carried, Direction, OperationKind, OperationRow, Parameter, TWIN_GET_STATUSES,
    TWIN_PATCH_STATUSES, TopicPattern, ValueKind,
};
use crate::dialect::tables::Parameter::{
    Code, Encoding, IfVersion, MediaType, Reason, Request, Said, TraceId, Version,
};
use crate::message::TwinPart;
use crate::publish::Qos;
use crate::status::Status;

pub(in crate::dialect) const OPERATIONS: &[OperationRow] = &[
    OperationRow {
        carried: Carried::Telemetry(properties::PROPERTIES),
        ..OperationRow::message(OperationKind::Telemetry, Direction::ToHub, TopicPattern(&[ROOT, TELEMETRY]))
    },
    OperationRow {
        carried: Carried::Command(properties::PROPERTIES),
        ..OperationRow::message(OperationKind::Command, Direction::ToDevice, TopicPattern(&[ROOT, COMMANDS]))
    },
    OperationRow {
        parameters: CONTENT,
        statuses: &[Status::TARGET_UNAVAILABLE],
        ..request(
            OperationKind::Method,
            Direction::ToDevice,
            TopicPattern(&[ROOT, METHODS, "{name}"]),
            Answer::Reply {
                topic: TopicPattern(&[ROOT, METHODS, "{name}", "/response"]),
                parameters: &[
                    Parameter::required(Code.short(), ValueKind::U32),
                    Parameter::optional(MediaType.short(), ValueKind::Text),
                    Parameter::optional(Encoding.short(), ValueKind::Text),
                ],
            },
        )
    },
    OperationRow {
        statuses: TWIN_GET_STATUSES,
        ..request(
            OperationKind::TwinGet(TwinPart::Whole),
            Direction::ToHub,
            TopicPattern(&[ROOT, TWIN_GET]),
            GET_ANSWER,
        )
    },
    section(TwinPart::Reported, TopicPattern(&[ROOT, TWIN_GET_REPORTED])),
    section(TwinPart::Desired, TopicPattern(&[ROOT, TWIN_GET_DESIRED])),
    OperationRow {
        parameters: CONDITION,
        statuses: TWIN_PATCH_STATUSES,
        ..request(
            OperationKind::TwinPatch,
            Direction::ToHub,
            TopicPattern(&[ROOT, TWIN_PATCH]),
            Answer::Reply {
                topic: TopicPattern(&[ROOT, TWIN_PATCH_REPLY]),
                parameters: &[Parameter::required(Version.short(), ValueKind::U64)],
            },
        )
    },
    OperationRow {
        parameters: &[Parameter::required(Version.short(), ValueKind::U64)],
        ..OperationRow::message(
            OperationKind::DesiredChanged,
            Direction::ToDevice,
            TopicPattern(&[ROOT, DESIRED]),
        )
    },
];

const CONTENT: &[Parameter] = &[
    Parameter::optional(MediaType.short(), ValueKind::Text),
    Parameter::optional(Encoding.short(), ValueKind::Text),
];
const REFUSAL: &[Parameter] = &[
    Parameter::required(Said.short(), ValueKind::Status),
    Parameter::optional(Reason.short(), ValueKind::Text),
    Parameter::optional(TraceId.short(), ValueKind::Text),
];
const CONDITION: &[Parameter] = &[Parameter::optional(IfVersion.short(), ValueKind::U64)];

const GET_ANSWER: Answer = Answer::Reply {
    topic: TopicPattern(&[ROOT, TWIN_GET_REPLY]),
    parameters: &[Parameter::optional(Version.short(), ValueKind::U64)],
};

const SECTION_STATUSES: &[Status] = &[
    Status::NOT_MODIFIED,
    Status::BAD_REQUEST,
    Status::NOT_FOUND,
    Status::SERVER_ERROR,
    Status::THROTTLED,
    Status::QUOTA_EXCEEDED,
];

const fn section(part: TwinPart, topic: TopicPattern) -> OperationRow {
    OperationRow {
        parameters: CONDITION,
        statuses: SECTION_STATUSES,
        ..request(OperationKind::TwinGet(part), Direction::ToHub, topic, GET_ANSWER)
    }
}

const fn request(
    kind: OperationKind,
    direction: Direction,
    topic: TopicPattern,
    answer: Answer,
) -> OperationRow {
    let correlation = Some(Request.short());
    OperationRow {
        qos: Qos::AtMostOnce,
        correlation,
        answer,
        refusal: REFUSAL,
        ..OperationRow::message(kind, direction, topic)
    }
}
