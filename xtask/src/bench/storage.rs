use std::process::Command;

use clap::Args;

use crate::failure::Failure;
use crate::{cargo, workspace};

#[derive(Args)]
pub(super) struct Arguments {
    /// How much to measure, and where: folder=DIR entries=N recovered=N seconds=N copies=N
    sizes: Vec<String>,
}

/// Builds and runs `xtask/fixtures/storage`, which is no member of the workspace: nothing else is to be built with
/// the engines that were not chosen.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = workspace::root().join("xtask/fixtures/storage");
    let manifest = folder.join("Cargo.toml").display().to_string();
    let target = workspace::target_directory()?.join("storage");
    let directory = target.display().to_string();
    cargo::run(&[
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        &manifest,
        "--target-dir",
        &directory,
    ])?;
    let status = Command::new(target.join("release/storage"))
        .args(&arguments.sizes)
        .status()
        .map_err(Failure::while_doing("storage cannot be started"))?;
    if status.success() { Ok(()) } else { Err(Failure::new("storage failed")) }
}
