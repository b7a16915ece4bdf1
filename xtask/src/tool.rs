use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::failure::Failure;
use crate::workspace;

/// A program from the registry that is only run here.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What it answers to `--version`.
    pub(crate) says: &'static str,
    /// What else `cargo install` is told: of its features, and whether its dependencies are those it was released with.
    pub(crate) arguments: &'static [&'static str],
}

impl Tool {
    /// The program at that version: one that the system has, or one among what is built, installed there if need be.
    ///
    /// # Errors
    ///
    /// It cannot be installed.
    pub(crate) fn find_or_install(&self) -> Result<PathBuf, Failure> {
        let tools = workspace::target_directory()?.join("tools");
        let installed = tools.join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        let known =
            [PathBuf::from(self.name), installed.clone()].into_iter().find(|program| self.is(program));
        if let Some(program) = known {
            return Ok(program);
        }
        let build = tools.join("build").join(self.name);
        let (root, target) = (tools.display().to_string(), build.display().to_string());
        // It is installed to be run a few times: compiling it fast is worth more than that it is fast.
        let what = ["install", self.name, "--debug", "--version", self.version];
        cargo::run(&[&what[..], self.arguments, &["--root", &root, "--target-dir", &target]].concat())?;
        // What it was made of is large, and of no use any more.
        std::fs::remove_dir_all(&build).map_err(Failure::while_doing(build.display()))?;
        Ok(installed)
    }

    fn is(&self, program: &Path) -> bool {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == self.says)
    }
}
