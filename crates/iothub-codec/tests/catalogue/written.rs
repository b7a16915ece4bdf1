use iothub_codec::{
    Answer, Dialect, Direction, EncodeError, Field, OperationKind, OperationRow, Publish, Qos, Text,
    ToDevice, ToHub, TwinPart,
};

use crate::sample::{Extent, answer, begin, codec, refusal, system_properties};

const EXTENTS: [Extent; 2] = [Extent::Required, Extent::Everything];

#[test]
fn every_row_is_written_as_it_says() {
    for (dialect, row) in rows() {
        for extent in EXTENTS {
            let system = system_properties(row, extent);
            let mut out = [0; 1024];
            let publish = begin(dialect, row, &system, extent, &mut out).unwrap();
            let (topic, names) = split(dialect, &publish, &row.topic.to_string());
            assert_eq!(topic, expanded(row, &row.topic.to_string(), &publish), "{dialect:?} {}", row.kind);

            let parameters = row.parameters.iter().map(|each| (each.name, each.required));
            let properties = row.properties().map(|each| (each.name, each.required));
            let application = row.application_prefix().map(|prefix| format!("{prefix}app"));
            let mut known: Vec<_> = row.correlation.map(|name| (name.to_owned(), true)).into_iter().collect();
            known.extend(parameters.chain(properties).map(|(name, required)| (name.to_owned(), required)));
            known.extend(application.map(|name| (name, false)));
            assert_names(&names, &known, extent, &format!("{dialect:?} {} {publish:?}", row.kind));

            assert!(publish.qos <= row.qos, "{dialect:?} {}", row.kind);
        }
    }
}

#[test]
fn every_answer_is_written_as_its_row_says() {
    for (dialect, row) in rows() {
        let Answer::Reply { topic: pattern, parameters } = row.answer else { continue };
        for extent in EXTENTS {
            let mut out = [0; 1024];
            let publish = answer(dialect, row, extent, &mut out).expect("there is an answer").unwrap();
            let (topic, names) = split(dialect, &publish, &pattern.to_string());
            assert_eq!(topic, expanded(row, &pattern.to_string(), &publish), "{dialect:?} {}", row.kind);
            assert_eq!(publish.qos, Qos::AtMostOnce);

            let mut known: Vec<_> =
                parameters.iter().map(|each| (each.name.to_owned(), each.required)).collect();
            known.push((row.correlation.expect("a reply finds its request").to_owned(), true));
            assert_names(
                &names,
                &known,
                extent,
                &format!("the answer to {dialect:?} {}: {publish:?}", row.kind),
            );
        }
    }
}

#[test]
fn every_refusal_is_written_as_its_row_says() {
    for (dialect, row) in rows() {
        let Answer::Reply { topic: pattern, .. } = row.answer else { continue };
        for status in row.statuses.iter().copied() {
            let what = format!("{dialect:?} {} {status}", row.kind);
            let mut out = [0; 1024];
            let publish = refusal(dialect, row, status, &mut out).unwrap();
            let (topic, names) = split(dialect, &publish, &pattern.to_string());
            assert_eq!(topic, expanded(row, &pattern.to_string(), &publish), "{what}");
            if row.refusal.is_empty() {
                assert!(publish.topic.contains(&format!("/{}/", status.http())), "{what}: {publish:?}");
            }
            let may = |name: &str| match name {
                "r" | "reason" => status.may_have_reason(),
                "tid" | "trace-id" => status.may_have_trace_id(),
                _ => true,
            };
            let said = row.refusal.iter().map(|each| each.name).filter(|name| may(name));
            let mut expected: Vec<_> = row.correlation.into_iter().chain(said).map(str::to_owned).collect();
            let mut names = names;
            names.sort();
            expected.sort();
            assert_eq!(names, expected, "{what}: {publish:?}");
        }
    }
}

/// Only what is known stands there; what is required always does, and everything when everything was said.
fn assert_names(names: &[String], known: &[(String, bool)], extent: Extent, what: &str) {
    for name in names {
        assert!(known.iter().any(|(each, _)| each == name), "{name} is not in the catalogue: {what}");
    }
    for (name, required) in known {
        let expected = *required || extent == Extent::Everything;
        assert!(!expected || names.contains(name), "{name} was not written: {what}");
    }
}

#[test]
fn every_row_is_read_at_the_end_that_it_is_for_and_only_there() {
    for (dialect, row) in rows() {
        let system = system_properties(row, Extent::Everything);
        let mut out = [0; 1024];
        let publish = begin(dialect, row, &system, Extent::Everything, &mut out).unwrap();
        let codec = codec(dialect, row.kind);
        let read = match row.direction {
            Direction::ToHub => {
                assert!(codec.decode_to_device(&publish).is_err(), "{publish:?}");
                match codec.decode_to_hub(&publish).unwrap() {
                    ToHub::Telemetry(_) => OperationKind::Telemetry,
                    ToHub::TwinGet(get) => OperationKind::TwinGet(get.part),
                    ToHub::TwinPatch(_) => OperationKind::TwinPatch,
                    ToHub::Reply(_) => panic!("a reply begins nothing: {publish:?}"),
                }
            }
            Direction::ToDevice => {
                assert!(codec.decode_to_hub(&publish).is_err(), "{publish:?}");
                match codec.decode_to_device(&publish).unwrap() {
                    ToDevice::Command(_) => OperationKind::Command,
                    ToDevice::Input(_) => OperationKind::Input,
                    ToDevice::Method(_) => OperationKind::Method,
                    ToDevice::DesiredChanged(_) => OperationKind::DesiredChanged,
                    ToDevice::Reply(_) => panic!("a reply begins nothing: {publish:?}"),
                }
            }
        };
        assert_eq!(read, row.kind, "{publish:?}");
    }
}

