use std::collections::BTreeMap;

use iothub_model::ConfigurationContent;
use serde_json::Value;

use crate::content::content;
use crate::failure::Failure;

/// Reads what a configuration sets: the content itself, or a document that has it beneath `content`, as files for the
/// Azure CLI do.
pub(crate) fn read(option: &str, argument: &str) -> Result<ConfigurationContent, Failure> {
    let content = inner(json(option, argument)?, "content");
    let content: ConfigurationContent = serde_json::from_value(content)
        .map_err(|error| Failure::misused(format_args!("{option}: no content: {error}")))?;
    if content == ConfigurationContent::default() {
        return Err(Failure::misused(format_args!(
            "{option}: neither deviceContent, moduleContent nor modulesContent is in it"
        )));
    }
    Ok(content)
}

/// Reads queries by their names: these themselves, or beneath `queries`, that perhaps beneath `metrics`.
pub(super) fn metrics(argument: &str) -> Result<BTreeMap<String, String>, Failure> {
    texts("--metrics", inner(inner(json("--metrics", argument)?, "metrics"), "queries"))
}

/// Reads labels by their names.
pub(super) fn labels(argument: &str) -> Result<BTreeMap<String, String>, Failure> {
    texts("--labels", json("--labels", argument)?)
}

fn texts(option: &str, value: Value) -> Result<BTreeMap<String, String>, Failure> {
    serde_json::from_value(value)
        .map_err(|error| Failure::misused(format_args!("{option}: not an object with texts: {error}")))
}

fn json(option: &str, argument: &str) -> Result<Value, Failure> {
    serde_json::from_slice(&content(option, argument)?)
        .map_err(|error| Failure::misused(format_args!("{option}: not JSON: {error}")))
}

/// What stands beneath a name if it is an object, else all of it.
fn inner(mut value: Value, name: &str) -> Value {
    match value.get_mut(name) {
        Some(inner @ Value::Object(_)) => inner.take(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beneath_something_else_is_found() {
        for (text, good) in [
            (r#"{"deviceContent":{"properties.desired.a":1}}"#, true),
            (r#"{"content":{"deviceContent":{"properties.desired.a":1}}}"#, true),
            (r#"{"content":{"modulesContent":{"m":{"properties.desired.a":1}}}}"#, true),
            (r#"{"content":{}}"#, false),
            ("{}", false),
            ("[]", false),
            (r#"{"deviceContent":5}"#, false),
            ("{", false),
        ] {
            assert_eq!(read("--content", text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            (r#"{"a":"SELECT 1"}"#, true),
            (r#"{"queries":{"a":"SELECT 1"}}"#, true),
            (r#"{"metrics":{"queries":{"a":"SELECT 1"}}}"#, true),
            (r#"{"queries":"SELECT 1"}"#, false),
            (r#"{"a":1}"#, false),
        ] {
            let queries =
                metrics(text).ok().filter(|queries| queries.get("a").is_some_and(|q| q == "SELECT 1"));
            assert_eq!(queries.is_some(), good, "{text}");
        }
        assert!(labels(r#"{"a":"b"}"#).is_ok() && labels(r#"{"a":{}}"#).is_err());
    }
}
