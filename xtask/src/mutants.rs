use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::failure::Failure;
use crate::simulate::Worker;
use crate::workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many schedules to play with each bug
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// Only bugs with this in their names
    #[arg(long)]
    only: Option<String>,
}

/// Plants the bugs of `crates/iothub-sim/mutants.toml` one by one in a copy of the workspace, and prints which property
/// catches each, and after how many schedules.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mutants = mutants()?;
    let wanted = |mutant: &&Mutant| arguments.only.as_ref().is_none_or(|part| mutant.name.contains(part));
    let copy = Copy::make()?;
    let sound = copy.play(arguments.seeds)?;
    if let Some((property, seed)) = sound {
        return Err(Failure::new(format!("{property} does not hold in schedule {seed}, without any bug")));
    }
    println!("{:<58}{:<16}{:>10}", "bug", "caught by", "schedules");
    let mut missed = Vec::new();
    for mutant in mutants.iter().filter(wanted) {
        let original = copy.plant(mutant)?;
        let caught = copy.play(arguments.seeds);
        copy.write(&mutant.file, &original)?;
        match caught? {
            Some((property, seed)) => println!("{:<58}{property:<16}{:>10}", mutant.name, seed + 1),
            None => {
                println!("{:<58}{:<16}{:>10}", mutant.name, "nothing", arguments.seeds);
                missed.push(mutant.name.as_str());
            }
        }
    }
    match missed.as_slice() {
        [] => Ok(()),
        missed => Err(Failure::new(format!("mutants: not caught: {}", missed.join(", ")))),
    }
}

/// A planted bug.
struct Mutant {
    name: String,
    /// From the root of the workspace on.
    file: String,
    old: String,
    new: String,
}

fn mutants() -> Result<Vec<Mutant>, Failure> {
    let path = workspace::root().join("crates/iothub-sim/mutants.toml");
    let shown = workspace::shown(&path);
    let table: toml::Table = workspace::read(&path)?.parse().map_err(Failure::while_doing(shown.as_str()))?;
    let rows = table.get("mutant").and_then(toml::Value::as_array).into_iter().flatten();
    rows.map(|row| {
        let text = |name: &str| {
            let value = row.get(name).and_then(toml::Value::as_str).map(str::to_owned);
            value.ok_or_else(|| Failure::new(format!("{shown}: a mutant without `{name}`")))
        };
        Ok(Mutant { name: text("name")?, file: text("file")?, old: text("old")?, new: text("new")? })
    })
    .collect()
}

/// A copy of the workspace that may be broken.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make() -> Result<Self, Failure> {
        let folder = workspace::target_directory()?.join("mutants");
        let (root, target) = (folder.join("workspace"), folder.join("target"));
        if root.exists() {
            std::fs::remove_dir_all(&root).map_err(Failure::while_doing(root.display()))?;
        }
        let copy = Self { root, target };
        for path in workspace::files(&["rs", "toml", "lock", "md"])? {
            let shown = workspace::shown(&path);
            copy.write(&shown, &workspace::read(&path)?)?;
        }
        Ok(copy)
    }

    /// Puts the bug in, and gives back the file as it was.
    fn plant(&self, mutant: &Mutant) -> Result<String, Failure> {
        let Mutant { name, file, old, new } = mutant;
        let path = self.root.join(file);
        let original = std::fs::read_to_string(&path).map_err(Failure::while_doing(path.display()))?;
        match original.matches(old.as_str()).count() {
            1 => self.write(file, &original.replace(old.as_str(), new)).map(|()| original),
            n => Err(Failure::new(format!("{name}: its text stands {n} times in {file}, not once"))),
        }
    }

    /// The property that does not hold, and in which schedule.
    fn play(&self, seeds: u64) -> Result<Option<(String, u64)>, Failure> {
        let built = Command::new("cargo")
            .current_dir(&self.root)
            .args(["build", "--quiet", "--release", "--package", "iothub-sim"])
            .env("CARGO_TARGET_DIR", &self.target)
            // Each is played for seconds: what is built faster is done earlier.
            .envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")])
            .env("RUSTFLAGS", "-Awarnings")
            .status()
            .map_err(Failure::while_doing("cargo cannot be started"))?;
        if !built.success() {
            return Err(Failure::new("the copy with the bug cannot be built"));
        }
        let program = self.target.join("release").join("iothub-sim");
        let worker = Worker { program: &program, seeds, from: 0, step: 1, dialect: None, trace: false };
        let outcome = worker.start()?.outcome()?;
        Ok(outcome.broken.map(|broken| (broken.property, broken.seed)))
    }

    fn write(&self, shown: &str, text: &str) -> Result<(), Failure> {
        let path = self.root.join(shown);
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Failure::while_doing(folder.display()))?;
        std::fs::write(&path, text).map_err(Failure::while_doing(path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bug_has_its_place() {
        let mutants = mutants().unwrap();
        assert!(mutants.len() >= 10);
        for Mutant { name, file, old, new } in &mutants {
            let text = workspace::read(&workspace::root().join(file)).unwrap();
            assert_eq!(text.matches(old.as_str()).count(), 1, "{name}: {old} in {file}");
            assert_ne!(old, new, "{name}");
        }
    }
}