#[test]
fn what_has_no_row_cannot_be_written() {
    for dialect in Dialect::ALL.iter().copied() {
        for kind in OperationKind::ALL.iter().copied().filter(|kind| dialect.operation(*kind).is_none()) {
            let row = elsewhere(kind);
            let mut out = [0; 1024];
            let written = begin(dialect, row, &[], Extent::Required, &mut out);
            assert_eq!(written, Err(EncodeError::NotExpressible), "{dialect:?} {kind}");
        }
    }
}

/// What it is in a dialect that has it.
fn elsewhere(kind: OperationKind) -> &'static OperationRow {
    Dialect::ALL.iter().find_map(|dialect| dialect.operation(kind)).expect("each is in some dialect")
}

#[test]
fn without_a_required_property_nothing_is_written() {
    for (dialect, row) in rows() {
        for property in row.properties().filter(|each| each.required) {
            let mut system = system_properties(row, Extent::Everything);
            system.retain(|(each, _)| *each != property.property);
            let mut out = [0; 1024];
            let written = begin(dialect, row, &system, Extent::Everything, &mut out);
            let missing = EncodeError::Missing(Field::Property(property.property));
            assert_eq!(written, Err(missing), "{dialect:?} {}", row.kind);
        }
    }
}

#[test]
fn properties_have_the_name_that_the_dialect_gives_them() {
    for (dialect, row) in rows() {
        for property in row.properties() {
            assert_eq!(dialect.property_name(property.property), Some(property.name), "{dialect:?}");
        }
    }
}

#[test]
fn a_dialect_has_each_operation_once_and_in_order_and_lacks_what_it_cannot_say() {
    use OperationKind::{Input, TwinGet};
    let sections = [TwinGet(TwinPart::Reported), TwinGet(TwinPart::Desired)];
    for (dialect, lacks) in [
        (Dialect::Classic, &sections[..]),
        (Dialect::Preview311, &[Input]),
        (Dialect::Preview5, &[Input, sections[0], sections[1]]),
    ] {
        let kinds: Vec<_> = dialect.operations().iter().map(|row| row.kind).collect();
        let ordered: Vec<_> =
            OperationKind::ALL.iter().copied().filter(|kind| !lacks.contains(kind)).collect();
        assert_eq!(kinds, ordered, "{dialect:?}");
    }
}

fn rows() -> impl Iterator<Item = (Dialect, &'static OperationRow)> {
    Dialect::ALL.iter().flat_map(|dialect| dialect.operations().iter().map(|row| (*dialect, row)))
}

/// The pattern with the names of [`crate::sample`] in it.
fn expanded(row: &OperationRow, pattern: &str, publish: &Publish<'_>) -> String {
    let code = publish.topic.split('/').find(|part| part.parse::<u16>().is_ok()).unwrap_or_default();
    let module = if row.kind == OperationKind::Input { "/modules/mod-1" } else { "" };
    pattern
        .replace("[/modules/{module}]", module)
        .replace("{device}", "dev-1")
        .replace("{module}", "mod-1")
        .replace("{name}", "m")
        .replace("{input}", "in")
        .replace("{code}", code)
        .replace("{properties}", "")
}

/// The topic up to what is named in it, and all names there or among the MQTT 5 properties.
fn split(dialect: Dialect, publish: &Publish<'_>, pattern: &str) -> (String, Vec<String>) {
    if dialect == Dialect::Preview5 {
        return (publish.topic.to_owned(), names_of_section(publish.properties.as_wire()));
    }
    let (topic, list) = if pattern.ends_with("{properties}") {
        publish.topic.split_at(publish.topic.rfind('/').map_or(0, |at| at + 1))
    } else {
        let (topic, list) = publish.topic.split_once('?').unwrap_or((publish.topic, ""));
        // A slash stands before a question mark in any case, and belongs to some topics.
        (if pattern.ends_with('/') { topic } else { topic.trim_end_matches('/') }, list)
    };
    let names = list.split('&').filter_map(|pair| pair.split_once('='));
    (topic.to_owned(), names.map(|(name, _)| Text::percent_encoded(name).to_string()).collect())
}

/// Only what messages have in them: content type, correlation data and user properties.
fn names_of_section(mut wire: &[u8]) -> Vec<String> {
    fn string<'a>(wire: &mut &'a [u8]) -> &'a [u8] {
        let (len, rest) = wire.split_at(2);
        let (string, rest) = rest.split_at(usize::from(u16::from_be_bytes([len[0], len[1]])));
        *wire = rest;
        string
    }
    let mut names = Vec::new();
    while let [id, rest @ ..] = wire {
        wire = rest;
        let first = string(&mut wire);
        names.push(match id {
            0x03 => "Content Type".to_owned(),
            0x09 => "Correlation Data".to_owned(),
            0x26 => {
                string(&mut wire);
                String::from_utf8(first.to_vec()).unwrap()
            }
            _ => panic!("no message has a property {id:#04x}"),
        });
    }
    names
}
