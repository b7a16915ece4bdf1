//! The properties of telemetry and commands: the tables of the reference, and how names and values are spelled.

use iothub_codec::{Command, Dialect, Name, Properties, Publish, SystemProperty, Telemetry, ToDevice, ToHub};

use crate::ends::device;

const REQUIRED: [(SystemProperty, &str); 4] = [
    (SystemProperty::SequenceNumber, "1"),
    (SystemProperty::Expiry, "2"),
    (SystemProperty::EnqueuedTime, "3"),
    (SystemProperty::DeliveryCount, "4"),
];

#[test]
fn each_system_property_has_its_name() {
    use SystemProperty as P;
    let rows = [
        (P::MessageId, "mid", "m 1"),
        (P::CorrelationId, "cid", "c"),
        (P::UserId, "uid", "u"),
        (P::Expiry, "et", "1600987195320"),
        (P::ContentType, "ct", "plain/text"),
        (P::ContentEncoding, "ce", "utf-8"),
        (P::CreationTime, "crt", "18446744073709551615"),
        (P::Component, "dts", "thermostat1"),
        (P::SequenceNumber, "sn", "18446744073709551615"),
        (P::EnqueuedTime, "ent", "0"),
        (P::DeliveryCount, "dc", "4294967295"),
        (P::TraceParent, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (P::TraceState, "tracestate", "a=b,c=d"),
    ];
    let named = |property: &P| Dialect::Preview311.property_name(*property).is_some();
    assert!(P::ALL.iter().copied().filter(named).eq(rows.map(|row| row.0)), "a row for each");
    let of_commands = [P::Expiry, P::SequenceNumber, P::EnqueuedTime, P::DeliveryCount];
    let of_telemetry = [P::Component, P::TraceParent, P::TraceState];
    for (property, name, value) in rows {
        let mut out = [0; 256];
        if !of_commands.contains(&property) {
            let system = [(property, value)];
            let telemetry = Telemetry { properties: Properties::new(&system, &[]), ..Telemetry::default() };
            let publish = device().encode(&telemetry, &mut out).unwrap();
            assert!(publish.topic.starts_with(&format!("$az/iot/telemetry/?{name}=")), "{}", publish.topic);
            assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::Telemetry(telemetry)));
        }
        if !of_telemetry.contains(&property) {
            let mut system = REQUIRED.to_vec();
            system.retain(|(each, _)| *each != property);
            system.push((property, value));
            let command = Command { properties: Properties::new(&system, &[]), ..Command::default() };
            let publish = device().encode(&command, &mut out).unwrap();
            assert!(publish.topic.contains(&format!("&{name}=")), "{}", publish.topic);
            let Ok(ToDevice::Command(read)) = device().decode_to_device(&publish) else {
                panic!("{publish:?}")
            };
            assert_eq!(read.properties.system(property).unwrap(), value);
            assert_eq!(read, command);
        }
    }
}

/// What a hub reads behind the topic of telemetry: names and values, decoded.
fn read(list: &str) -> Vec<(String, String)> {
    let topic = format!("$az/iot/telemetry/?{list}");
    let Ok(ToHub::Telemetry(telemetry)) = device().decode_to_hub(&Publish::new(&topic, b"")) else {
        panic!("{topic}")
    };
    let name = |name| match name {
        Name::System(property) => format!("<{}>", property.event_name()),
        Name::Application(text) => text.to_string(),
    };
    telemetry.properties.iter().map(|each| (name(each.name), each.value.to_string())).collect()
}

#[test]
fn a_list_is_read_as_it_is_shown_and_as_it_may_be() {
    for (list, expected) in [
        ("", &[][..]),
        // The reference's own sample does not encode the spaces.
        (
            "ct=plain%2Ftext&mid=11324&@my property 1=test",
            &[("<content-type>", "plain/text"), ("<message-id>", "11324"), ("my property 1", "test")],
        ),
        ("@my%20property%201=test", &[("my property 1", "test")]),
        // Who encodes everything encodes the sign, too.
        ("%40zone=a", &[("zone", "a")]),
        ("%6did=x", &[("<message-id>", "x")]),
        ("@p=&@q&@=v", &[("p", ""), ("q", ""), ("", "v")]),
        ("&&mid=x&", &[("<message-id>", "x")]),
        // What only the application names is not the system's, nor another's.
        ("@mid=1&@@a=2&@%40b=3", &[("mid", "1"), ("@a", "2"), ("@b", "3")]),
        ("@a=b=c/d?e/?f+g", &[("a", "b=c/d?e/?f+g")]),
        ("@a=100%&@b=%4&@c=%zz&@%C3%A9=%e2%82%ac", &[("a", "100%"), ("b", "%4"), ("c", "%zz"), ("é", "€")]),
        (
            "ct=x&ce=&cid=user@host",
            &[("<content-type>", "x"), ("<content-encoding>", ""), ("<correlation-id>", "user@host")],
        ),
    ] {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(list), expected, "{list}");
    }
}

#[test]
fn of_a_name_that_comes_twice_the_last_value_counts() {
    let topic = "$az/iot/telemetry/?@a=1&mid=x&@A=0&@%61=2&mid=y";
    let Ok(ToHub::Telemetry(Telemetry { properties, .. })) =
        device().decode_to_hub(&Publish::new(topic, b""))
    else {
        panic!("{topic}")
    };
    assert_eq!(properties.get("a").unwrap(), "2");
    assert_eq!(properties.system(SystemProperty::MessageId).unwrap(), "y");
    assert_eq!((properties.get("@a"), properties.get("mid")), (None, None));
    assert_eq!(properties.iter().count(), 5);
}

#[test]
fn names_and_values_are_escaped_but_for_unreserved_characters_and_the_sign() {
    for (name, value, written) in [
        ("a", "hot zone", "@a=hot%20zone"),
        ("my property 1", "test", "@my%20property%201=test"),
        ("a", "% / # + & =", "@a=%25%20%2F%20%23%20%2B%20%26%20%3D"),
        ("key 1", "é€", "@key%201=%C3%A9%E2%82%AC"),
        ("?a", "user@host", "@%3Fa=user@host"),
        ("-._~", "-._~", "@-._~=-._~"),
        ("@a", "", "@@a="),
        ("mid", "x", "@mid=x"),
        ("", "", "@="),
    ] {
        let application = [(name, value)];
        let properties = Properties::new(&[], &application);
        let mut out = [0; 128];
        let publish = device().encode(&Telemetry { properties, ..Telemetry::default() }, &mut out).unwrap();
        assert_eq!(publish.topic.strip_prefix("$az/iot/telemetry/?"), Some(written));
        assert_eq!(read(written), [(name.to_owned(), value.to_owned())]);
    }
}
