//! Programs for a microcontroller, built where nothing but `core` exists: `xtask/fixtures/bare`.

mod debian;
mod program;

pub(crate) use program::Program;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::{cargo, workspace};

/// A Cortex-M4 with a floating point unit.
const MICROCONTROLLER: &str = "thumbv7em-none-eabihf";

/// The programs, built.
pub(crate) struct Programs {
    folder: PathBuf,
    how: How,
}

/// What they were built for, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum How {
    /// With a `core` for the microcontroller that rustup has installed.
    Installed,
    /// With a `core` built from the sources that rustup has installed.
    Sources,
    /// With the compiler and the sources of these Debian packages, unpacked into this folder.
    Debian(PathBuf),
    /// For this machine, as there is no other `core`.
    Host(String),
}

/// What the programs may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uses {
    /// The codec, and only the classic dialect.
    Classic,
    /// The codec and the conversation, and only the classic dialect.
    ClassicSession,
    /// The codec.
    Codec,
    /// All of it.
    Everything,
}

/// Builds these programs in the best way that this machine has.
///
/// # Errors
///
/// They do not build: something in the crates needs more than `core`.
pub(crate) fn build(uses: Uses, programs: &[&str]) -> Result<Programs, Failure> {
    let target_directory = workspace::target_directory()?.join("bare");
    let how = choose(&target_directory)?;
    let target = how.target();
    let directory = target_directory.display().to_string();
    let manifest = workspace::root().join("xtask/fixtures/bare/Cargo.toml").display().to_string();
    let mut arguments = vec![
        "build",
        "--release",
        "--manifest-path",
        &manifest,
        "--target-dir",
        &directory,
        "--target",
        target,
    ];
    programs.iter().for_each(|program| arguments.extend(["--bin", program]));
    match uses {
        Uses::Classic => {}
        Uses::Codec => arguments.extend(["--features", "previews"]),
        Uses::ClassicSession => arguments.extend(["--features", "example"]),
        Uses::Everything => arguments.extend(["--features", "previews,example"]),
    }
    let mut environment = vec![("RUSTFLAGS", how.flags()?)];
    match &how {
        How::Installed | How::Host(_) => {}
        How::Sources => {
            arguments.push("-Zbuild-std=core");
            environment.push(("RUSTC_BOOTSTRAP", "1".into()));
        }
        How::Debian(root) => {
            arguments.push("-Zbuild-std=core");
            environment.push(("RUSTC_BOOTSTRAP", "1".into()));
            environment.push(("RUSTC", debian::compiler(root).display().to_string()));
            environment.push(("LD_LIBRARY_PATH", debian::libraries(root).display().to_string()));
        }
    }
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    cargo::run_with(&environment, &arguments)?;
    let folder = target_directory.join(target).join("release");
    Ok(Programs { folder, how })
}

impl Programs {
    /// One of them.
    pub(crate) fn program(&self, name: &str) -> Result<Program, Failure> {
        Program::read(&self.folder.join(name))
    }

    /// Whether they are for a microcontroller.
    pub(crate) fn are_bare(&self) -> bool {
        !matches!(self.how, How::Host(_))
    }

    /// What they were built for and with, for people.
    pub(crate) fn about(&self) -> String {
        match &self.how {
            How::Installed => format!("{MICROCONTROLLER}, with rustup's `core`"),
            How::Sources => format!("{MICROCONTROLLER}, with `core` built from rustup's rust-src"),
            How::Debian(_) => format!("{MICROCONTROLLER}, with `core` and compiler from Debian's rustc-web"),
            How::Host(host) => format!(
                "{host}, as there is no `core` for {MICROCONTROLLER} (`rustup target add {MICROCONTROLLER}`)"
            ),
        }
    }
}

impl How {
    fn target(&self) -> &str {
        match self {
            Self::Installed | Self::Sources | Self::Debian(_) => MICROCONTROLLER,
            Self::Host(host) => host,
        }
    }

    fn flags(&self) -> Result<String, Failure> {
        Ok(match self {
            Self::Installed | Self::Sources => "-Clink-arg=--entry=bare_entry".to_owned(),
            // Debian's compiler comes without a linker for other machines; rustup's has one for all.
            Self::Debian(_) => {
                format!("-Clink-arg=--entry=bare_entry -Clinker={}", linker()?.display())
            }
            // The C library is there for memcpy and its kin, which on a microcontroller come with `core`.
            Self::Host(_) => {
                "-Clink-arg=-nostartfiles -Clink-arg=-lc -Clink-arg=-Wl,--entry=bare_entry,--gc-sections"
                    .to_owned()
            }
        })
    }
}

fn choose(target_directory: &Path) -> Result<How, Failure> {
    if Path::new(&said_by_rustc(&["--print", "target-libdir", "--target", MICROCONTROLLER])?).is_dir() {
        return Ok(How::Installed);
    }
    if sysroot()?.join("lib/rustlib/src/rust/library/core").is_dir() {
        return Ok(How::Sources);
    }
    let debian = linker().and_then(|_| debian::unpack(&target_directory.join("debian")));
    match debian {
        Ok(root) => Ok(How::Debian(root)),
        Err(why) => {
            println!("Debian's compiler is not used: {why}");
            Ok(How::Host(host()?))
        }
    }
}

/// The linker for all machines that comes with Rust.
fn linker() -> Result<PathBuf, Failure> {
    let linker = sysroot()?.join("lib/rustlib").join(host()?).join("bin/rust-lld");
    if linker.is_file() { Ok(linker) } else { Err(Failure::new("this Rust comes without rust-lld")) }
}

fn sysroot() -> Result<PathBuf, Failure> {
    said_by_rustc(&["--print", "sysroot"]).map(PathBuf::from)
}

fn host() -> Result<String, Failure> {
    said_by_rustc(&["--print", "host-tuple"])
}

fn said_by_rustc(arguments: &[&str]) -> Result<String, Failure> {
    said_by(Command::new("rustc").args(arguments))
}

/// What a program writes to standard output, in one line.
fn said_by(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .current_dir(workspace::root())
        .output()
        .map_err(Failure::while_doing(format_args!("{name} cannot be started")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!("{name} failed: {}", said.trim())))
    }
}
