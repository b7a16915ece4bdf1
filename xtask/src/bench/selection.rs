use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::workspace;

/// Which rows are measured, of which program, and where it keeps its data.
#[derive(Args)]
pub(super) struct Selection {
    /// Only rows with one of these in their names
    rows: Vec<String>,
    /// Where data is kept, in folders that are removed afterwards
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measure this program instead of building `iothub` first
    #[arg(long, value_name = "PROGRAM")]
    iothub: Option<PathBuf>,
}

impl Selection {
    /// Those of the rows that are wanted.
    ///
    /// # Errors
    ///
    /// None is; then it says which there are.
    pub(super) fn of<'r, R>(&self, rows: &'r [R], name: impl Fn(&R) -> &str) -> Result<Vec<&'r R>, Failure> {
        let wanted = |row: &&R| self.rows.is_empty() || self.rows.iter().any(|part| name(row).contains(part));
        let chosen: Vec<_> = rows.iter().filter(wanted).collect();
        if chosen.is_empty() {
            let names: Vec<_> = rows.iter().map(name).collect();
            return Err(Failure::new(format!("no row is named like that; there are: {}", names.join(", "))));
        }
        Ok(chosen)
    }

    /// The program, built first unless one was named.
    ///
    /// # Errors
    ///
    /// It does not compile, or is nowhere.
    pub(super) fn iothub(&self) -> Result<PathBuf, Failure> {
        match &self.iothub {
            Some(program) => std::path::absolute(program).map_err(Failure::while_doing(program.display())),
            None => workspace::build_iothub(),
        }
    }

    /// Where data is kept; without a wish in the folder of that name among what is built.
    ///
    /// # Errors
    ///
    /// Nobody knows where that is.
    pub(super) fn folder(&self, usual: &str) -> Result<PathBuf, Failure> {
        match &self.folder {
            Some(folder) => Ok(folder.clone()),
            None => Ok(workspace::target_directory()?.join(usual)),
        }
    }
}
