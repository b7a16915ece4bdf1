//! The parts of documents that say what the code says: written from it, and compared with it.

mod dialects;
mod parts;
mod pins;

use crate::failure::Failure;
use crate::workspace;

/// What `cargo xtask tables` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing, and fail with the first line that would be written otherwise
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.check {
        return check();
    }
    let path = workspace::root().join(DOCUMENT);
    let found = workspace::read(&path)?;
    let written = parts::rewritten(&found, table)?;
    if written == found {
        println!("tables: {DOCUMENT} is as the code has it");
        return Ok(());
    }
    std::fs::write(&path, written).map_err(Failure::while_doing(DOCUMENT))?;
    println!("tables: wrote {DOCUMENT}");
    Ok(())
}

/// Fails unless the tables are what would be written, and the tests exist that the others name.
pub(crate) fn check() -> Result<(), Failure> {
    let found = workspace::read(&workspace::root().join(DOCUMENT))?;
    let written = parts::rewritten(&found, table)?;
    if let Some(difference) = parts::first_difference(&found, &written) {
        println!("{DOCUMENT}:{difference}");
        return Err(Failure::new(
            "tables: the document differs from the code (`cargo xtask tables` writes it)",
        ));
    }
    let sources = pins::Sources::read()?;
    let missing: Vec<_> = pins::complaints(&found, &sources).collect();
    for complaint in &missing {
        println!("{DOCUMENT}:{complaint}");
    }
    match missing.len() {
        0 => {
            println!("tables: {DOCUMENT} is as the code has it, and each test that it names exists");
            Ok(())
        }
        n => Err(Failure::new(format!("tables: {n} rows name no test"))),
    }
}

const DOCUMENT: &str = "docs/dialects.md";

fn table(name: &str) -> Option<String> {
    match name {
        "operations" => Some(dialects::operations()),
        "properties" => Some(dialects::properties()),
        "statuses" => Some(dialects::statuses()),
        _ => None,
    }
}
