use core::error::Error;
use core::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::outcome::Outcome;
use crate::redaction::redacted;
use crate::terminal::printable;

/// Why a command has not done what it was asked to: one line, and what is beneath it.
#[derive(Debug)]
pub(crate) struct Failure {
    outcome: Outcome,
    message: String,
    causes: Vec<String>,
}

/// How much is told about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What happened and what to do, on one line.
    Line,
    /// The same, and the causes below it.
    Chain,
}

impl Failure {
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Failed, message)
    }

    pub(crate) fn misused(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Misused, message)
    }

    /// What it is about is not there.
    pub(crate) fn absent(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Absent, message)
    }

    /// It is there already, or has been changed.
    pub(crate) fn conflict(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Conflict, message)
    }

    /// It may work later.
    pub(crate) fn unreached(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Unreached, message)
    }

    /// Some of it is done.
    pub(crate) fn partial(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Partial, message)
    }

    /// Stopped before the outcome was known.
    pub(crate) fn interrupted(message: impl fmt::Display) -> Self {
        Self::new(Outcome::Interrupted, message)
    }

    /// For what could not be written to standard output.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Outcome::Unheard, "");
        }
        Self::failed(format_args!("cannot write to standard output: {error}"))
    }

    /// For a command line that clap does not accept: its first sentence, its tips, and where to read on.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        let text = error.to_string();
        let mut message = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(first) = line.strip_prefix("error: ") {
                message.push_str(first);
            } else if let Some(tip) = line.strip_prefix("tip: ") {
                message.push_str("; ");
                message.push_str(tip);
            } else if line.starts_with("Usage:") || line.starts_with("For more information") {
                break;
            } else {
                message.push(' ');
                message.push_str(line);
            }
        }
        Self::misused(format_args!("{message} (`--help` tells more)"))
    }

    /// Adds something that lies beneath, for those who want to know more.
    pub(crate) fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds an error and everything beneath it.
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Adds everything that another failure says.
    pub(crate) fn because_of(mut self, other: Self) -> Self {
        self.causes.push(other.message);
        self.causes.extend(other.causes);
        self
    }

    /// Whether somebody has had enough.
    pub(crate) fn is_interrupt(&self) -> bool {
        self.outcome == Outcome::Interrupted
    }

    /// Nothing, if all that is wrong is that nobody reads the output.
    pub(crate) fn unless_unheard(self) -> Result<(), Self> {
        if self.outcome == Outcome::Unheard { Ok(()) } else { Err(self) }
    }

    /// Prints to standard error, and gives the exit status.
    pub(crate) fn report(&self, detail: Detail) -> ExitCode {
        if self.outcome != Outcome::Unheard {
            // Where not even this can be written, the exit status says what is left to say.
            let _ = io::stderr().write_all(self.text(detail).as_bytes());
        }
        ExitCode::from(self.outcome.code())
    }

    fn text(&self, detail: Detail) -> String {
        let mut text = format!("iothub: {self}\n");
        if detail == Detail::Chain {
            for cause in &self.causes {
                text.push_str("  because: ");
                text.push_str(&one_line(cause));
                text.push('\n');
            }
        }
        text
    }

    pub(crate) fn new(outcome: Outcome, message: impl fmt::Display) -> Self {
        Self { outcome, message: message.to_string(), causes: Vec::new() }
    }
}

/// The line without the name of the program.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message))
    }
}

/// Errors never hold secrets; that they do not show here does not depend on it.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    printable(&redacted(&words.join(" "))).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn a_failure_is_one_line_and_the_chain_is_below_it() {
        let beneath = io::Error::other("connection\nrefused");
        let failure = Failure::failed("cannot reach hub\r\nSharedAccessKey=c2VjcmV0").because(&beneath);
        assert_eq!(failure.text(Detail::Line), "iothub: cannot reach hub SharedAccessKey=(hidden)\n");
        assert_eq!(
            failure.text(Detail::Chain),
            "iothub: cannot reach hub SharedAccessKey=(hidden)\n  because: connection refused\n"
        );
    }

    #[test]
    fn the_exit_status_says_who_is_to_act() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        for (failure, code) in [
            (Failure::of_output(&closed), 0),
            (Failure::of_output(&full), 1),
            (Failure::failed("x"), 1),
            (Failure::misused("x"), 2),
        ] {
            assert_eq!(failure.outcome.code(), code, "{failure:?}");
        }
    }

    #[test]
    fn what_clap_quotes_is_one_line_without_secrets() {
        for (line, message) in [
            (
                "iothub device list HostName=h;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0",
                "iothub: unexpected argument 'HostName=h;SharedAccessKeyName=p;SharedAccessKey=(hidden)' found \
                 (`--help` tells more)\n",
            ),
            (
                "iothub device list --topp 4",
                "iothub: unexpected argument '--topp' found; a similar argument exists: '--top' (`--help` tells \
                 more)\n",
            ),
            (
                "iothub method invoke pump-7 reboot --timeout 4",
                "iothub: invalid value '4' for '--timeout <SECONDS>': 4 is not in 5..=300 (`--help` tells \
                 more)\n",
            ),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).err().expect(line);
            assert_eq!(Failure::from_clap(&error).text(Detail::Chain), message);
        }
    }
}
