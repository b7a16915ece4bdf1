use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Output, Rows};

/// Results that come a page at a time, on their way out: as they come, or when all have come.
pub(crate) struct Paged<'a> {
    output: &'a mut Output,
    /// What is written at the end.
    held: Vec<Value>,
    /// How many went out already.
    count: usize,
}

impl<'a> Paged<'a> {
    pub(crate) const fn new(output: &'a mut Output) -> Self {
        Self { output, held: Vec::new(), count: 0 }
    }

    pub(crate) fn take(&mut self, rows: &[impl Serialize]) -> Result<(), Failure> {
        for row in rows {
            let row = serde_json::to_value(row).expect("results have text for keys, all that can fail");
            match self.output.rows() {
                Rows::Grid | Rows::Csv => self.held.push(row),
                Rows::Lines => self.output.line(&row.to_string())?,
                Rows::List => {
                    let before = if self.count == 0 { '[' } else { ',' };
                    self.output.piece(&format!("{before}{row}"))?;
                }
            }
            self.count += 1;
        }
        Ok(())
    }

    /// Writes what is held, as a table what `table` makes of it.
    pub(crate) fn end(self, table: impl FnOnce(&[Value]) -> Option<String>) -> Result<(), Failure> {
        match self.output.rows() {
            Rows::Lines => Ok(()),
            Rows::List if self.count == 0 => self.output.line("[]"),
            Rows::List => self.output.line("]"),
            Rows::Csv => self.output.each(&self.held, String::new),
            Rows::Grid => match table(&self.held) {
                None => Ok(()),
                Some(text) => self.output.line(&text),
            },
        }
    }
}
