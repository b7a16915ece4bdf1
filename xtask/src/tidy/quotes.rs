/// Where code is only shown that is part of an example, which is compiled and tested.
const DOCUMENT: &str = "docs/embedded.md";

/// Whether such a file is one of the examples.
pub(super) fn is_example(path: &str) -> bool {
    path.starts_with("crates/examples/")
}

/// A block of Rust stands in one of the examples, line by line; only how far it is indented may differ.
pub(super) fn check(path: &str, text: &str, examples: &[String]) -> Vec<String> {
    if path != DOCUMENT {
        return Vec::new();
    }
    let strange = blocks(text).filter(|(_, block)| !examples.iter().any(|example| quotes(block, example)));
    strange.map(|(line, _)| format!("{path}:{line}: this code is no part of an example")).collect()
}

/// The blocks of Rust, each with the line on which it begins.
fn blocks(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let mut lines = text.lines().enumerate();
    core::iter::from_fn(move || {
        let (index, _) = lines.find(|(_, line)| *line == "```rust")?;
        let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        Some((index + 1, block))
    })
}

fn quotes(block: &[&str], example: &str) -> bool {
    let lines: Vec<&str> = example.lines().collect();
    lines.windows(block.len().max(1)).any(|window| {
        let indent = window[0].len().saturating_sub(block.first().map_or(0, |line| line.len()));
        window.iter().zip(block).all(|(line, quoted)| match quoted.is_empty() {
            true => line.is_empty(),
            false => line
                .split_at_checked(indent)
                .is_some_and(|(space, rest)| space.trim().is_empty() && rest == *quoted),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stands_in_an_example_whatever_its_indentation() {
        let examples = ["fn f() {\n    g();\n\n    if h() {\n        i();\n    }\n}\n".to_owned()];
        for (block, expected) in [
            ("g();", 0),
            ("    g();", 0),
            ("g();\n\nif h() {\n    i();\n}", 0),
            ("if h() {\ni();\n}", 1),
            ("if h() {\n    j();\n}", 1),
            ("g();\nif h() {", 1),
            ("i()", 1),
            ("}\n}\n}", 1),
        ] {
            let text = format!("# A\n\n```rust\n{block}\n```\n\n```toml\nno = \"Rust\"\n```\n");
            let found = check(DOCUMENT, &text, &examples);
            assert_eq!(found.len(), expected, "{block}");
            assert!(found.iter().all(|found| found.starts_with("docs/embedded.md:3: ")), "{found:?}");
            assert_eq!(check("docs/dialects.md", &text, &examples).len(), 0);
        }
    }
}
