use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::server::Server;
use crate::failure::Failure;
use crate::{cargo, workspace};

/// A program that puts a server to work.
pub(super) struct Load(PathBuf);

impl Load {
    /// Builds the benchmark `load` of `iothub-server`.
    pub(super) fn build() -> Result<Self, Failure> {
        let line = ["bench", "--package", "iothub-server", "--bench", "load", "--no-run"];
        cargo::run(&line)?;
        let messages = cargo::output(&[&line[..], &["--message-format", "json"]].concat())?;
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let program = messages
            .filter(|message| message["target"]["name"] == "load")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from));
        program.map(Self).ok_or_else(|| Failure::new("cargo does not say where it put the load"))
    }

    /// Builds what is measured beside others' clients.
    pub(super) fn of_clients() -> Result<Self, Failure> {
        cargo::run(&["build", "--release", "--package", "beside-rumqttc"])?;
        let name = format!("beside-rumqttc{}", std::env::consts::EXE_SUFFIX);
        Ok(Self(workspace::target_directory()?.join("release").join(name)))
    }

    /// Puts a server to work, and says what was measured.
    pub(super) fn run(
        &self,
        what: &str,
        server: &Server,
        settings: &[(&str, u64)],
    ) -> Result<Value, Failure> {
        let mut command = command(&self.0);
        command.arg(what).args(&server.settings);
        command.args(settings.iter().map(|(name, value)| format!("{name}={value}")));
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(Failure::while_doing("the load cannot be started"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("{what}: {}", why.trim())));
        }
        serde_json::from_str(&said).map_err(Failure::while_doing(format_args!("{what} said {said:?}")))
    }
}

/// Whether servers and load can have processors of their own.
pub(super) fn can_pin() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let tried = Command::new("taskset").args(["-c", "1", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}

fn command(program: &Path) -> Command {
    if can_pin() {
        let last = std::thread::available_parallelism().map_or(1, |count| count.get() - 1);
        let mut command = Command::new("taskset");
        command.args(["-c", &format!("1-{}", last.max(1))]).arg(program);
        command
    } else {
        Command::new(program)
    }
}
