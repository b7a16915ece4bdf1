//! The JSON is that of the published examples, and what clients send is understood.

use core::time::Duration;

use iothub_model::{
    Authentication, AuthenticationType, Capabilities, ConnectionState, Date, Device, Etag,
    ExportImportDevice, ImportMode, MethodInvocation, MethodResult, Module, Patch, Properties,
    RegistryStatistics, Section, ServiceStatistics, Status, SymmetricKey, Tags, Twin, TwinPatch, UnknownWord,
    Update, X509Thumbprint,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const PRIMARY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECONDARY: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

const DEVICE: &str = r#"{"deviceId":"dev-1","generationId":"638400000000000000","etag":"ODc2NTQzMjE=","connectionState":"Disconnected","status":"enabled","statusReason":null,"connectionStateUpdatedTime":"0001-01-01T00:00:00Z","statusUpdatedTime":"0001-01-01T00:00:00Z","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authentication":{"symmetricKey":{"primaryKey":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","secondaryKey":"Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="},"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"},"capabilities":{"iotEdge":false}}"#;

const TWIN: &str = r#"{"deviceId":"dev-1","etag":"AAAAAAAAAAI=","deviceEtag":"ODc2NTQzMjE=","status":"enabled","statusUpdateTime":"0001-01-01T00:00:00Z","connectionState":"Disconnected","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authenticationType":"sas","x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"modelId":"","version":3,
 "tags":{"plant":"p1"},
 "properties":{
  "desired":{"rate":5,"$metadata":{"$lastUpdated":"2029-12-31T23:00:00.0000000Z","$lastUpdatedVersion":2,"rate":{"$lastUpdated":"2029-12-31T23:00:00.0000000Z","$lastUpdatedVersion":2}},"$version":2},
  "reported":{"$metadata":{"$lastUpdated":"2029-12-31T22:00:00.0000000Z"},"$version":1}},
 "capabilities":{"iotEdge":false}}"#;

#[test]
fn a_device_is_written_as_published_to_the_byte() {
    assert_eq!(serde_json::to_string(&device()).unwrap(), DEVICE);
    assert_eq!(read::<Device>(DEVICE), device());
}

#[test]
fn a_twin_is_written_as_published_to_the_byte() {
    // The example is broken into lines, so its own white space goes first.
    assert_eq!(serde_json::to_string(&twin()).unwrap(), read::<Value>(TWIN).to_string());
    assert_eq!(read::<Twin>(TWIN), twin());
}

#[test]
fn what_is_not_known_is_ignored_and_null_is_absent() {
    same::<Device>(
        r#"{"deviceId":"d"}"#,
        r#"{"deviceId":"d","generationId":null,"etag":null,"connectionState":null,"status":null,"statusReason":null,
            "connectionStateUpdatedTime":null,"statusUpdatedTime":null,"lastActivityTime":null,
            "cloudToDeviceMessageCount":null,"authentication":null,"capabilities":null,"deviceScope":null,
            "parentScopes":null,"tags":{"a":1},"somethingNew":[{}]}"#,
    );
    same::<Device>(r#"{"deviceId":"d"}"#, r#"{"deviceId":"d","etag":""}"#);
    same::<Device>(
        r#"{"deviceId":"d","authentication":{},"capabilities":{}}"#,
        r#"{"deviceId":"d","authentication":{"type":null,"symmetricKey":null,"x509Thumbprint":null},"capabilities":{"iotEdge":null}}"#,
    );
    same::<Module>(
        r#"{"deviceId":"d","moduleId":"m"}"#,
        r#"{"deviceId":"d","moduleId":"m","managedBy":null,"etag":null,"connectionState":null,"lastActivityTime":null,
            "cloudToDeviceMessageCount":null,"authentication":null,"somethingNew":1}"#,
    );
    same::<Twin>(
        r#"{"deviceId":"d"}"#,
        r#"{"deviceId":"d","etag":null,"status":null,"x509Thumbprint":null,"modelId":null,"version":null,"tags":null,
            "properties":{"desired":null,"reported":null},"capabilities":null,"configurations":null}"#,
    );
}

