use super::property::NAMES;
use super::{
    COMMANDS, EVENTS, INPUTS, METHOD, METHOD_REPLY, REQUEST_ID, TWIN_DESIRED, TWIN_GET, TWIN_PATCH,
    TWIN_REPLY, VERSION,
};
use crate::catalogue::{
    Answer, Carried, Direction, OperationKind, OperationRow, Parameter, TWIN_GET_STATUSES,
    TWIN_PATCH_STATUSES, TopicPattern, ValueKind,
};
use crate::message::TwinPart;
use crate::publish::Qos;

/// What stands in front of the topics of messages.
const DEVICE: &str = "devices/{device}[/modules/{module}]";
const MODULE: &str = "devices/{device}/modules/{module}";

pub(in crate::dialect) const OPERATIONS: &[OperationRow] = &[
    message(OperationKind::Telemetry, Direction::ToHub, TopicPattern(&[DEVICE, EVENTS, "/{properties}"])),
    message(OperationKind::Command, Direction::ToDevice, TopicPattern(&[DEVICE, COMMANDS, "{properties}"])),
    message(
        OperationKind::Input,
        Direction::ToDevice,
        TopicPattern(&[MODULE, INPUTS, "{input}/{properties}"]),
    ),
    OperationRow {
        kind: OperationKind::Method,
        direction: Direction::ToDevice,
        topic: TopicPattern(&[METHOD, "{name}/"]),
        qos: Qos::AtMostOnce,
        correlation: Some(REQUEST_ID),
        parameters: &[],
        answer: Answer::Reply { topic: TopicPattern(&[METHOD_REPLY, "{code}/"]), parameters: &[] },
        statuses: &[],
        refusal: &[],
        carried: Carried::Nothing,
    },
    OperationRow {
        kind: OperationKind::TwinGet(TwinPart::Whole),
        direction: Direction::ToHub,
        topic: TopicPattern(&[TWIN_GET]),
        qos: Qos::AtLeastOnce,
        correlation: Some(REQUEST_ID),
        parameters: &[],
        answer: Answer::Reply { topic: TopicPattern(&[TWIN_REPLY, "{code}/"]), parameters: &[] },
        statuses: TWIN_GET_STATUSES,
        refusal: &[],
        carried: Carried::Nothing,
    },
    OperationRow {
        kind: OperationKind::TwinPatch,
        direction: Direction::ToHub,
        topic: TopicPattern(&[TWIN_PATCH]),
        qos: Qos::AtLeastOnce,
        correlation: Some(REQUEST_ID),
        parameters: &[Parameter::optional(VERSION, ValueKind::U64)],
        answer: Answer::Reply {
            topic: TopicPattern(&[TWIN_REPLY, "{code}/"]),
            parameters: &[Parameter::optional(VERSION, ValueKind::U64)],
        },
        statuses: TWIN_PATCH_STATUSES,
        refusal: &[],
        carried: Carried::Nothing,
    },
    OperationRow {
        kind: OperationKind::DesiredChanged,
        direction: Direction::ToDevice,
        topic: TopicPattern(&[TWIN_DESIRED]),
        qos: Qos::AtLeastOnce,
        correlation: None,
        parameters: &[Parameter::required(VERSION, ValueKind::U64)],
        answer: Answer::Acknowledgement,
        statuses: &[],
        refusal: &[],
        carried: Carried::Nothing,
    },
];

const fn message(kind: OperationKind, direction: Direction, topic: TopicPattern) -> OperationRow {
    OperationRow { carried: Carried::Any(NAMES), ..OperationRow::message(kind, direction, topic) }
}
