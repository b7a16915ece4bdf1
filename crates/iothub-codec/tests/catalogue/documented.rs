use iothub_codec::OperationKind::{Command, DesiredChanged, Method, Telemetry, TwinGet, TwinPatch};
use iothub_codec::ValueKind::{Text, Time, U32, U64};
use iothub_codec::{Answer, Dialect, OperationKind, Parameter, TwinPart, ValueKind, Version};

type Documented = &'static [(&'static str, ValueKind, bool)];

/// The tables of both references of the previews, operation by operation.
#[test]
fn messages_have_the_properties_that_are_documented() {
    let az_telemetry: Documented = &[
        ("ct", Text, false),
        ("ce", Text, false),
        ("mid", Text, false),
        ("uid", Text, false),
        ("cid", Text, false),
        ("crt", Time, false),
        ("dts", Text, false),
        ("traceparent", Text, false),
        ("tracestate", Text, false),
    ];
    let az_command: Documented = &[
        ("sn", U64, true),
        ("et", Time, true),
        ("ent", Time, true),
        ("dc", U32, true),
        ("ct", Text, false),
        ("ce", Text, false),
        ("crt", Time, false),
        ("mid", Text, false),
        ("uid", Text, false),
        ("cid", Text, false),
    ];
    let mqtt5_command: Documented = &[
        ("sequence-no", U64, true),
        ("enqueued-time", Time, true),
        ("delivery-count", U32, true),
        ("creation-time", Time, false),
        ("message-id", Text, false),
        ("user-id", Text, false),
        ("correlation-id", Text, false),
        ("Content Type", Text, false),
        ("content-encoding", Text, false),
    ];
    let mqtt5_telemetry: Documented = &[
        ("Content Type", Text, false),
        ("content-encoding", Text, false),
        ("message-id", Text, false),
        ("user-id", Text, false),
        ("correlation-id", Text, false),
        ("creation-time", Time, false),
    ];
    for (dialect, kind, expected) in [
        (Dialect::Preview311, Telemetry, az_telemetry),
        (Dialect::Preview311, Command, az_command),
        (Dialect::Preview311, Method, &[]),
        (Dialect::Preview311, TwinGet(TwinPart::Whole), &[]),
        (Dialect::Preview311, TwinPatch, &[]),
        (Dialect::Preview311, DesiredChanged, &[]),
        (Dialect::Preview5, Telemetry, mqtt5_telemetry),
        (Dialect::Preview5, Command, mqtt5_command),
        (Dialect::Preview5, Method, &[]),
        (Dialect::Preview5, TwinGet(TwinPart::Whole), &[]),
        (Dialect::Preview5, TwinPatch, &[]),
        (Dialect::Preview5, DesiredChanged, &[]),
    ] {
        let row = dialect.operation(kind).unwrap();
        let found = row.properties().map(|each| (each.name, each.kind, each.required));
        assert_same(found, expected, &format!("{dialect:?} {kind}"));
    }
}

/// Beside the request id, and what the documents only show in samples: the content type of a method in MQTT 5, and
/// the version that makes a section of the twin be found not modified.
#[test]
fn operations_have_the_parameters_that_are_documented() {
    let content: Documented = &[("ct", Text, false), ("ce", Text, false)];
    let az_answered: Documented = &[("rc", U32, true), ("ct", Text, false), ("ce", Text, false)];
    let mqtt5_answered: Documented = &[("response-code", U32, true), ("Content Type", Text, false)];
    type Row = (Dialect, OperationKind, Documented, Option<Documented>);
    let az = |kind, asked: Documented, answered: Option<Documented>| -> Row {
        (Dialect::Preview311, kind, asked, answered)
    };
    let mqtt5 = |kind, asked: Documented, answered: Option<Documented>| -> Row {
        (Dialect::Preview5, kind, asked, answered)
    };
    let known: Documented = &[("iv", U64, false)];
    let version: Documented = &[("v", U64, false)];
    for (dialect, kind, asked, answered) in [
        az(Telemetry, &[][..], None),
        az(Command, &[], None),
        az(Method, content, Some(az_answered)),
        az(TwinGet(TwinPart::Reported), known, Some(version)),
        az(TwinGet(TwinPart::Desired), known, Some(version)),
        az(TwinPatch, &[("iv", U64, false)], Some(&[("v", U64, true)])),
        az(DesiredChanged, &[("v", U64, true)], None),
        mqtt5(Telemetry, &[], None),
        mqtt5(Command, &[], None),
        mqtt5(Method, &[("Content Type", Text, false)], Some(mqtt5_answered)),
        mqtt5(TwinGet(TwinPart::Whole), &[], Some(&[])),
        mqtt5(TwinPatch, &[("if-version", U64, false)], Some(&[("version", U64, true)])),
        mqtt5(DesiredChanged, &[("version", U64, true)], None),
    ] {
        let what = format!("{dialect:?} {kind}");
        let row = dialect.operation(kind).unwrap();
        assert_same(row.parameters.iter().map(triple), asked, &what);
        match (row.answer, answered) {
            (Answer::Acknowledgement, None) => {}
            (Answer::Reply { parameters, .. }, Some(answered)) => {
                assert_same(parameters.iter().map(triple), answered, &what);
            }
            (answer, _) => panic!("{what} is answered by {answer:?}"),
        }
    }
}

