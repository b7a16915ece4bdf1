//! What several settings together make of desired properties.

use iothub_model::Object;
use serde_json::Value;

use super::content::Settings;

/// What they want, the weakest first, as a merge patch: each puts its values in the place of what stood there.
pub(crate) fn of<'s>(settings: impl IntoIterator<Item = &'s Settings>) -> Object {
    let mut wanted = Value::Object(Object::new());
    for setting in settings.into_iter().flat_map(Settings::iter) {
        put(&mut wanted, &setting.place, &setting.value);
    }
    match wanted {
        Value::Object(wanted) => wanted,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Object::new(),
    }
}

/// What has to be removed from `current`, as a merge patch: what was wanted and is not any longer. Of an object nothing
/// stays if nothing would be left in it.
pub(crate) fn removal(before: &Object, wanted: &Object, current: &Object) -> Object {
    let mut patch = Object::new();
    for (name, value) in before {
        let Some(present) = current.get(name) else { continue };
        let gone = match (value, wanted.get(name)) {
            // It had something removed, which nobody remembers.
            (Value::Null, _) => None,
            (Value::Object(before), Some(Value::Object(wanted))) => match present {
                Value::Object(present) => {
                    Some(removal(before, wanted, present)).filter(|it| !it.is_empty()).map(Value::Object)
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
            },
            (_, Some(_)) => None,
            (Value::Object(before), None) => match present {
                Value::Object(present) => emptied(before, present),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Some(Value::Null)
                }
            },
            (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_), None) => {
                Some(Value::Null)
            }
        };
        patch.extend(gone.map(|gone| (name.clone(), gone)));
    }
    patch
}

/// Both patches in one. Where they meet, both have objects.
pub(crate) fn joined(mut one: Object, other: Object) -> Object {
    for (name, value) in other {
        match (one.remove(&name), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) => {
                one.insert(name, Value::Object(joined(mine, theirs)));
            }
            (_, value) => drop(one.insert(name, value)),
        }
    }
    one
}

/// What of a merge patch makes a difference to `current`.
pub(crate) fn difference(patch: &Object, current: &Object) -> Object {
    let differing = |(name, value): (&String, &Value)| {
        let differing = match (value, current.get(name)) {
            (Value::Null, None) => return None,
            (Value::Object(patch), Some(Value::Object(current))) => {
                let inner = difference(patch, current);
                Value::Object(Some(inner).filter(|inner| !inner.is_empty())?)
            }
            (value, Some(present)) if value == present => return None,
            (value, _) => value.clone(),
        };
        Some((name.clone(), differing))
    };
    patch.iter().filter_map(differing).collect()
}

/// What of an object has to be removed with all that was wanted in it: the whole if nothing else is there.
fn emptied(before: &Object, present: &Object) -> Option<Value> {
    let patch = removal(before, &Object::new(), present);
    let is_all = present.keys().all(|name| patch.get(name) == Some(&Value::Null));
    match (is_all, patch.is_empty()) {
        (true, _) => Some(Value::Null),
        (false, true) => None,
        (false, false) => Some(Value::Object(patch)),
    }
}

fn put(at: &mut Value, place: &[String], value: &Value) {
    let Some((name, rest)) = place.split_first() else {
        *at = value.clone();
        return;
    };
    if !at.is_object() {
        *at = Value::Object(Object::new());
    }
    let members = at.as_object_mut().expect("it was made an object if it was none");
    put(members.entry(name.clone()).or_insert(Value::Null), rest, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_wanted_no_longer_is_removed_and_nothing_else() {
        for (before, wanted, current, patch) in [
            (json!({"a": 1}), json!({}), json!({"a": 1, "b": 2}), json!({"a": null})),
            (json!({"a": 1}), json!({}), json!({"b": 2}), json!({})),
            (json!({"a": 1}), json!({"a": 2}), json!({"a": 1}), json!({})),
            (
                json!({"a": {"x": 1, "y": 2}}),
                json!({"a": {"y": 3}}),
                json!({"a": {"x": 1, "y": 2}}),
                json!({"a": {"x": null}}),
            ),
            (json!({"a": {"x": 1}}), json!({}), json!({"a": {"x": 1}}), json!({"a": null})),
            (json!({"a": {"x": 1}}), json!({}), json!({"a": {"x": 1, "mine": 2}}), json!({"a": {"x": null}})),
            (json!({"a": {"x": {"y": 1}}}), json!({}), json!({"a": {"x": {"y": 1}}}), json!({"a": null})),
            (json!({"a": {"x": 1}}), json!({}), json!({"a": {"mine": 2}}), json!({})),
            (json!({"a": {"x": 1}}), json!({}), json!({"a": 7}), json!({"a": null})),
            (json!({"a": {"x": 1}}), json!({"a": 7}), json!({"a": {"x": 1}}), json!({})),
            (json!({"a": null}), json!({}), json!({"a": 1}), json!({})),
            (json!({"a": {}}), json!({}), json!({"a": {}}), json!({"a": null})),
        ] {
            let found = removal(&object(before.clone()), &object(wanted.clone()), &object(current.clone()));
            assert_eq!(Value::Object(found), patch, "{before} {wanted} {current}");
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        for (patch, current, told) in [
            (json!({"a": 1, "b": 2}), json!({"a": 1}), json!({"b": 2})),
            (json!({"a": null}), json!({}), json!({})),
            (json!({"a": null}), json!({"a": 1}), json!({"a": null})),
            (json!({"a": {"x": 1, "y": 2}}), json!({"a": {"x": 1}}), json!({"a": {"y": 2}})),
            (json!({"a": {"x": 1}}), json!({"a": {"x": 1, "mine": 2}}), json!({})),
            (json!({"a": {}}), json!({}), json!({"a": {}})),
            (json!({"a": {"x": 1}}), json!({"a": 7}), json!({"a": {"x": 1}})),
            (json!({"a": [1]}), json!({"a": [1]}), json!({})),
        ] {
            let found = difference(&object(patch.clone()), &object(current.clone()));
            assert_eq!(Value::Object(found), told, "{patch} {current}");
        }
    }

    #[test]
    fn two_patches_meet_in_objects() {
        let one = object(json!({"a": {"x": null}, "b": null}));
        let joined = joined(one, object(json!({"a": {"y": 1}, "c": 2})));
        assert_eq!(Value::Object(joined), json!({"a": {"x": null, "y": 1}, "b": null, "c": 2}));
    }
}
