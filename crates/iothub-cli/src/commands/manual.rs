use std::path::PathBuf;

use clap::CommandFactory;

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::{Output, remark};

/// Write the manual pages, one for each command
///
/// For those who package this program: `cargo xtask man` calls it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  iothub manual target/man")]
pub(crate) struct Arguments {
    /// The folder to write to, which is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| {
        Failure::failed(format_args!("cannot write manual pages to {}: {error}", folder.display()))
    })?;
    if output.is_for_people() {
        remark(&format!("the manual is in {}", folder.display()));
    }
    Ok(())
}
