//! Debian has a compiler for all machines, with the sources of `core`. It is unpacked, not installed: whatever Rust
//! this machine has stays as it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::said_by;
use crate::failure::Failure;
use crate::test::RustVersion;

/// The packages that bring the others.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// What the others' names begin with; all else that they need is part of every system with a C compiler.
const NEEDED: [&str; 2] = ["libstd-rust-web", "libllvm"];

/// Downloads the packages and unpacks them into `root`, unless they are there.
///
/// # Errors
///
/// This is no Debian, or its packages are too old.
pub(super) fn unpack(root: &Path) -> Result<PathBuf, Failure> {
    let done = root.join("complete");
    if done.is_file() {
        return Ok(root.to_owned());
    }
    let version = said_by(Command::new("apt-cache").args(["show", "--no-all-versions", "rustc-web"]))?;
    let version = version.lines().find_map(|line| line.strip_prefix("Version: "));
    let version = version.ok_or_else(|| Failure::new("apt-cache does not know rustc-web"))?;
    if RustVersion::parse(version)? < RustVersion::promised()? {
        return Err(Failure::new(format!("rustc-web {version} is too old (`apt-get update` may help)")));
    }
    let downloads = root.join("packages");
    std::fs::create_dir_all(&downloads).map_err(Failure::while_doing(downloads.display()))?;
    let packages = all_packages()?;
    println!("$ apt-get download {}", packages.join(" "));
    said_by(Command::new("env").arg("-C").arg(&downloads).args(["apt-get", "download"]).args(&packages))?;
    let entries = std::fs::read_dir(&downloads).map_err(Failure::while_doing(downloads.display()))?;
    for entry in entries {
        let package = entry.map_err(Failure::while_doing(downloads.display()))?.path();
        said_by(Command::new("dpkg").arg("-x").arg(&package).arg(root))?;
    }
    std::fs::remove_dir_all(&downloads).map_err(Failure::while_doing(downloads.display()))?;
    said_by(Command::new(compiler(root)).arg("--version").env("LD_LIBRARY_PATH", libraries(root)))?;
    std::fs::write(&done, version).map_err(Failure::while_doing(done.display()))?;
    Ok(root.to_owned())
}

pub(super) fn compiler(root: &Path) -> PathBuf {
    root.join("usr/bin/rustc")
}

pub(super) fn libraries(root: &Path) -> PathBuf {
    root.join("usr/lib/x86_64-linux-gnu")
}

fn all_packages() -> Result<Vec<String>, Failure> {
    let mut found: BTreeSet<String> = PACKAGES.map(String::from).into();
    let mut unread: Vec<String> = found.iter().cloned().collect();
    while let Some(package) = unread.pop() {
        let said = said_by(Command::new("apt-cache").args(["depends", &package]))?;
        for name in said.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")) {
            if NEEDED.iter().any(|start| name.starts_with(start)) && found.insert(name.to_owned()) {
                unread.push(name.to_owned());
            }
        }
    }
    Ok(found.into_iter().collect())
}
