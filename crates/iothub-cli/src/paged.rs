use iothub_service::Pages;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;
use crate::hub::Hub;
use crate::output::{Output, Rows};
use crate::table;

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

    /// Takes all that there is, or the first `top` of it.
    pub(crate) async fn take_all<T: Serialize + DeserializeOwned>(
        &mut self,
        mut pages: Pages<T>,
        top: Option<u32>,
        hub: &Hub,
    ) -> Result<(), Failure> {
        let mut left = top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
        while left > 0 {
            let page = pages.next().await.map_err(|error| hub.explain(error, None))?;
            let Some(page) = page else { break };
            let wanted = &page.rows[..page.rows.len().min(left)];
            left -= wanted.len();
            self.take(wanted)?;
        }
        Ok(())
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

    /// Writes what is held, as a table with a row of `cells` for each.
    pub(crate) fn end_beneath<T: DeserializeOwned, const N: usize>(
        self,
        heading: [&str; N],
        cells: impl Fn(T) -> [String; N],
    ) -> Result<(), Failure> {
        self.end(|held| {
            let rows = held.iter().filter_map(|row| serde_json::from_value(row.clone()).ok());
            Some(table::rows(heading, rows.map(cells)))
        })
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
