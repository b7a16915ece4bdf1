use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::failure::Failure;
use crate::workspace;

/// Builds the book, and says where it is.
///
/// # Errors
///
/// The program cannot be installed, or refuses the book.
pub(super) fn build() -> Result<PathBuf, Failure> {
    let target = workspace::target_directory()?;
    let program = find_or_install(&target.join("tools"))?;
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

fn find_or_install(tools: &Path) -> Result<PathBuf, Failure> {
    let installed = tools.join("bin").join(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    let known = [PathBuf::from("mdbook"), installed.clone()].into_iter().find(|program| is_right(program));
    if let Some(program) = known {
        return Ok(program);
    }
    let (root, build) = (tools.display().to_string(), tools.join("build").display().to_string());
    // It is installed to be run a few times: compiling it fast is worth more than that it is fast.
    let what = ["install", "mdbook", "--locked", "--debug", "--version", VERSION, "--no-default-features"];
    let line = [&what[..], &["--root", &root, "--target-dir", &build]].concat();
    cargo::run(&line)?;
    // What it was made of is large, and of no use any more.
    std::fs::remove_dir_all(&build).map_err(Failure::while_doing(&build))?;
    Ok(installed)
}

fn is_right(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("mdbook v{VERSION}"))
}

const VERSION: &str = "0.5.4";
