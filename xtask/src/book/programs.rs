use std::path::PathBuf;

use serde_json::Value;

use crate::cargo;
use crate::failure::Failure;

/// The programs that the book is run with.
pub(super) struct Programs {
    pub(super) iothub: PathBuf,
    /// Every block of Rust.
    pub(super) blocks: PathBuf,
}

impl Programs {
    /// Builds them as `cargo test --workspace` does, so that after that nothing is left to build.
    ///
    /// # Errors
    ///
    /// One does not compile: what cargo says has been printed.
    pub(super) fn build() -> Result<Self, Failure> {
        // The first test is of the package whose program is `iothub`, which is built for it.
        let targets = ["test", "--workspace", "--no-run", "--test", "commands", "--test", "blocks"];
        cargo::run(&targets)?;
        let said = cargo::output(&[&targets[..], &["--message-format", "json"]].concat())?;
        let messages: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let find = |kind: &str, name: &str| {
            let is_it = |message: &&Value| {
                message["target"]["kind"][0] == kind
                    && message["target"]["name"] == name
                    && message["executable"].is_string()
            };
            let path = messages.iter().find(is_it).and_then(|message| message["executable"].as_str());
            path.map(PathBuf::from).ok_or_else(|| Failure::new(format!("cargo has built no {kind} {name}")))
        };
        Ok(Self { iothub: find("bin", "iothub")?, blocks: find("test", "blocks")? })
    }
}
