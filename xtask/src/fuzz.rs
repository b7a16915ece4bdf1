use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Args;

use crate::failure::Failure;
use crate::{cargo, workspace};

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long to run each target
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Only this one
    #[arg(long)]
    target: Option<String>,
    /// Put the inputs that reach something new into the corpus, and take out those that reach nothing of their own
    #[arg(long)]
    keep: bool,
    /// Without the feature `fast`: the ways of the codec that are made for little code
    // An input may reach something of its own in the other build.
    #[arg(long, conflicts_with = "keep")]
    without_fast: bool,
}

/// Runs the fuzz targets in turn, from the inputs in `fuzz/corpus`, and prints a table.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tools =
        cargo_fuzz(&["--version"]).output().map_err(Failure::while_doing("cargo cannot be started"))?;
    if !tools.status.success() {
        return Err(Failure::new(
            "fuzzing needs a nightly Rust and cargo-fuzz \
             (`rustup toolchain install nightly`, `cargo install cargo-fuzz`)",
        ));
    }
    let targets = targets()?;
    let wanted = |name: &&String| arguments.target.as_ref().is_none_or(|wanted| wanted == *name);
    let chosen: Vec<&String> = targets.iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err(Failure::new(format!("the targets are {}", targets.join(", "))));
    }
    let mut rows = Vec::new();
    for target in chosen {
        rows.push(fuzz(target, arguments)?);
    }
    println!(
        "{:<14}{:>12}{:>10}{:>8}{:>10}{:>8}{:>7}{:>10}",
        "target", "executions", "a second", "edges", "features", "corpus", "new", "findings"
    );
    rows.iter().for_each(Row::print);
    let findings: Vec<_> = rows.iter().flat_map(|row| &row.findings).collect();
    findings.iter().for_each(|path| println!("{}", path.display()));
    match findings.len() {
        0 => Ok(()),
        n => Err(Failure::new(format!("fuzz: {n} findings"))),
    }
}

fn targets() -> Result<Vec<String>, Failure> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let mut names: Vec<String> = entries(&folder)?
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// What came of one target.
struct Row {
    target: String,
    executions: u64,
    seconds: u64,
    /// Edges of the code that were reached (`cov` of libFuzzer).
    edges: u64,
    /// Those, each as often as it was passed in one run, roughly (`ft`).
    features: u64,
    /// Inputs in the corpus, after this run.
    corpus: usize,
    /// Inputs that reached something which none of the corpus does.
    new: usize,
    /// Inputs that should not have done what they did.
    findings: Vec<PathBuf>,
}

impl Row {
    fn print(&self) {
        let Self { target, executions, seconds, edges, features, corpus, new, findings } = self;
        let (rate, findings) = (executions / seconds.max(&1), findings.len());
        println!(
            "{target:<14}{executions:>12}{rate:>10}{edges:>8}{features:>10}{corpus:>8}{new:>7}{findings:>10}"
        );
    }
}

/// New inputs go into a folder of their own, so that the corpus stays as it is.
fn fuzz(target: &str, arguments: &Arguments) -> Result<Row, Failure> {
    let folder = workspace::target_directory()?.join("fuzz").join(target);
    let (new, findings) = (folder.join("new"), folder.join("findings"));
    make_empty(&new)?;
    make_empty(&findings)?;
    let corpus = workspace::root().join("fuzz/corpus").join(target);
    let mut options = vec![
        format!("-max_total_time={}", arguments.seconds),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={}/", findings.display()),
    ];
    let dictionary = workspace::root().join("fuzz/dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        options.push(format!("-dict={}", dictionary.display()));
    }
    let output = libfuzzer(target, arguments.without_fast, &[&new, &corpus], &options)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let findings = entries(&findings)?;
    if !output.status.success() && findings.is_empty() {
        return Err(Failure::new(format!("{target} cannot be run: {}", last_lines(&said))));
    }
    for finding in &findings {
        println!("{}:\n{}", finding.display(), last_lines(&said));
    }
    if arguments.keep {
        keep(target, &corpus, &new, &folder)?;
    }
    Ok(Row {
        target: target.to_owned(),
        executions: number_behind(&said, "stat::number_of_executed_units:").unwrap_or_default(),
        seconds: number_behind(&said, " runs in ").unwrap_or(u64::from(arguments.seconds)),
        edges: number_behind(&said, " cov:").unwrap_or_default(),
        features: number_behind(&said, " ft:").unwrap_or_default(),
        corpus: entries(&corpus)?.len(),
        new: entries(&new)?.len(),
        findings,
    })
}

