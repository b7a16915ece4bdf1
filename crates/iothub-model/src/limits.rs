use std::io;

use serde_json::{Number, Value};

use crate::Object;

/// Deepest nesting of objects and arrays below a section.
const DEPTH_MAX: usize = 10;
/// Longest name of a property, in bytes.
const KEY_LEN_MAX: usize = 1024;
/// Longest text, in bytes.
const STRING_LEN_MAX: usize = 4096;
/// Least integer.
const INTEGER_MIN: i64 = -4_503_599_627_370_496;
/// Greatest integer.
const INTEGER_MAX: i64 = 4_503_599_627_370_495;
/// Longest patch and longest section as JSON, in bytes. The published formula counts much as nothing: empty texts,
/// lists of empty lists, control characters, and every `null` of a patch. So it does not keep the two sections that
/// a device reads from outgrowing the 256 KiB of a packet, and this does.
const JSON_LEN_MAX: usize = 120 * 1024;
/// Most characters of a name that are repeated in a message about it.
const SHOWN_MAX: usize = 64;

/// A property that a hub does not accept, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{rule}", if path.is_empty() { "" } else { ": " })]
pub struct Violation {
    /// Where: names joined by dots and `[index]` for elements, from the section on; empty for the section
    /// itself. Long names are cut, and characters that do not print are escaped.
    pub path: String,
    /// What is not kept to.
    pub rule: Rule,
}

/// A rule about the properties of a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// Objects and arrays nest deeper than allowed.
    #[error("nested deeper than {DEPTH_MAX} levels")]
    Depth,
    /// A name is too long.
    #[error("name of {len} bytes, at most {KEY_LEN_MAX} are allowed")]
    KeyLength {
        /// Its length in bytes.
        len: usize,
    },
    /// A name contains a control character, `.`, `$` or a space.
    #[error("{0:?} is not allowed in a name")]
    KeyCharacter(char),
    /// A text is too long.
    #[error("text of {len} bytes, at most {STRING_LEN_MAX} are allowed")]
    StringLength {
        /// Its length in bytes.
        len: usize,
    },
    /// An integer is outside of the range that a hub keeps exactly.
    #[error("integer outside of {INTEGER_MIN} to {INTEGER_MAX}")]
    Integer,
    /// `null` inside an array, where it cannot mean removal.
    #[error("null is not allowed inside an array")]
    NullInArray,
    /// All properties together are too large, by the formula that IoT Hub counts by.
    #[error("{size} bytes in all, at most {max} are allowed")]
    Size {
        /// What they would have amounted to.
        size: usize,
        /// What they may amount to.
        max: usize,
    },
    /// The patch, or what comes of it, is too long to be sent to a device.
    #[error("{len} bytes of JSON, at most {JSON_LEN_MAX} are allowed")]
    JsonLength {
        /// Its length in bytes.
        len: usize,
    },
}

/// Checks everything that can be said about a patch by itself. As merging never deepens anything and adds
/// no name or value of its own, only the size is left to be checked afterwards.
pub(crate) fn check_patch(patch: &Object) -> Result<(), Violation> {
    check_members(patch, 0, Nulls::Remove)
}

/// Checks how deep a section nests.
pub(crate) fn check_depth(section: &Object) -> Result<(), Violation> {
    let too_deep = |(name, value): (&String, &Value)| (depth(value) > DEPTH_MAX).then(|| shown(name));
    match section.iter().find_map(too_deep) {
        None => Ok(()),
        Some(path) => Err(Violation { path, rule: Rule::Depth }),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
    }
}

/// Checks the sum of a section after a change.
pub(crate) fn check_size(section: &Object, max: usize) -> Result<(), Violation> {
    let size = size_of_members(section);
    if size <= max { Ok(()) } else { Err(Violation { path: String::new(), rule: Rule::Size { size, max } }) }
}

/// Checks that a patch, or a section after it, is fit to be sent.
pub(crate) fn check_json_len(members: &Object) -> Result<(), Violation> {
    let mut counter = Counter { len: 0 };
    serde_json::to_writer(&mut counter, members)
        .expect("members have text for names, and counting cannot fail");
    if counter.len <= JSON_LEN_MAX {
        return Ok(());
    }
    Err(Violation { path: String::new(), rule: Rule::JsonLength { len: counter.len } })
}

/// Counts what is written, and keeps nothing of it.
struct Counter {
    len: usize,
}

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.len += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `null` means where the check is.
#[derive(Clone, Copy)]
enum Nulls {
    Remove,
    Forbidden,
}

fn check_members(members: &Object, depth: usize, nulls: Nulls) -> Result<(), Violation> {
    for (name, value) in members {
        check_name(name)
            .map_err(|rule| Violation { path: String::new(), rule })
            .and_then(|()| check_value(value, depth, nulls))
            .map_err(|violation| violation.below(&shown(name)))?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Rule> {
    if name.len() > KEY_LEN_MAX {
        return Err(Rule::KeyLength { len: name.len() });
    }
    let refused = name.chars().find(|&c| c.is_control() || matches!(c, '.' | '$' | ' '));
    refused.map_or(Ok(()), |c| Err(Rule::KeyCharacter(c)))
}

fn check_value(value: &Value, depth: usize, nulls: Nulls) -> Result<(), Violation> {
    let broken = |rule| Err(Violation { path: String::new(), rule });
    match (value, nulls) {
        (Value::Null, Nulls::Remove) | (Value::Bool(_), _) => Ok(()),
        (Value::Null, Nulls::Forbidden) => broken(Rule::NullInArray),
        (Value::Number(number), _) if is_out_of_range(number) => broken(Rule::Integer),
        (Value::Number(_), _) => Ok(()),
        (Value::String(text), _) if text.len() > STRING_LEN_MAX => {
            broken(Rule::StringLength { len: text.len() })
        }
        (Value::String(_), _) => Ok(()),
        (Value::Array(_) | Value::Object(_), _) if depth == DEPTH_MAX => broken(Rule::Depth),
        (Value::Object(members), nulls) => check_members(members, depth + 1, nulls),
        (Value::Array(elements), _) => {
            for (index, element) in elements.iter().enumerate() {
                check_value(element, depth + 1, Nulls::Forbidden)
                    .map_err(|violation| violation.below(&format!("[{index}]")))?;
            }
            Ok(())
        }
    }
}

fn is_out_of_range(number: &Number) -> bool {
    match (number.as_i64(), number.as_u64()) {
        (Some(integer), _) => !(INTEGER_MIN..=INTEGER_MAX).contains(&integer),
        (None, Some(_beyond_i64)) => true,
        (None, None) => false,
    }
}

fn size_of_members(members: &Object) -> usize {
    members.iter().map(|(name, value)| size_of_text(name) + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => size_of_text(text),
        Value::Array(elements) => elements.iter().map(size_of_value).sum(),
        Value::Object(members) => size_of_members(members),
    }
}

/// Bytes of UTF-8, control characters not counted.
fn size_of_text(text: &str) -> usize {
    text.chars().filter(|c| !c.is_control()).map(char::len_utf8).sum()
}

impl Violation {
    /// The same, seen from the object or array that has the place in `member`.
    fn below(mut self, member: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{member}{dot}{}", self.path);
        self
    }
}

/// The name, fit to be repeated in a message.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}
