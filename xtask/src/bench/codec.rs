use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::cargo;
use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only rows with one of these in their names
    rows: Vec<String>,
}

/// Counts instructions. The count is the same each time, so that two commits can be compared line by line.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err(Failure::new(
            "valgrind is missing (`apt-get install valgrind`, or your system's package)",
        ));
    }
    let program = build()?;
    let list =
        Command::new(&program).arg("--list").output().map_err(Failure::while_doing(program.display()))?;
    let list = String::from_utf8_lossy(&list.stdout);
    println!("{:<44}{:>10}{:>10}{:>8}", "instructions", "codec", "plain", "ratio");
    for line in list.lines() {
        let (name, has_plain) = line.split_once('\t').unwrap_or((line, "false"));
        if !arguments.rows.is_empty() && !arguments.rows.iter().any(|part| name.contains(part)) {
            continue;
        }
        let ours = per_time(&program, name, "ours")?;
        if has_plain == "true" {
            let plain = per_time(&program, name, "plain")?;
            println!("{name:<44}{ours:>10}{plain:>10}{:>8.2}", ours as f64 / plain as f64);
        } else {
            println!("{name:<44}{ours:>10}");
        }
    }
    Ok(())
}

/// Builds the program that `cargo bench -p iothub-codec` runs, and says where it is.
fn build() -> Result<PathBuf, Failure> {
    let line = ["bench", "--package", "iothub-codec", "--bench", "speed", "--no-run"];
    cargo::run(&line)?;
    let messages = cargo::output(&[&line[..], &["--message-format", "json"]].concat())?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages
        .filter(|message| message["target"]["name"] == "speed")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.ok_or_else(|| Failure::new("cargo does not say where it put the program of the measurements"))
}

/// What beginning and ending take is in both counts, and falls out of their difference.
fn per_time(program: &Path, name: &str, which: &str) -> Result<u64, Failure> {
    let [few, many] = [TIMES, 2 * TIMES].map(|times| count(program, name, which, times));
    Ok((many?.saturating_sub(few?) + TIMES / 2) / TIMES)
}

const TIMES: u64 = 100;

fn count(program: &Path, name: &str, which: &str, times: u64) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--repeat", name, which, &times.to_string()])
        .output()
        .map_err(Failure::while_doing("valgrind cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected =
        said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    match (output.status.success(), collected.map(str::parse)) {
        (true, Some(Ok(count))) => Ok(count),
        _ => Err(Failure::new(format!(
            "valgrind does not say how many instructions {name} takes: {}",
            said.trim()
        ))),
    }
}
