use serde_json::Value;

use crate::columns::{cell, columns, objects};

/// Rows beneath a heading with every name that one of them has. Lines end as RFC 4180 wants it.
///
/// A value that is no text is written as JSON; one that is absent or `null` is empty. Rows that are no objects stand
/// alone beneath `value`.
pub(crate) fn text(rows: &[Value]) -> String {
    let rows = objects(rows);
    let columns = columns(&rows);
    if columns.is_empty() {
        return String::new();
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut write = |record: Vec<String>| writer.write_record(record);
    let written = write(columns.clone()).and_then(|()| {
        rows.iter().try_for_each(|row| write(columns.iter().map(|name| cell(row, name)).collect()))
    });
    written.expect("each record has as many fields as the heading, and memory takes every byte");
    let bytes = writer.into_inner().expect("memory takes every byte");
    String::from_utf8(bytes).expect("what went in was text")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_be_taken_for_the_end_of_a_field_is_quoted() {
        for (rows, expected) in [
            (
                json!([{"a": "x\"y", "b": null}, {"a": "1\n2", "c": true}]),
                "a,b,c\r\n\"x\"\"y\",,\r\n\"1\n2\",,true\r\n",
            ),
            (json!([{"a": {"b": [1, "x"]}}]), "a\r\n\"{\"\"b\"\":[1,\"\"x\"\"]}\"\r\n"),
            (json!([5, "x"]), "value\r\n5\r\nx\r\n"),
            (json!([{"a": ""}]), "a\r\n\"\"\r\n"),
            (json!([]), ""),
            (json!([{}]), ""),
        ] {
            assert_eq!(text(rows.as_array().unwrap()), expected, "{rows}");
        }
    }
}
