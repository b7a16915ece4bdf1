use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::failure::Failure;
use crate::workspace;

/// What the suites are run with, installed.
pub(super) struct Tools {
    /// Where Node finds the packages.
    pub(super) node_modules: PathBuf,
    /// The interpreter that finds the packages of Python.
    pub(super) python: PathBuf,
}

impl Tools {
    /// Installs the clients into `folder`, at the versions that `xtask/interop` names.
    ///
    /// What has been installed there before, from the same lists, is used again.
    ///
    /// # Errors
    ///
    /// A program that does this is missing, or cannot install.
    pub(super) fn ready_in(folder: &Path) -> Result<Self, Failure> {
        need("node", "Node.js 18 or later (Debian: apt-get install nodejs)")?;
        need("npm", "npm (Debian: apt-get install npm)")?;
        need("python3", "Python 3.8 or later (Debian: apt-get install python3 python3-venv)")?;
        Ok(Self {
            node_modules: node_modules(&folder.join("node"))?,
            python: python(&folder.join("python"))?,
        })
    }
}

/// The folder with the scripts, and with the lists of what they need.
pub(super) fn scripts() -> PathBuf {
    workspace::root().join("xtask/interop")
}

fn node_modules(folder: &Path) -> Result<PathBuf, Failure> {
    install(&scripts().join("node/package.json"), &folder.join("package.json"), || {
        let flags = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
        succeed(Command::new("npm").arg("install").args(flags).current_dir(folder))
    })?;
    Ok(folder.join("node_modules"))
}

fn python(folder: &Path) -> Result<PathBuf, Failure> {
    let python = folder.join("bin/python");
    install(&scripts().join("python/requirements.txt"), &folder.join("requirements.txt"), || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder)).map_err(
            Failure::while_doing("no Python environment can be made (Debian: apt-get install python3-venv)"),
        )?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        succeed(Command::new(&python).args(pip).arg(scripts().join("python/requirements.txt")))
    })?;
    Ok(python)
}

/// Runs `action` unless it has succeeded before for the same list.
///
/// `copy` is written afterwards, and is thereby the proof; npm also wants the list in its own folder.
fn install(list: &Path, copy: &Path, action: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let wanted = workspace::read(list)?;
    let proof = copy.with_extension("installed");
    if std::fs::read_to_string(&proof).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("installing what {} lists", workspace::shown(list));
    let folder = copy.parent().unwrap_or(copy);
    std::fs::create_dir_all(folder).map_err(Failure::while_doing(folder.display()))?;
    std::fs::write(copy, &wanted).map_err(Failure::while_doing(copy.display()))?;
    action()?;
    std::fs::write(&proof, &wanted).map_err(Failure::while_doing(proof.display()))
}

fn need(program: &str, what: &str) -> Result<(), Failure> {
    match Command::new(program).arg("--version").output() {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(Failure::new(format!("no {program} here: install {what}"))),
    }
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(Failure::while_doing(format_args!("{program} cannot be started")))?;
    if output.status.success() {
        return Ok(());
    }
    // Which of the two carries the reason is up to each program.
    let said = [output.stdout, output.stderr].concat();
    Err(Failure::new(format!("{program}: {}", String::from_utf8_lossy(&said).trim())))
}
