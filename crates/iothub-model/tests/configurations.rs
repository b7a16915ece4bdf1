//! Configurations and changes of digital twins are written as published, and what clients send is understood.

use iothub_model::{
    Configuration, ConfigurationContent, ConfigurationMetrics, ConfigurationQueries,
    ConfigurationQueryErrors, Date, DigitalTwinEdit, Etag,
};
use serde_json::{Value, json};

#[test]
fn a_configuration_has_its_members_in_both_directions() {
    let text = json!({
        "id": "chillers", "schemaVersion": "1.0", "labels": {"plant": "p1"},
        "content": {"deviceContent": {"properties.desired.chiller": {"temperature": 38}}},
        "contentType": "assignment", "targetCondition": "tags.plant = 'p1'", "priority": 10,
        "createdTimeUtc": "2029-12-31T23:00:00.0000000Z", "lastUpdatedTimeUtc": "2029-12-31T23:00:01.0000000Z",
        "systemMetrics": {"results": {"targetedCount": 5}, "queries": {"targetedCount": "SELECT deviceId FROM devices"}},
        "metrics": {"results": {}, "queries": {"done": "SELECT deviceId FROM devices WHERE properties.reported.ok"}},
        "etag": "AAAAAAAAAAE=",
    });
    let configuration: Configuration = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(configuration.priority, 10);
    assert_eq!(configuration.created_time_utc, Date::from_millis(1_893_452_400_000));
    assert_eq!(configuration.system_metrics.results["targetedCount"], 5);
    assert_eq!(configuration.etag, Some(Etag::from_counter(1)));
    assert_eq!(json!(configuration), text);
}

#[test]
fn null_is_absent_and_the_rest_is_ignored() {
    let sparse: Configuration = serde_json::from_str(
        r#"{"id":"c","schemaVersion":null,"labels":null,"content":null,"contentType":null,"targetCondition":null,
            "priority":null,"createdTimeUtc":null,"lastUpdatedTimeUtc":null,"systemMetrics":null,
            "metrics":{"results":null,"queries":null},"etag":"","somethingNew":1}"#,
    )
    .unwrap();
    assert_eq!(sparse, Configuration { id: "c".into(), ..Configuration::default() });
    let content: ConfigurationContent = serde_json::from_str(
        r#"{"deviceContent":null,"modulesContent":{"$edgeAgent":{}},"moduleContent":null}"#,
    )
    .unwrap();
    assert_eq!((content.device_content, content.module_content), (None, None));
    assert!(content.modules_content.unwrap().contains_key("$edgeAgent"));
}

#[test]
fn what_is_no_configuration_is_refused() {
    for bad in [
        "{}",
        r#"{"id":7}"#,
        r#"{"id":"c","priority":-1}"#,
        r#"{"id":"c","priority":1.5}"#,
        r#"{"id":"c","labels":{"a":1}}"#,
        r#"{"id":"c","content":{"deviceContent":[]}}"#,
        r#"{"id":"c","content":{"modulesContent":{"m":1}}}"#,
        r#"{"id":"c","metrics":{"queries":{"q":null}}}"#,
    ] {
        assert!(serde_json::from_str::<Configuration>(bad).is_err(), "{bad}");
    }
}

#[test]
fn queries_are_sent_and_answered_by_their_names() {
    let queries: ConfigurationQueries = serde_json::from_value(
        json!({"targetCondition": "tags.a = 1", "customMetricQueries": {"q": "SELECT"}}),
    )
    .unwrap();
    assert_eq!(queries.custom_metric_queries["q"], "SELECT");
    let nothing: ConfigurationQueries = serde_json::from_str(r#"{"customMetricQueries":null}"#).unwrap();
    assert_eq!(nothing, ConfigurationQueries::default());
    let errors = ConfigurationQueryErrors {
        target_condition_error: String::new(),
        custom_metric_query_errors: [("q".into(), "it ends too early".into())].into(),
    };
    let written = json!({"targetConditionError": "", "customMetricQueryErrors": {"q": "it ends too early"}});
    assert_eq!(json!(errors), written);
    assert_eq!(json!(ConfigurationMetrics::default()), json!({"results": {}, "queries": {}}));
}

#[test]
fn a_change_of_a_digital_twin_is_a_json_patch_of_three_operations() {
    for (text, edit) in [
        (
            json!({"op": "add", "path": "/a", "value": {"b": null}}),
            Some(DigitalTwinEdit::Add { path: "/a".into(), value: json!({"b": null}) }),
        ),
        (
            json!({"op": "replace", "path": "/a/b", "value": 1}),
            Some(DigitalTwinEdit::Replace { path: "/a/b".into(), value: json!(1) }),
        ),
        (json!({"op": "remove", "path": "/a"}), Some(DigitalTwinEdit::Remove { path: "/a".into() })),
        (json!({"op": "move", "from": "/a", "path": "/b"}), None),
        (json!({"op": "test", "path": "/a", "value": 1}), None),
        (json!({"op": "add", "path": "/a"}), None),
        (json!({"op": "remove"}), None),
        (json!({"path": "/a"}), None),
    ] {
        assert_eq!(serde_json::from_value(text.clone()).ok(), edit, "{text}");
        if let Some(edit) = edit {
            assert_eq!(serde_json::to_value(edit).unwrap(), text);
        }
    }
    let sent_by_clients = r#"[{"op":"add","path":"/a","value":null}]"#;
    let edits: Vec<DigitalTwinEdit> = serde_json::from_str(sent_by_clients).unwrap();
    assert_eq!(edits, [DigitalTwinEdit::Add { path: "/a".into(), value: Value::Null }]);
}
