use std::io::{self, Read};
use std::path::Path;

use iothub_model::{Object, Patch};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// What an argument stands for: itself, the content of the file after an `@`, or with `-` standard input.
pub(crate) fn content(option: &str, argument: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LEN_MAX + 1).expect("the limit is small");
    let read = match (argument, argument.strip_prefix('@')) {
        ("-", _) => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        (_, Some(path)) => {
            std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
        }
        (text, None) => {
            bytes.extend_from_slice(text.as_bytes());
            Ok(bytes.len())
        }
    };
    read.map_err(|error| Failure::failed(format_args!("{option} {argument}: {error}")))?;
    if bytes.len() > LEN_MAX {
        return Err(Failure::failed(format_args!("{option}: more than {LEN_MAX} bytes, which no hub takes")));
    }
    Ok(bytes)
}

/// The same, where it has to be JSON.
pub(crate) fn json(option: &str, argument: &str) -> Result<Box<RawValue>, Failure> {
    let bytes = content(option, argument)?;
    serde_json::from_slice(&bytes).map_err(|error| not_json(option, &error))
}

/// The same, where it has to be a JSON object, or `null` for nothing at all.
pub(crate) fn object(option: &str, argument: Option<&str>) -> Result<Patch<Object>, Failure> {
    let Some(argument) = argument else { return Ok(Patch::Absent) };
    let bytes = content(option, argument)?;
    match serde_json::from_slice(&bytes).map_err(|error| not_json(option, &error))? {
        Value::Null => Ok(Patch::Null),
        Value::Object(object) => Ok(Patch::Value(object)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Failure::misused(format_args!("{option}: not a JSON object, as in '{{\"interval\":5}}'")))
        }
    }
}

/// The text of a file.
pub(crate) fn text_file(path: &Path) -> Result<String, Failure> {
    let limit = u64::try_from(LEN_MAX).expect("the limit is small");
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    read.map_err(|error| Failure::failed(format_args!("cannot read {}: {error}", path.display())))?;
    Ok(text)
}

fn not_json(option: &str, error: &serde_json::Error) -> Failure {
    // The usual reason is a shell that has taken the quotes for itself.
    Failure::misused(format_args!(
        "{option}: not JSON: {error} (put it in single quotes, or give @FILE or -)"
    ))
}

/// Most that is read, in bytes: beyond what any request to a hub may have.
const LEN_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_text_or_names_a_file() {
        let path = std::env::temp_dir().join(format!("iothub-content-{}", std::process::id()));
        std::fs::write(&path, b"from a file\xff").unwrap();
        let named = format!("@{}", path.display());
        assert_eq!(content("--data", "text").unwrap(), b"text");
        assert_eq!(content("--data", "").unwrap(), b"");
        assert_eq!(content("--data", &named).unwrap(), b"from a file\xff");
        std::fs::write(&path, vec![b'x'; LEN_MAX + 1]).unwrap();
        assert!(content("--data", &named).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(content("--data", &named).is_err());
    }

    #[test]
    fn json_keeps_its_order_and_what_is_none_is_refused() {
        assert_eq!(json("--method-payload", r#"{"b":1,"a":1.50}"#).unwrap().get(), r#"{"b":1,"a":1.50}"#);
        for bad in ["", "{", "reboot", "{a:1}", "1 2"] {
            assert!(json("--method-payload", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_section_is_an_object_or_null_or_not_mentioned() {
        assert_eq!(object("--tags", None).unwrap(), Patch::Absent);
        assert_eq!(object("--tags", Some("null")).unwrap(), Patch::Null);
        let value = object("--tags", Some(r#"{"a":null}"#)).unwrap();
        assert_eq!(value.value().map(|object| object.len()), Some(1));
        for bad in ["[]", "1", "\"a\"", "true", "x"] {
            assert!(object("--tags", Some(bad)).is_err(), "{bad}");
        }
    }
}
