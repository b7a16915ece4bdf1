use std::path::Path;

use crate::workspace;

/// A link to a file of the workspace leads somewhere.
pub(super) fn check(path: &Path, text: &str) -> Vec<String> {
    let folder = path.parent().unwrap_or(path);
    let broken = targets(text).filter(|(_, target)| {
        let file = target.split_once('#').map_or(*target, |(file, _)| file);
        !file.is_empty() && !folder.join(file).exists()
    });
    broken.map(|(line, target)| format!("{}:{line}: no {target}", workspace::shown(path))).collect()
}

/// The relative links of a Markdown document, each with its line. What is in code is no link.
fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().flat_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let line = if in_code { "" } else { line };
        targets_of_line(line).map(move |target| (index + 1, target))
    })
}

fn targets_of_line(line: &str) -> impl Iterator<Item = &str> {
    // Every second part between back quotes is code. A link's text may be code, so parts are cut at
    // its end: `](` stands behind it.
    let outside = line.split('`').step_by(2);
    let inline =
        outside.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split([')', ' ']).next());
    let reference = line
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target.trim());
    inline.chain(reference).filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_and_only_those_are_followed() {
        for (line, expected) in [
            ("see [the docs](docs/a.md#part) and [b](../b.md \"title\")", &["docs/a.md#part", "../b.md"][..]),
            ("[`code`](src/lib.rs)", &["src/lib.rs"]),
            ("[out](https://example.com) <https://example.com> [m](mailto:a@example.com)", &[]),
            ("`[no](link.md)`", &[]),
            ("[name]: docs/a.md", &["docs/a.md"]),
            ("![picture](a.png)", &["a.png"]),
        ] {
            assert_eq!(targets_of_line(line).collect::<Vec<_>>(), expected, "{line}");
        }
    }

    #[test]
    fn code_blocks_have_no_links() {
        let text = "```\n[a](a.md)\n```\n[b](b.md)\n";
        assert_eq!(targets(text).collect::<Vec<_>>(), [(4, "b.md")]);
    }

    #[test]
    fn a_link_to_nothing_is_named_with_its_line() {
        let document = workspace::root().join("README.md");
        assert!(check(&document, "[a](Cargo.toml) [b](#part)").is_empty());
        assert_eq!(check(&document, "\n[a](no-such-file.md)"), ["README.md:2: no no-such-file.md"]);
    }
}
