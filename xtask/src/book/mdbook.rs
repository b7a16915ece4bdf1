use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::tool::Tool;
use crate::workspace;

/// Builds the book, and says where it is.
///
/// # Errors
///
/// The program cannot be installed, or refuses the book.
pub(super) fn build() -> Result<PathBuf, Failure> {
    let target = workspace::target_directory()?;
    let program = MDBOOK.find_or_install()?;
    let (source, book) = (workspace::root().join("docs"), target.join("book"));
    every_page_is_in(&workspace::read(&source.join("SUMMARY.md"))?)?;
    println!("$ mdbook build docs --dest-dir {}", book.display());
    let status = Command::new(program).arg("build").arg(source).arg("--dest-dir").arg(&book).status();
    match status.map_err(Failure::while_doing("mdbook cannot be started"))? {
        status if status.success() => Ok(book),
        status => Err(Failure::new(format!("mdbook: {status}"))),
    }
}

/// A page that is not in the summary would not be in the book.
fn every_page_is_in(summary: &str) -> Result<(), Failure> {
    let pages = workspace::files(&["md"])?;
    let names = pages.iter().map(|path| workspace::shown(path));
    let names = names.filter_map(|path| path.strip_prefix("docs/").map(str::to_owned));
    let absent: Vec<_> =
        names.filter(|name| name != "SUMMARY.md" && !summary.contains(&format!("]({name})"))).collect();
    match absent.as_slice() {
        [] => Ok(()),
        _ => Err(Failure::new(format!("docs/SUMMARY.md does not have {}", absent.join(", ")))),
    }
}

const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: "0.5.4",
    says: "mdbook v0.5.4",
    arguments: &["--locked", "--no-default-features"],
};
