use core::fmt;
use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::{csv, terminal};

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs: one JSON document per line
    Json,
    /// The same, where a document that is a list goes one member a line
    Ndjson,
    /// For spreadsheets: comma-separated values beneath a heading, as RFC 4180 has them
    Csv,
}

impl Format {
    /// What was asked for, or what suits whoever reads: a person at a terminal, a program behind a pipe.
    fn choose(asked: Option<Self>) -> Self {
        Self::for_reader(asked, terminal::stdout_is_one())
    }

    const fn for_reader(asked: Option<Self>, is_terminal: bool) -> Self {
        match asked {
            Some(format) => format,
            None if is_terminal => Self::Table,
            None => Self::Json,
        }
    }
}

/// Standard output, or whatever else takes results.
pub(crate) struct Output<W: Write = io::Stdout> {
    /// What the command line says, if it says anything.
    asked: Option<Format>,
    format: Format,
    to: W,
}

impl Output {
    /// `asked` is what the command line says.
    pub(crate) fn stdout(asked: Option<Format>) -> Self {
        Self { asked, format: Format::choose(asked), to: io::stdout() }
    }
}

impl<W: Write> Output<W> {
    #[cfg(test)]
    pub(crate) const fn to(asked: Format, to: W) -> Self {
        Self { asked: Some(asked), format: asked, to }
    }

    /// Writes one result: `json` on a line of its own, or what `table` makes of it.
    pub(crate) fn show(
        &mut self,
        json: &impl Serialize,
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.line(&table()),
            Format::Json => self.line(&json_line(json)),
            Format::Ndjson => {
                let line = json_line(json);
                match serde_json::from_str::<Vec<&RawValue>>(&line) {
                    Ok(members) => members.iter().try_for_each(|member| self.line(member.get())),
                    Err(_) => self.line(&line),
                }
            }
            Format::Csv => {
                let value = json_value(json);
                match value.as_array() {
                    Some(members) => self.csv(members),
                    None => self.csv(&[value]),
                }
            }
        }
    }

    /// Writes several results that are alike: each as a document of its own, or as rows beneath one heading.
    pub(crate) fn each(
        &mut self,
        rows: &[impl Serialize],
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.line(&table()),
            Format::Json | Format::Ndjson => rows.iter().try_for_each(|row| self.line(&json_line(row))),
            Format::Csv => self.csv(&rows.iter().map(json_value).collect::<Vec<_>>()),
        }
    }

    fn csv(&mut self, rows: &[Value]) -> Result<(), Failure> {
        let text = csv::text(rows);
        if text.is_empty() { Ok(()) } else { self.line(text.trim_end_matches(['\r', '\n'])) }
    }

    /// How rows are written that come a page at a time.
    pub(crate) const fn rows(&self) -> Rows {
        match (self.format, self.asked) {
            (Format::Table, _) => Rows::Grid,
            (Format::Csv, _) => Rows::Csv,
            (Format::Json, Some(_)) => Rows::List,
            (Format::Json, None) | (Format::Ndjson, _) => Rows::Lines,
        }
    }

    /// Writes a result that is one text, for people and programs alike. As JSON only where that was asked for.
    pub(crate) fn text(&mut self, text: &str, json: &impl Serialize) -> Result<(), Failure> {
        if self.asked.is_some_and(|asked| asked != Format::Table) {
            return self.show(json, String::new);
        }
        self.line(text)
    }

    /// Writes a line as it is. It has arrived when this returns.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        // In one piece, so that two programs with the same output do not mix their lines.
        self.piece(&format!("{line}\n"))
    }

    /// Writes a part of a line. It has arrived when this returns.
    pub(crate) fn piece(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        written.map_err(|error| Failure::of_output(&error))
    }

    /// Tells a person that something is gone. Programs know by the exit status: there is no result.
    pub(crate) fn tell_deleted(&self, what: impl fmt::Display) {
        if self.is_for_people() {
            remark(&format!("deleted {what}"));
        }
    }

    /// Whether a person reads the results.
    pub(crate) const fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table)
    }
}

/// How rows are written that come a page at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// As a table, when all have come.
    Grid,
    /// As one list, which is not closed if it is not whole.
    List,
    /// One a line, as they come.
    Lines,
    /// Beneath a heading, when all have come.
    Csv,
}

fn json_line(json: &impl Serialize) -> String {
    serde_json::to_string(json).expect("results have text for keys, all that can fail")
}

fn json_value(json: &impl Serialize) -> Value {
    serde_json::to_value(json).expect("results have text for keys, all that can fail")
}

/// Tells a person something that is no result. Where nobody listens, nothing is lost.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "iothub: {}", terminal::printable(text));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_gets_tables_and_a_pipe_json_unless_told_otherwise() {
        for (asked, is_terminal, format) in [
            (None, true, Format::Table),
            (None, false, Format::Json),
            (Some(Format::Json), true, Format::Json),
            (Some(Format::Table), false, Format::Table),
        ] {
            assert_eq!(Format::for_reader(asked, is_terminal), format);
        }
    }

    #[test]
    fn a_result_is_one_line_of_json_or_a_table() {
        for (format, written) in [
            (Format::Json, "{\"b\":1,\"a\":[\"\\n\"]}\n"),
            (Format::Ndjson, "{\"b\":1,\"a\":[\"\\n\"]}\n"),
            (Format::Csv, "b,a\r\n1,\"[\"\"\\n\"\"]\"\n"),
            (Format::Table, "b  1\n"),
        ] {
            let mut bytes = Vec::new();
            let mut output = Output::to(format, &mut bytes);
            output.show(&json!({"b": 1, "a": ["\n"]}), || "b  1".into()).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), written);
        }
    }

    #[test]
    fn a_list_is_one_document_or_a_line_for_each_member() {
        let list = json!([{"a": 1}, {"b": "x,y"}]);
        for (format, written) in [
            (Format::Json, "[{\"a\":1},{\"b\":\"x,y\"}]\n"),
            (Format::Ndjson, "{\"a\":1}\n{\"b\":\"x,y\"}\n"),
            (Format::Csv, "a,b\r\n1,\r\n,\"x,y\"\n"),
        ] {
            let mut bytes = Vec::new();
            Output::to(format, &mut bytes).show(&list, String::new).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), written);
        }
        for format in [Format::Json, Format::Ndjson, Format::Csv] {
            let mut bytes = Vec::new();
            Output::to(format, &mut bytes).each(&[] as &[Value], String::new).unwrap();
            assert_eq!(bytes, b"", "{format:?}");
        }
    }
}
