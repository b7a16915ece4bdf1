use super::source::{Kind, Source};

/// A module is a noun: it is named after the thing it defines.
pub(super) fn check(path: &str, source: &Source<'_>) -> Vec<String> {
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let of_path =
        parts.filter(|part| NO_NOUNS.contains(part)).map(|part| format!("{path}: {}", complaint(part)));

    let declared = source.tokens.windows(2).filter_map(|pair| match (pair[0].kind, pair[1].kind) {
        (Kind::Word("mod"), Kind::Word(name)) if NO_NOUNS.contains(&name) => Some((pair[1].line, name)),
        _ => None,
    });
    of_path.chain(declared.map(|(line, name)| format!("{path}:{line}: {}", complaint(name)))).collect()
}

fn complaint(name: &str) -> String {
    format!("`{name}` names no thing (name a module after what it defines)")
}

const NO_NOUNS: [&str; 5] = ["common", "helpers", "misc", "types", "utils"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_in_paths_and_in_declarations() {
        for (path, text, expected) in [
            ("crates/a/src/window.rs", "mod tests;", 0),
            ("crates/a/src/utils.rs", "", 1),
            ("crates/a/src/helpers/mod.rs", "", 1),
            ("crates/a/src/lib.rs", "mod types { }", 1),
            ("crates/a/src/lib.rs", "// mod types", 0),
            ("crates/a/src/lib.rs", "use http::types;", 0),
        ] {
            assert_eq!(check(path, &Source::new(text)).len(), expected, "{path} {text}");
        }
    }
}