#[test]
fn requests_are_found_again_by_the_documented_name() {
    for (dialect, name) in
        [(Dialect::Classic, "$rid"), (Dialect::Preview311, "rid"), (Dialect::Preview5, "Correlation Data")]
    {
        for row in dialect.operations() {
            let replied = matches!(row.answer, Answer::Reply { .. });
            assert_eq!(row.correlation, replied.then_some(name), "{dialect:?} {}", row.kind);
        }
    }
}

#[test]
fn topics_are_the_documented_ones() {
    let (whole, reported, desired) =
        (TwinGet(TwinPart::Whole), TwinGet(TwinPart::Reported), TwinGet(TwinPart::Desired));
    let expected: &[(Dialect, OperationKind, &str, Option<&str>)] = &[
        (Dialect::Preview311, Telemetry, "$az/iot/telemetry", None),
        (Dialect::Preview311, Command, "$az/iot/commands", None),
        (Dialect::Preview311, Method, "$az/iot/methods/{name}", Some("$az/iot/methods/{name}/response")),
        (Dialect::Preview311, whole, "$az/iot/twin/get", Some("$az/iot/twin/get/response")),
        (Dialect::Preview311, reported, "$az/iot/twin/get/reported", Some("$az/iot/twin/get/response")),
        (Dialect::Preview311, desired, "$az/iot/twin/get/desired", Some("$az/iot/twin/get/response")),
        (Dialect::Preview311, TwinPatch, "$az/iot/twin/patch/reported", Some("$az/iot/twin/patch/response")),
        (Dialect::Preview311, DesiredChanged, "$az/iot/twin/events/desired-changed", None),
        (Dialect::Preview5, Telemetry, "$iothub/telemetry", None),
        (Dialect::Preview5, Command, "$iothub/commands", None),
        (Dialect::Preview5, Method, "$iothub/methods/{name}", Some("$iothub/responses")),
        (Dialect::Preview5, whole, "$iothub/twin/get", Some("$iothub/responses")),
        (Dialect::Preview5, TwinPatch, "$iothub/twin/patch/reported", Some("$iothub/responses")),
        (Dialect::Preview5, DesiredChanged, "$iothub/twin/patch/desired", None),
    ];
    for (dialect, kind, topic, replied) in expected {
        let row = dialect.operation(*kind).unwrap();
        assert_eq!(row.topic.to_string(), *topic);
        let found = match row.answer {
            Answer::Acknowledgement => None,
            Answer::Reply { topic, .. } => Some(topic.to_string()),
        };
        assert_eq!(found.as_deref(), *replied, "{dialect:?} {kind}");
    }
}

fn triple(parameter: &Parameter) -> (&'static str, ValueKind, bool) {
    (parameter.name, parameter.kind, parameter.required)
}

/// In any order.
fn assert_same(
    found: impl Iterator<Item = (&'static str, ValueKind, bool)>,
    expected: &[(&'static str, ValueKind, bool)],
    what: &str,
) {
    let mut found: Vec<_> = found.collect();
    let mut expected = expected.to_vec();
    found.sort_by_key(|(name, ..)| *name);
    expected.sort_by_key(|(name, ..)| *name);
    assert_eq!(found, expected, "{what}");
}

#[test]
fn each_dialect_has_a_name_of_its_own_and_a_version_of_mqtt() {
    for (dialect, name, version) in [
        (Dialect::Classic, "classic", Version::V311),
        (Dialect::Preview311, "preview311", Version::V311),
        (Dialect::Preview5, "preview5", Version::V5),
    ] {
        assert_eq!((dialect.name(), dialect.version()), (name, version));
        assert_eq!((Dialect::from_name(name), dialect.to_string().as_str()), (Some(dialect), name));
    }
    assert_eq!(Dialect::from_name("Classic"), None);
}