/// Makes the corpus as small as it can be: the seeds, which have names, and the fewest short inputs that reach every
/// edge which the seeds do not and short ones can. Each of these is called after its hash.
fn keep(target: &str, corpus: &Path, new: &Path, folder: &Path) -> Result<(), Failure> {
    let (kept, short) = (&folder.join("kept"), &folder.join("short"));
    make_empty(kept)?;
    make_empty(short)?;
    let (seeds, others): (Vec<_>, Vec<_>) = entries(corpus)?.into_iter().partition(|path| is_seed(path));
    for seed in &seeds {
        copy_into(seed, kept)?;
    }
    for input in others.iter().chain(&entries(new)?) {
        let len = std::fs::metadata(input).map_err(Failure::while_doing(input.display()))?.len();
        if len <= KEPT_LEN_MAX {
            copy_into(input, short)?;
        }
    }
    let options = ["-set_cover_merge=1".to_owned(), "-use_counters=0".to_owned()];
    let merged = libfuzzer(target, false, &[kept, short], &options)?;
    if !merged.status.success() {
        let said = String::from_utf8_lossy(&merged.stderr);
        return Err(Failure::new(format!("{target} cannot be merged: {}", last_lines(&said))));
    }
    for other in &others {
        std::fs::remove_file(other).map_err(Failure::while_doing(other.display()))?;
    }
    for input in entries(kept)?.iter().filter(|path| !is_seed(path)) {
        copy_into(input, corpus)?;
    }
    Ok(())
}

/// Longest input that is kept without being a seed, in bytes.
const KEPT_LEN_MAX: u64 = 256;

fn is_seed(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-"))
}

fn copy_into(file: &Path, folder: &Path) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default();
    std::fs::copy(file, folder.join(name)).map(drop).map_err(Failure::while_doing(file.display()))
}

fn make_empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(Failure::while_doing(folder.display()))?;
    }
    std::fs::create_dir_all(folder).map_err(Failure::while_doing(folder.display()))
}

fn libfuzzer(
    target: &str,
    without_fast: bool,
    folders: &[&Path],
    options: &[String],
) -> Result<Output, Failure> {
    let mut command = cargo_fuzz(&["run", target]);
    if without_fast {
        command.arg("--no-default-features");
    }
    command.args(folders).arg("--").args(options);
    let line: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    println!("$ cargo {}", line.join(" "));
    command.output().map_err(Failure::while_doing("cargo cannot be started"))
}

fn cargo_fuzz(arguments: &[&str]) -> Command {
    let mut command = cargo::nightly();
    command.arg("fuzz").args(arguments);
    command
}

/// The number behind the last such word.
fn number_behind(text: &str, word: &str) -> Option<u64> {
    let (_, behind) = text.rsplit_once(word)?;
    behind.split_whitespace().next()?.parse().ok()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

const LAST_LINES: usize = 40;

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(Failure::while_doing(folder.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(Failure::while_doing(folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_where_libfuzzer_says_them() {
        let said = "#2 INITED cov: 12 ft: 13\n#9 DONE cov: 1234 ft: 5678 corp: 9/10b\n\
                    Done 77 runs in 61 second(s)\nstat::number_of_executed_units: 77\n";
        assert_eq!(number_behind(said, " cov:"), Some(1234));
        assert_eq!(number_behind(said, " ft:"), Some(5678));
        assert_eq!(number_behind(said, " runs in "), Some(61));
        assert_eq!(number_behind(said, "stat::number_of_executed_units:"), Some(77));
        assert_eq!(number_behind(said, "stat::peak_rss_mb:"), None);
    }
}
