use core::cell::{Cell, RefCell};
use core::fmt;

use iothub_codec::Dialect;
use serde_json::json;

use crate::clock::Stopwatch;
use crate::dialect::mqtt;
use crate::output::Output;
use crate::terminal::printable;

/// What a demonstration shows, line by line, with the time since it began.
pub(super) struct Story<'a> {
    began: Stopwatch,
    has_begun: Cell<bool>,
    output: RefCell<&'a mut Output>,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    BackEnd,
    Hub,
    Device,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::BackEnd => "back end",
            Self::Hub => "hub",
            Self::Device => "device",
        }
    }
}

impl<'a> Story<'a> {
    pub(super) fn begin(output: &'a mut Output) -> Self {
        Self { began: Stopwatch::start(), has_begun: Cell::new(false), output: RefCell::new(output) }
    }

    /// What follows is said in this dialect.
    pub(super) fn act(&self, dialect: Dialect) -> Result<(), String> {
        let ms = self.began.elapsed_ms();
        let (gap, mqtt) = (self.gap(), mqtt(dialect));
        let line = format!("{gap}== {dialect}, over {mqtt} ==");
        self.write(&line, &json!({ "ms": ms, "dialect": dialect.name(), "over": mqtt }))
    }

    /// Something begins that has a name.
    pub(super) fn chapter(&self, name: &str) -> Result<(), String> {
        let ms = self.began.elapsed_ms();
        let gap = self.gap();
        self.write(&format!("{gap}{name}"), &json!({ "ms": ms, "step": name }))
    }

    /// Something happens at one place.
    pub(super) fn happens(&self, at: Part, what: impl fmt::Display) -> Result<(), String> {
        let (ms, what) = (self.began.elapsed_ms(), what.to_string());
        let line = format!("{ms:>6} ms  {:<8}             {}", at.name(), printable(&what));
        self.write(&line, &json!({ "ms": ms, "at": at.name(), "what": what }))
    }

    /// Something travels.
    pub(super) fn travels(&self, from: Part, to: Part, what: impl fmt::Display) -> Result<(), String> {
        let (ms, what) = (self.began.elapsed_ms(), what.to_string());
        let line = format!("{ms:>6} ms  {:<8} -> {:<8} {}", from.name(), to.name(), printable(&what));
        self.write(&line, &json!({ "ms": ms, "from": from.name(), "to": to.name(), "what": what }))
    }

    /// What stands between this and what came before.
    fn gap(&self) -> &'static str {
        if self.has_begun.replace(true) { "\n" } else { "" }
    }

    fn write(&self, line: &str, json: &serde_json::Value) -> Result<(), String> {
        let written = self.output.borrow_mut().text(line, json);
        // Whether the story is heard to its end has nothing to do with how it ends.
        written.or_else(crate::failure::Failure::unless_unheard).map_err(|failure| failure.to_string())
    }
}
