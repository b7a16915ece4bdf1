use std::process::Command;

use crate::failure::Failure;
use crate::{book, cargo, clock, conformance, layers, tables, tidy, workspace};

/// Runs everything that must hold, in order, stopping at the first thing that does not.
pub(crate) fn run() -> Result<(), Failure> {
    let start = clock::now();
    for check in CHECKS {
        check()?;
    }
    println!("test: all {} checks hold ({} s)", CHECKS.len(), start.elapsed().as_secs());
    Ok(())
}

/// The quick ones come first.
const CHECKS: &[fn() -> Result<(), Failure>] = &[
    || cargo::run(&["fmt", "--all", "--check"]),
    layers::run,
    tidy::run,
    tables::check,
    || cargo::run(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    || cargo::run_with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--no-deps"]),
    || cargo::run(&["test", "--workspace"]),
    book::run_all,
    || conformance::run(&conformance::Arguments::default()),
    // In the whole workspace each feature is on because somebody wants it; here each crate stands alone.
    || cargo::run(&["check", "--package", "iothub-codec", "--no-default-features"]),
    || {
        cargo::run(&[
            "check",
            "--package",
            "iothub-codec",
            "--no-default-features",
            "--features",
            "preview311",
        ])
    },
    || cargo::run(&["check", "--package", "iothub-codec", "--no-default-features", "--features", "preview5"]),
    || cargo::run(&["test", "--package", "iothub-codec", "--all-features"]),
    // The same without the short ways of `fast`.
    || {
        let features = ["--no-default-features", "--features", "preview311,preview5,hmac"];
        cargo::run(&[&["test", "--package", "iothub-codec"], &features[..]].concat())
    },
    || cargo::run(&["check", "--package", "iothub-proto", "--no-default-features"]),
    || cargo::run(&["check", "--package", "iothub-mqtt", "--no-default-features"]),
    || cargo::run(&["check", "--package", "iothub-device", "--no-default-features"]),
    || cargo::run(&["test", "--package", "iothub-device", "--all-features"]),
    oldest_rust,
];

/// Checks that the oldest Rust that the manifests promise can build the workspace.
fn oldest_rust() -> Result<(), Failure> {
    let promised = RustVersion::promised()?;
    let running = RustVersion::parse(&version_line("rustc")?)?;
    if running < promised {
        return Err(Failure::new(format!("rustc is {running}; the manifests ask for {promised}")));
    }
    if running == promised {
        println!("oldest Rust: {promised}, which is the one that ran the checks above");
        return Ok(());
    }
    // Without rustup there is no other toolchain to ask; that is no failure of the workspace.
    let installed = output_of(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let Some(toolchain) = installed.split_whitespace().find(|name| promised.is_named_by(name)) else {
        println!("oldest Rust: not checked (`rustup toolchain install {promised}` makes it so)");
        return Ok(());
    };
    let line = ["run", toolchain, "cargo", "check", "--workspace", "--all-targets"];
    println!("$ rustup {}", line.join(" "));
    let status = Command::new("rustup").current_dir(workspace::root()).args(line).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::new(format!("the workspace does not build with Rust {promised}"))),
        Err(error) => Err(Failure::new(format!("rustup cannot be started: {error}"))),
    }
}

/// A release of Rust, as far as a promise about it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RustVersion {
    major: u32,
    minor: u32,
}

impl RustVersion {
    /// The newest release that any manifest asks for.
    pub(crate) fn promised() -> Result<Self, Failure> {
        let metadata = workspace::metadata()?;
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let versions = packages.filter_map(|package| package["rust_version"].as_str()).map(Self::parse);
        let versions = versions.collect::<Result<Vec<_>, _>>()?;
        versions
            .into_iter()
            .max()
            .ok_or_else(|| Failure::new("no manifest says which Rust it needs (rust-version)"))
    }

    /// Reads `1.95`, `1.95.0`, `rustc 1.95.0 (59807616e 2026-04-14)` and `rustc 1.97.0-nightly (…)`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let mut parts = number.unwrap_or_default().split(['.', '-']).map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(Failure::new(format!("no version of Rust in {text:?}"))),
        }
    }

    /// Whether that is the name of a toolchain of this release: `1.95`, `1.95.0-x86_64-unknown-linux-gnu`.
    fn is_named_by(self, toolchain: &str) -> bool {
        toolchain
            .strip_prefix(&self.to_string())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
    }
}

impl core::fmt::Display for RustVersion {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn version_line(program: &str) -> Result<String, Failure> {
    output_of(Command::new(program).arg("--version"))
        .ok_or_else(|| Failure::new(format!("`{program} --version` does not answer")))
}

fn output_of(command: &mut Command) -> Option<String> {
    let output = command.current_dir(workspace::root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_cargo_and_rustc_write_them() {
        for (text, expected) in [
            ("1.95", Some((1, 95))),
            ("1.95.0", Some((1, 95))),
            ("rustc 1.95.0 (59807616e 2026-04-14)\n", Some((1, 95))),
            ("rustc 1.97.0-nightly (abc 2026-06-01)", Some((1, 97))),
            ("rustc", None),
            ("1", None),
        ] {
            let version = RustVersion::parse(text).ok().map(|version| (version.major, version.minor));
            assert_eq!(version, expected, "{text}");
        }
    }

    #[test]
    fn a_toolchain_is_of_a_release_only_by_its_whole_number() {
        let version = RustVersion { major: 1, minor: 9 };
        for (name, expected) in
            [("1.9", true), ("1.9.0-x86_64-unknown-linux-gnu", true), ("1.95", false), ("stable", false)]
        {
            assert_eq!(version.is_named_by(name), expected, "{name}");
        }
    }
}
