//! `iothub`: a hub on this machine, and what one does with a hub from a shell.
//!
//! Results go to standard output, everything else to standard error; `args.rs` has the map of the commands,
//! and each file in `commands` is one of them.

mod advice;
mod args;
mod clock;
mod columns;
mod commands;
mod completion;
mod condition;
mod content;
mod contexts;
mod csv;
mod dialect;
mod duration;
mod failure;
mod hub;
mod identity;
mod logging;
mod login;
mod named;
mod open_files;
mod outcome;
mod output;
mod paged;
mod progress;
mod redaction;
mod renewal;
mod shell;
mod signals;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::failure::{Detail, Failure};

fn main() -> ExitCode {
    completion::answer();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misuse(&error),
    };
    let detail = if cli.verbose { Detail::Chain } else { Detail::Line };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(detail),
    }
}

/// What clap has to say: help is a result, everything else is a misuse and may quote a secret.
fn misuse(error: &clap::Error) -> ExitCode {
    // Nothing was typed that could be quoted, and whoever types so little wants to know what there is.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(2);
    }
    if error.use_stderr() {
        return Failure::from_clap(error).report(Detail::Line);
    }
    // Nobody is left to be told that nobody reads the help.
    let _ = error.print();
    ExitCode::SUCCESS
}
