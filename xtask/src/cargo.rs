use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::workspace;

/// Runs cargo at the root of the workspace, showing the line first.
///
/// # Errors
///
/// Cargo cannot be started, or ends with anything but success.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    run_with(&[], arguments)
}

/// Runs cargo as [`run`] does, with these environment variables set as well.
pub(crate) fn run_with(environment: &[(&str, &str)], arguments: &[&str]) -> Result<(), Failure> {
    run_shown(&shown(environment, arguments), command(arguments).envs(environment.iter().copied()))
}

/// The same with a nightly Rust.
pub(crate) fn run_nightly_with(environment: &[(&str, &str)], arguments: &[&str]) -> Result<(), Failure> {
    let line = shown(environment, &[&["+nightly"], arguments].concat());
    run_shown(&line, nightly().args(arguments).envs(environment.iter().copied()))
}

/// Cargo of a nightly Rust, at the root of the workspace.
pub(crate) fn nightly() -> Command {
    // Not the cargo that runs this: only rustup's reads the toolchain.
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").arg("+nightly");
    command
}

fn run_shown(line: &str, command: &mut Command) -> Result<(), Failure> {
    println!("$ {line}");
    let status = command.status().map_err(Failure::while_doing("cargo cannot be started"))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{line}` failed"))) }
}

/// What cargo writes to standard output.
///
/// # Errors
///
/// Cargo cannot be started, or ends with anything but success; what it said is in the error.
pub(crate) fn output(arguments: &[&str]) -> Result<String, Failure> {
    let output = command(arguments).output().map_err(Failure::while_doing("cargo cannot be started"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(Failure::while_doing("output of cargo"))
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!("`{}` failed: {}", shown(&[], arguments), said.trim())))
    }
}

fn command(arguments: &[&str]) -> Command {
    // Cargo names itself in this variable for what it runs; the same one is used again.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root()).args(arguments);
    command
}

fn shown(environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut line = String::new();
    for (name, value) in environment {
        line.push_str(&format!("{name}=\"{value}\" "));
    }
    line + "cargo " + &arguments.join(" ")
}
