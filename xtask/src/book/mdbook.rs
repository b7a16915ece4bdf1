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
    println!("$ mdbook build docs --dest-dir {}", book.display());
    let status = Command::new(program).arg("build").arg(source).arg("--dest-dir").arg(&book).status();
    match status.map_err(Failure::while_doing("mdbook cannot be started"))? {
        status if status.success() => Ok(book),
        status => Err(Failure::new(format!("mdbook: {status}"))),
    }
}

fn find_or_install(tools: &Path) -> Result<PathBuf, Failure> {
    let installed = tools.join("bin").join(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    let known = [PathBuf::from("mdbook"), installed.clone()].into_iter().find(|program| is_right(program));
    if let Some(program) = known {
        return Ok(program);
    }
    let root = tools.display().to_string();
    // It is installed to be run a few times: compiling it fast is worth more than that it is fast.
    let line = [
        "install",
        "mdbook",
        "--locked",
        "--debug",
        "--version",
        VERSION,
        "--no-default-features",
        "--root",
        &root,
    ];
    cargo::run(&line)?;
    Ok(installed)
}

fn is_right(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("mdbook v{VERSION}"))
}

const VERSION: &str = "0.5.4";
