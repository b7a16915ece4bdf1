use std::collections::BTreeSet;

use iothub_model::Object;
use serde_json::Value;

/// Rows as objects: one that is none has its value beneath `value`.
pub(crate) fn objects(rows: &[Value]) -> Vec<Object> {
    let object = |row: &Value| match row {
        Value::Object(row) => row.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Object::from_iter([("value".to_owned(), row.clone())])
        }
    };
    rows.iter().map(object).collect()
}

/// Every name that a row has, in the order in which they come.
pub(crate) fn columns(rows: &[Object]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let names = rows.iter().flat_map(Object::keys);
    names.filter(|name| known.insert(name.as_str())).cloned().collect()
}

/// A value as a person reads it: text as it is, and all else as JSON.
pub(crate) fn cell(row: &Object, column: &str) -> String {
    match row.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
