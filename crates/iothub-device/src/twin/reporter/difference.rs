use iothub_model::Object;
use serde_json::Value;

/// What of a patch changes these properties: `None` if nothing does.
pub(super) fn difference(properties: &Value, patch: &Object) -> Option<Object> {
    let changes = patch.iter().filter_map(|(name, change)| {
        let change = match (properties.get(name), change) {
            (None, Value::Null) => return None,
            (Some(now @ Value::Object(_)), Value::Object(change)) => Value::Object(difference(now, change)?),
            (Some(now), change) if *now == *change => return None,
            (Some(_) | None, change) => change.clone(),
        };
        Some((name.clone(), change))
    });
    let changes: Object = changes.collect();
    (!changes.is_empty()).then_some(changes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changes_something_is_left() {
        let now = json!({ "a": 1, "b": { "x": 1, "y": [1, 2] }, "c": {} });
        for (patch, expected) in [
            (json!({}), None),
            (json!({ "a": 1, "z": null, "b": { "x": 1 } }), None),
            (json!({ "a": 1, "b": { "x": 2, "y": [1, 2] } }), Some(json!({ "b": { "x": 2 } }))),
            (json!({ "a": null }), Some(json!({ "a": null }))),
            (json!({ "b": { "y": [2, 1] }, "c": {} }), Some(json!({ "b": { "y": [2, 1] } }))),
            (json!({ "b": { "z": null } }), None),
            (json!({ "d": {} }), Some(json!({ "d": {} }))),
            (json!({ "a": { "x": null } }), Some(json!({ "a": { "x": null } }))),
            (json!({ "c": 1 }), Some(json!({ "c": 1 }))),
        ] {
            let found = difference(&now, patch.as_object().unwrap());
            assert_eq!(found.map(Value::Object), expected, "{patch}");
        }
    }
}
