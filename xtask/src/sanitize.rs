use std::process::Command;

use clap::Args;

use crate::cargo;
use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Valgrind's memcheck over the tests of the codec, on the usual Rust; slow
    #[arg(long)]
    valgrind: bool,
}

/// Runs the tests of the crates that read bytes from strangers where every access to memory is watched.
///
/// They forbid `unsafe`; what they stand on does not.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let host = host()?;
    if arguments.valgrind { memcheck(&host) } else { address_sanitizer(&host) }
}

/// `AddressSanitizer` is a part of the nightly compiler. Naming the target keeps it out of build scripts and macros.
fn address_sanitizer(host: &str) -> Result<(), Failure> {
    let mut packages = Vec::new();
    for package in ["iothub-codec", "iothub-proto", "iothub-mqtt"] {
        packages.extend(["--package", package]);
    }
    let arguments =
        [&["test", "--all-features", "--lib", "--tests", "--target", host], &packages[..]].concat();
    // What is measured has its texts for ever, on purpose; and a leak is no access to the wrong memory.
    let settings = [("RUSTFLAGS", "-Zsanitizer=address"), ("ASAN_OPTIONS", "detect_leaks=0")];
    cargo::run_nightly_with(&settings, &arguments)
}

/// Optimised, as it is some thirty times slower than without, and with the checks of a debug build.
fn memcheck(host: &str) -> Result<(), Failure> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err(Failure::new(
            "valgrind is missing (`apt-get install valgrind`, or your system's package)",
        ));
    }
    let runner = format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_"));
    let environment = [
        (runner.as_str(), "valgrind --quiet --error-exitcode=9"),
        ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"),
        ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
    ];
    cargo::run_with(
        &environment,
        &["test", "--release", "--package", "iothub-codec", "--all-features", "--lib", "--tests"],
    )
}

/// The target that the compiler runs on.
fn host() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.map_err(Failure::while_doing("rustc cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}
