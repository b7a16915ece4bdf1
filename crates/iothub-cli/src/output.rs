use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;
use crate::terminal;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs: one JSON document per line
    Json,
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
            Format::Json => {
                let line =
                    serde_json::to_string(json).expect("results have text for keys, all that can fail");
                self.line(&line)
            }
        }
    }

    /// Writes a result that is one text, for people and programs alike. As JSON only where that was asked for.
    pub(crate) fn text(&mut self, text: &str, json: &impl Serialize) -> Result<(), Failure> {
        if self.asked == Some(Format::Json) {
            return self.show(json, String::new);
        }
        self.line(text)
    }

    /// Writes a line as it is. It has arrived when this returns.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        // In one piece, so that two programs with the same output do not mix their lines.
        let whole = format!("{line}\n");
        let written = self.to.write_all(whole.as_bytes()).and_then(|()| self.to.flush());
        written.map_err(|error| Failure::of_output(&error))
    }

    /// Whether a person reads the results.
    pub(crate) const fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table)
    }
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
        for (format, written) in [(Format::Json, "{\"b\":1,\"a\":[\"\\n\"]}\n"), (Format::Table, "b  1\n")] {
            let mut bytes = Vec::new();
            let mut output = Output::to(format, &mut bytes);
            output.show(&json!({"b": 1, "a": ["\n"]}), || "b  1".into()).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), written);
        }
    }
}