#[test]
fn words_are_read_in_any_case_and_others_are_refused() {
    for (text, status) in
        [("enabled", Status::Enabled), ("Enabled", Status::Enabled), ("DISABLED", Status::Disabled)]
    {
        assert_eq!(text.parse(), Ok(status), "{text}");
        assert_eq!(read::<Status>(&json!(text).to_string()), status);
    }
    for kind in AuthenticationType::ALL {
        assert_eq!(kind.as_str().to_uppercase().parse(), Ok(*kind));
        assert_eq!(json!(kind), json!(kind.to_string()));
    }
    assert_eq!(read::<ConnectionState>("\"connected\""), ConnectionState::Connected);
    assert_eq!("on".parse::<Status>(), Err(UnknownWord { expected: &["enabled", "disabled"] }));
    assert!(serde_json::from_str::<Device>(r#"{"deviceId":"d","status":"on"}"#).is_err());
}

#[test]
fn a_device_without_a_name_is_none() {
    for bad in ["{}", r#"{"deviceId":null}"#, r#"{"deviceId":7}"#, "[]", "", r#"{"deviceId":"d""#] {
        assert!(serde_json::from_str::<Device>(bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_that_are_empty_or_missing_are_left_to_the_hub() {
    for asks in [
        r#"{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}"#,
        r#"{"type":"sas","symmetricKey":{}}"#,
        r#"{"type":"sas","symmetricKey":{"primaryKey":null}}"#,
        r#"{"symmetricKey":null}"#,
        r#"{}"#,
    ] {
        assert_eq!(read::<Authentication>(asks), Authentication::default(), "{asks}");
    }
}

#[test]
fn without_a_type_the_thumbprint_decides() {
    let thumbprint = "7A".repeat(20);
    let authentication =
        read::<Authentication>(&json!({"x509Thumbprint": {"primaryThumbprint": thumbprint}}).to_string());
    assert_eq!(authentication.kind, AuthenticationType::SelfSigned);
    let authentication = read::<Authentication>(
        &json!({"type": "CertificateAuthority", "x509Thumbprint": {"primaryThumbprint": thumbprint}})
            .to_string(),
    );
    assert_eq!(authentication.kind, AuthenticationType::CertificateAuthority);
}

#[test]
fn no_key_is_shown_by_debug() {
    let shown = format!("{:?} {:#?}", device(), device());
    assert!(shown.contains("redacted"), "{shown}");
    assert!(!shown.contains(&PRIMARY[..8]) && !shown.contains(&SECONDARY[..8]), "{shown}");
}

#[test]
fn a_module_has_its_members_and_no_others() {
    let module = Module {
        device_id: "dev-1".into(),
        module_id: "$edgeAgent".into(),
        managed_by: Some("iotEdge".into()),
        generation_id: Some("638400000000000000".into()),
        etag: Some(Etag::from_counter(1)),
        connection_state: ConnectionState::Connected,
        connection_state_updated_time: Date::from_millis(1_893_452_400_000),
        authentication: Some(Authentication::default()),
        ..Module::default()
    };
    let expected = json!({
        "deviceId": "dev-1", "moduleId": "$edgeAgent", "managedBy": "iotEdge", "generationId": "638400000000000000",
        "etag": "AAAAAAAAAAE=", "connectionState": "Connected",
        "connectionStateUpdatedTime": "2029-12-31T23:00:00.0000000Z", "lastActivityTime": "0001-01-01T00:00:00Z",
        "cloudToDeviceMessageCount": 0,
        "authentication": {
            "type": "sas",
            "symmetricKey": {"primaryKey": null, "secondaryKey": null},
            "x509Thumbprint": {"primaryThumbprint": null, "secondaryThumbprint": null},
        },
    });
    assert_eq!(written(&module), expected);
    assert_eq!(read::<Module>(&expected.to_string()), module);
}

#[test]
fn an_entry_in_bulk_is_read_in_either_spelling_of_its_etag() {
    let entry = ExportImportDevice {
        id: "d".into(),
        etag: Some(Etag::from_counter(1)),
        import_mode: Some(ImportMode::UpdateTwinIfMatchETag),
        twin_etag: Some(Etag::from_counter(2)),
        tags: Patch::Null,
        ..ExportImportDevice::default()
    };
    let text = r#"{"id":"d","eTag":"AAAAAAAAAAE=","importMode":"updateTwinIfMatchETag","twinETag":"AAAAAAAAAAI=","tags":null}"#;
    assert_eq!(serde_json::to_string(&entry).unwrap(), text);
    assert_eq!(read::<ExportImportDevice>(text), entry);
    same::<ExportImportDevice>(text, &text.replace("\"eTag\"", "\"etag\""));
    same::<ExportImportDevice>(
        r#"{"id":"d"}"#,
        r#"{"id":"d","moduleId":null,"eTag":null,"etag":"","importMode":null,"status":null,"authentication":null,
            "twinETag":"","properties":null,"capabilities":null,"somethingNew":1}"#,
    );
    for mode in ImportMode::ALL {
        assert_eq!(mode.as_str().to_uppercase().parse(), Ok(*mode));
    }
}

#[test]
fn absent_null_and_a_value_are_three_different_changes() {
    let value = |text: &str| Patch::Value(serde_json::from_str(text).unwrap());
    for (sent, tags, desired) in [
        (r#"{}"#, Patch::Absent, Patch::Absent),
        (r#"{"tags":null}"#, Patch::Null, Patch::Absent),
        (r#"{"properties":{"desired":null}}"#, Patch::Absent, Patch::Null),
        (r#"{"tags":{"a":null}}"#, value(r#"{"a":null}"#), Patch::Absent),
        (r#"{"tags":{},"properties":{"desired":{"rate":5}}}"#, value("{}"), value(r#"{"rate":5}"#)),
    ] {
        let patch = TwinPatch { tags, desired };
        assert_eq!(read::<TwinPatch>(sent), patch, "{sent}");
        assert_eq!(serde_json::to_string(&patch).unwrap(), sent);
    }
}

#[test]
fn a_twin_that_is_sent_back_as_a_patch_is_read_as_one() {
    let patch: TwinPatch = read(TWIN);
    assert_eq!(patch.tags, Patch::Value(twin().tags));
    assert_eq!(patch.desired, Patch::Value(twin().properties.desired));
    same::<TwinPatch>("{}", r#"{"properties":null,"deviceId":"d","etag":null,"version":7}"#);
    for bad in [
        r#"{"tags":5}"#,
        r#"{"tags":[]}"#,
        r#"{"properties":{"desired":"x"}}"#,
        r#"{"properties":[1]}"#,
        r#"[{"a":1}]"#,
        "[]",
    ] {
        assert!(serde_json::from_str::<TwinPatch>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_method_call_is_read_and_written_as_published() {
    let sent = r#"{"methodName":"reboot","payload":{"delay":5},"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}"#;
    let call: MethodInvocation = read(sent);
    assert_eq!(call.method_name, "reboot");
    assert_eq!(call.payload.as_deref().map(RawValue::get), Some(r#"{"delay":5}"#));
    assert_eq!(serde_json::to_string(&call).unwrap(), sent);
    assert_eq!(serde_json::to_string(&MethodInvocation::new("stop")).unwrap(), r#"{"methodName":"stop"}"#);

    let result = MethodResult::from_reply(200, br#"{"ok":true}"#).unwrap();
    assert_eq!(serde_json::to_string(&result).unwrap(), r#"{"status":200,"payload":{"ok":true}}"#);
    for bad in ["{}", r#"{"methodName":null}"#, r#"{"methodName":"a","payload":}"#] {
        assert!(serde_json::from_str::<MethodInvocation>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_payload_reaches_the_device_compact_and_otherwise_as_it_was_sent() {
    for (member, payload) in [
        ("", None),
        (r#","payload":null"#, Some("null")),
        (r#","payload" : { "b" : 1.50 ,	"a":[ 1 , "x  y" ] } "#, Some(r#"{"b":1.50,"a":[1,"x  y"]}"#)),
        (r#","payload": "a \" b \\" "#, Some(r#""a \" b \\""#)),
        (r#","payload": 123456789012345678901234567890"#, Some("123456789012345678901234567890")),
        (",\"payload\":[\r\n\t1,\n2 ]", Some("[1,2]")),
        (r#","payload":"é \u00e9""#, Some(r#""é \u00e9""#)),
    ] {
        let call: MethodInvocation = read(&format!(r#"{{"methodName":"m"{member}}}"#));
        assert_eq!(call.payload.as_deref().map(RawValue::get), payload, "{member}");
    }
}

#[test]
fn what_a_device_answers_is_json_or_nothing() {
    for (reply, payload) in [
        (&b""[..], Some("null")),
        (b"  ", Some("null")),
        (b"null", Some("null")),
        (b" { \"a\" : 1 } ", Some(r#"{"a":1}"#)),
        (b"{", None),
        (b"{} {}", None),
        (b"text", None),
        (b"\"\xff\"", None),
    ] {
        let result = MethodResult::from_reply(-1, reply);
        assert_eq!(
            result.ok().map(|result| result.payload.get().to_owned()).as_deref(),
            payload,
            "{reply:?}"
        );
    }
    assert_eq!(read::<MethodResult>(r#"{"status":404}"#).payload.get(), "null");
}

#[test]
fn timeouts_are_brought_into_their_range() {
    for (stated, response_s, connect_s) in [
        (None, 30, 0),
        (Some(-1), 5, 0),
        (Some(0), 5, 0),
        (Some(5), 5, 5),
        (Some(300), 300, 300),
        (Some(3600), 300, 300),
        (Some(i64::MIN), 5, 0),
        (Some(i64::MAX), 300, 300),
    ] {
        let call = MethodInvocation {
            response_timeout_in_seconds: stated,
            connect_timeout_in_seconds: stated,
            ..MethodInvocation::new("m")
        };
        assert_eq!(call.response_timeout(), Duration::from_secs(response_s), "{stated:?}");
        assert_eq!(call.connect_timeout(), Duration::from_secs(connect_s), "{stated:?}");
    }
}

#[test]
fn statistics_are_counts() {
    let registry =
        RegistryStatistics { total_device_count: 3, enabled_device_count: 2, disabled_device_count: 1 };
    assert_eq!(
        written(&registry),
        json!({"totalDeviceCount": 3, "enabledDeviceCount": 2, "disabledDeviceCount": 1})
    );
    assert_eq!(written(&ServiceStatistics { connected_device_count: 2 }), json!({"connectedDeviceCount": 2}));
    assert_eq!(read::<RegistryStatistics>("{}"), RegistryStatistics::default());
}

fn device() -> Device {
    Device {
        device_id: "dev-1".into(),
        generation_id: Some("638400000000000000".into()),
        etag: Some(Etag::new("ODc2NTQzMjE=").expect("an etag")),
        status: Some(Status::Enabled),
        authentication: Some(Authentication {
            symmetric_key: SymmetricKey {
                primary_key: Some(PRIMARY.into()),
                secondary_key: Some(SECONDARY.into()),
            },
            x509_thumbprint: X509Thumbprint::default(),
            kind: AuthenticationType::Sas,
        }),
        capabilities: Some(Capabilities::default()),
        ..Device::default()
    }
}

/// The published twin, from the sections and tags that a hub would hold.
fn twin() -> Twin {
    let created = Date::from_millis(1_893_448_800_000);
    let changed = Date::from_millis(1_893_452_400_000);
    let mut tags = Tags::default();
    tags.apply(Update::Merge(object(r#"{"plant":"p1"}"#))).expect("legal tags");
    let mut desired = Section::desired(created);
    desired.apply(Update::Merge(object(r#"{"rate":5}"#)), changed).expect("legal properties");
    Twin {
        device_id: "dev-1".into(),
        etag: Some(Etag::from_counter(2)),
        device_etag: Some(Etag::new("ODc2NTQzMjE=").expect("an etag")),
        status: Some(Status::Enabled),
        authentication_type: Some(AuthenticationType::Sas),
        version: 3,
        tags: tags.as_object().clone(),
        properties: Properties {
            desired: desired.service_view(),
            reported: Section::reported(created).service_view(),
        },
        capabilities: Some(Capabilities::default()),
        ..Twin::default()
    }
}

fn object(text: &str) -> iothub_model::Object {
    read(text)
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("a document is JSON")
}

#[track_caller]
fn same<T: DeserializeOwned + PartialEq + core::fmt::Debug>(one: &str, other: &str) {
    assert_eq!(read::<T>(one), read::<T>(other));
}
