use std::path::PathBuf;

use crate::failure::Failure;
use crate::workspace;

/// The rows of tables with a last column `pinned by` that name no test, or one that does not exist.
///
/// A test is named by its crate and its path, both as in codec `vectors::messages::samples_are_read`; as many parts of
/// the path as make it clear.
pub(super) fn complaints<'a>(document: &'a str, sources: &'a Sources) -> impl Iterator<Item = String> + 'a {
    let mut in_table = false;
    document.lines().enumerate().filter_map(move |(index, line)| {
        let last = line.strip_suffix('|').and_then(|line| line.rsplit_once('|')).map(|(_, cell)| cell.trim());
        let Some(cell) = last else {
            in_table = false;
            return None;
        };
        if cell == "pinned by" {
            in_table = true;
            return None;
        }
        if !in_table || cell.starts_with("---") {
            return None;
        }
        complaint(cell, sources).map(|complaint| format!("{}: {complaint}", index + 1))
    })
}

/// What is wrong with a cell, if something is. It stands there as `crate` and then tests in back quotes, separated
/// by commas.
fn complaint(cell: &str, sources: &Sources) -> Option<String> {
    let mut parts = cell.split('`');
    let mut owner = parts.next().unwrap_or_default();
    let mut named = 0;
    while let (Some(test), Some(next)) = (parts.next(), parts.next()) {
        let this = owner.trim_matches([',', ' ']);
        if !sources.have(this, test) {
            return Some(format!("there is no test `{test}` in iothub-{this}"));
        }
        named += 1;
        // Without a new name in front, the next test is of the same crate.
        owner = if next.trim_matches([',', ' ']).is_empty() { this } else { next };
    }
    (named == 0).then(|| "names no test".to_owned())
}

/// The sources of the workspace.
pub(super) struct Sources(Vec<(PathBuf, String)>);

impl Sources {
    pub(super) fn read() -> Result<Self, Failure> {
        let files = workspace::files(&["rs"])?;
        let read =
            |path: PathBuf| workspace::read(&path).map(|text| (PathBuf::from(workspace::shown(&path)), text));
        files.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a crate has that test, in a file or folder of each of the modules that it is said to be in.
    fn have(&self, owner: &str, test: &str) -> bool {
        let (modules, name) = test.rsplit_once("::").unwrap_or(("", test));
        self.0.iter().any(|(path, text)| {
            let path = path.with_extension("");
            let mut parts = path.iter().filter_map(|part| part.to_str()).skip(1);
            let owned = parts.next().is_some_and(|part| part.strip_prefix("iothub-") == Some(owner));
            let within = |module: &str| parts.clone().any(|part| part == module);
            owned
                && modules.split("::").filter(|module| !module.is_empty()).all(within)
                && is_test(name, text)
        })
    }
}

/// Whether a function of that name is there, and has `#[test]` among the attributes in front of it.
fn is_test(name: &str, text: &str) -> bool {
    let definition = format!("fn {name}(");
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        line.starts_with(&definition) && attributes.into_iter().any(|line| *line == "#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_name_no_test_are_found() {
        let file = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
        let sources = Sources(vec![
            file("crates/iothub-codec/tests/vectors/messages.rs", "#[test]\nfn samples_are_read() {}"),
            file(
                "crates/iothub-hub/tests/hub/methods.rs",
                "    #[test]\n    #[ignore]\n    fn late() {}\nfn device() {}",
            ),
        ]);
        for (cell, complained) in [
            ("codec `samples_are_read`", false),
            ("codec `messages::samples_are_read`", false),
            ("codec `vectors::messages::samples_are_read`, hub `methods::late`", false),
            ("codec `samples_are_read`, `samples_are_read`", false),
            ("hub `samples_are_read`", true),
            ("codec `filters::samples_are_read`", true),
            ("codec `samples_are`", true),
            ("codec `samples_are_read`, hub `samples_are_read`", true),
            ("hub `device`", true),
            ("codec vectors", true),
            ("–", true),
        ] {
            let document =
                format!("| a | b |\n|---|---|\n| x | y |\n\n| # | pinned by |\n|---|---|\n| x | {cell} |\n");
            let found: Vec<_> = complaints(&document, &sources).collect();
            assert_eq!(!found.is_empty(), complained, "{cell}: {found:?}");
            assert!(found.iter().all(|complaint| complaint.starts_with("7: ")), "{found:?}");
        }
    }
}
