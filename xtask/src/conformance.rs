use clap::Args;

use crate::cargo;
use crate::failure::Failure;

/// What is played by whom.
#[derive(Args, Default)]
pub(crate) struct Arguments {
    /// Only this player: device, session, hub, server or websocket; may be given again
    #[arg(long)]
    player: Vec<String>,
    /// Only this dialect: classic, preview311 or preview5
    #[arg(long)]
    dialect: Option<String>,
    /// Only features or titles with one of these in their names
    name: Vec<String>,
}

/// Has every player hold the conversations of `iothub-conformance`, and prints who could hold which.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut line = vec!["run", "--quiet", "--package", "iothub-conformance", "--"];
    for player in &arguments.player {
        line.extend(["--player", player]);
    }
    if let Some(dialect) = &arguments.dialect {
        line.extend(["--dialect", dialect]);
    }
    line.extend(arguments.name.iter().map(String::as_str));
    cargo::run(&line)
}
