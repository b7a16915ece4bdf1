//! Plays the conversations and prints who could hold which. `cargo xtask conformance` runs it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use iothub_conformance::{Conversation, Difference, NAMES, Outcome, Players, read_all};

/// Conversations by feature, played against sessions, hub and server.
#[derive(Parser)]
#[command(name = "iothub-conformance", max_term_width = 100)]
struct Arguments {
    /// Only this player; may be given again
    #[arg(long, value_parser = NAMES)]
    player: Vec<String>,
    /// Only this dialect: classic, preview311 or preview5
    #[arg(long)]
    dialect: Option<String>,
    /// Only features or titles with one of these in their names
    name: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            eprintln!("conformance: {failures} failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many have failed.
fn run(arguments: &Arguments) -> Result<usize, Box<dyn core::error::Error>> {
    let mut conversations = read_all()?;
    conversations.retain(|conversation| arguments.wants(conversation));
    if conversations.is_empty() {
        return Err("no conversation has such a name".into());
    }
    let names: Vec<&str> = arguments.player.iter().map(String::as_str).collect();
    let mut players = Players::new(&names)?;
    let mut counts = BTreeMap::new();
    let mut failures = Vec::new();
    println!("{}", row("", players.names().iter().copied()));
    let mut heading = String::new();
    for conversation in &conversations {
        let place = format!("{}/{}", conversation.dialect.name(), conversation.feature);
        if heading != place {
            println!("{place}");
            heading = place;
        }
        let outcomes = players.play(conversation);
        println!("{}", row(&format!("  {}", conversation.title), outcomes.iter().map(word)));
        for (outcome, player) in outcomes.into_iter().zip(players.names()) {
            *counts.entry(word(&outcome)).or_insert(0) += 1;
            if let Outcome::Failed(difference) = outcome {
                failures.push((conversation, *player, difference));
            }
        }
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    println!("{} conversations: {}", conversations.len(), counts.join(", "));
    for (conversation, player, difference) in &failures {
        print!("\n{}", told(conversation, player, difference));
    }
    Ok(failures.len())
}

impl Arguments {
    fn wants(&self, conversation: &Conversation) -> bool {
        let dialect = conversation.dialect.name();
        let Conversation { feature, title, .. } = conversation;
        let named = |name: &String| feature.contains(name) || title.contains(name);
        self.dialect.as_deref().is_none_or(|wanted| wanted == dialect)
            && (self.name.is_empty() || self.name.iter().any(named))
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "pass",
        Outcome::Failed(_) => "FAIL",
        Outcome::NotFor => "not-for",
    }
}

fn row<'a>(title: &str, cells: impl Iterator<Item = &'a str>) -> String {
    let cells: String = cells.map(|cell| format!("  {cell:7}")).collect();
    format!("{title:72}{cells}").trim_end().to_owned()
}

/// Where the file and what happened part ways: `-` is what the file says.
fn told(conversation: &Conversation, player: &str, difference: &Difference) -> String {
    let Conversation { feature, title, .. } = conversation;
    let dialect = conversation.dialect.name();
    format!("{title} ({player})\n  conversations/{dialect}/{feature}.txt, {difference}")
}
