//! The property bag: names and values as clients write them, and as they are written here.

use iothub_codec::{Dialect, Name, Properties, Publish, SystemProperty, Telemetry, ToHub};

use crate::ends::{device, module};

const EVENTS: &str = "devices/dev-1/messages/events/";

/// What a hub reads behind the topic of telemetry: names and values, decoded.
fn read(bag: &str) -> Vec<(String, String)> {
    let topic = format!("{EVENTS}{bag}");
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
fn each_system_property_has_its_name() {
    use SystemProperty as P;
    let rows = [
        (P::MessageId, "%24.mid", "$.mid", "message-id"),
        (P::CorrelationId, "%24.cid", "$.cid", "correlation-id"),
        (P::UserId, "%24.uid", "$.uid", "user-id"),
        (P::To, "%24.to", "$.to", "to"),
        (P::Expiry, "%24.exp", "$.exp", "absolute-expiry-time"),
        (P::ContentType, "%24.ct", "$.ct", "content-type"),
        (P::ContentEncoding, "%24.ce", "$.ce", "content-encoding"),
        (P::CreationTime, "%24.ctime", "$.ctime", "iothub-creation-time-utc"),
        (P::Component, "%24.sub", "$.sub", "dt-subject"),
        (P::OutputName, "%24.on", "$.on", "iothub-outputname"),
        (P::InterfaceId, "%24.ifid", "$.ifid", "iothub-interface-id"),
        (P::Schema, "%24.schema", "$.schema", "iothub-message-schema"),
        (P::ConnectionDeviceId, "%24.cdid", "$.cdid", "iothub-connection-device-id"),
        (P::ConnectionModuleId, "%24.cmid", "$.cmid", "iothub-connection-module-id"),
        (P::DiagnosticId, "%24.diagid", "$.diagid", "Diagnostic-Id"),
        (P::DiagnosticContext, "%24.diagctx", "$.diagctx", "Correlation-Context"),
        (P::Operation, "iothub-operation", "iothub%2doperation", "iothub-operation"),
        (P::Ack, "iothub-ack", "iothub%2Dack", "iothub-ack"),
    ];
    let named = |property: &SystemProperty| Dialect::Classic.property_name(*property).is_some();
    assert!(SystemProperty::ALL.iter().copied().filter(named).eq(rows.map(|row| row.0)), "a row for each");
    for (property, written, also_read, event_name) in rows {
        let system = [(property, "a b")];
        let properties = Properties::new(&system, &[]);
        let mut out = [0; 128];
        let publish = module().encode(&Telemetry { properties, ..Telemetry::default() }, &mut out).unwrap();
        assert_eq!(
            publish.topic,
            format!("devices/dev-1/modules/mod-1/messages/events/{written}=a%20b"),
            "{property:?}"
        );
        for name in [written, also_read] {
            let expected = (format!("<{event_name}>"), "a b".to_owned());
            assert_eq!(read(&format!("{name}=a%20b")), [expected], "{name}");
        }
    }
}

#[test]
fn a_bag_is_read_as_clients_write_it() {
    for (bag, expected) in [
        ("", &[][..]),
        ("a=1&b=2", &[("a", "1"), ("b", "2")]),
        // The Node client.
        (
            "%24.ct=application%2Fjson&key%201=v%26%3D%2F%C3%A9",
            &[("<content-type>", "application/json"), ("key 1", "v&=/é")],
        ),
        // The Java client and the documents.
        ("$.mid=x", &[("<message-id>", "x")]),
        ("?prop1&prop2=", &[("prop1", ""), ("prop2", "")]),
        // The C client writes raw what the application gave it, and escapes in lower case.
        ("room=hot zone&x=a%2fb", &[("room", "hot zone"), ("x", "a/b")]),
        ("a=100%&b=%4&c=%zz&d=%%41", &[("a", "100%"), ("b", "%4"), ("c", "%zz"), ("d", "%A")]),
        // The C# client appends a slash.
        ("a=1/", &[("a", "1")]),
        // A plus sign is no space.
        ("a=1+1&b+c=2", &[("a", "1+1"), ("b+c", "2")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a=x/y", &[("a", "x/y")]),
        ("&&a=1&", &[("a", "1")]),
        ("=v", &[("", "v")]),
        ("%C3%A9=%e2%82%ac", &[("é", "€")]),
        ("a=%FF", &[("a", "\u{FFFD}")]),
        // Names that no table has are the application's.
        (
            "$.pid=1&%24.Mid=2&$.midd=3&$mid=4",
            &[("$.pid", "1"), ("$.Mid", "2"), ("$.midd", "3"), ("$mid", "4")],
        ),
        ("iothub-acks=1&message-id=2", &[("iothub-acks", "1"), ("message-id", "2")]),
    ] {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(bag), expected, "{bag}");
    }
}

#[test]
fn of_a_name_that_comes_twice_the_last_value_counts() {
    let topic = format!("{EVENTS}a=1&$.mid=x&A=0&%61=2&%24.mid=y");
    let Ok(ToHub::Telemetry(Telemetry { properties, .. })) =
        device().decode_to_hub(&Publish::new(&topic, b""))
    else {
        panic!("{topic}")
    };
    assert_eq!(properties.get("a").unwrap(), "2");
    assert_eq!(properties.system(SystemProperty::MessageId).unwrap(), "y");
    assert_eq!(properties.get("$.mid"), None, "it is no property of the application");
    assert_eq!(properties.get("b"), None);
    assert_eq!(properties.system(SystemProperty::UserId), None);
    assert_eq!(properties.iter().count(), 5);
}

#[test]
fn names_and_values_are_escaped_in_capitals() {
    for (name, value, written) in [
        ("a", "hot zone", "a=hot%20zone"),
        ("a", "1+1", "a=1%2B1"),
        ("a", "x/y=z&w", "a=x%2Fy%3Dz%26w"),
        ("key 1", "é€", "key%201=%C3%A9%E2%82%AC"),
        ("?a", "#", "%3Fa=%23"),
        ("-._~", "100%", "-._~=100%25"),
        ("$.pid", "", "%24.pid="),
        ("", "", "="),
    ] {
        let application = [(name, value)];
        let properties = Properties::new(&[], &application);
        let mut out = [0; 128];
        let publish = device().encode(&Telemetry { properties, ..Telemetry::default() }, &mut out).unwrap();
        assert_eq!(publish.topic.strip_prefix(EVENTS), Some(written));
        assert_eq!(read(written), [(name.to_owned(), value.to_owned())]);
    }
}
