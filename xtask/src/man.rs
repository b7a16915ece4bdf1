use clap::Args;

use crate::failure::Failure;
use crate::{cargo, workspace};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder to write to, else target/man
    #[arg(long, value_name = "DIR")]
    out: Option<std::path::PathBuf>,
}

/// Writes the manual pages of the command line, one for each command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.out.clone().unwrap_or_else(|| workspace::root().join("target/man"));
    let shown = folder.to_str().ok_or_else(|| Failure::new("a path that is no text"))?;
    cargo::run(&["run", "--quiet", "--package", "iothub-cli", "--", "manual", shown])?;
    let pages =
        std::fs::read_dir(&folder).map_err(Failure::while_doing("the manual cannot be read"))?.count();
    println!("man: {pages} pages in {shown} (`man -l {shown}/iothub.1` reads the first)");
    Ok(())
}
