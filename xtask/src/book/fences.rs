//! The fenced blocks of a page. `crates/examples/book/build.rs` reads them with this file too.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The line of its opening fence, counted from 1.
    pub(crate) line: usize,
    /// The first word behind the fence.
    pub(crate) language: &'a str,
    /// The words behind that.
    pub(crate) marks: Vec<&'a str>,
    /// Its lines, each with its end.
    pub(crate) text: String,
    /// What stands directly above, in a comment that readers do not see.
    pub(crate) comment: Option<&'a str>,
    /// Whether there is nothing but space between the block before and this one.
    pub(crate) follows: bool,
}

/// The blocks of a page in their order. One without an end goes on to the end of the page.
pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let (mut comment, mut follows) = (None, false);
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let mut words = info.split([' ', ',']).filter(|word| !word.is_empty());
            let (language, marks) = (words.next().unwrap_or_default(), words.collect());
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text = inside.flat_map(|line| [line, "\n"]).collect();
            found.push(Block { line: index + 1, language, marks, text, comment, follows });
            (comment, follows) = (None, true);
        } else if !line.trim().is_empty() {
            (comment, follows) = (comment_of(line), false);
        }
    }
    found
}

/// The comments of a page, each with its line.
#[allow(dead_code, reason = "the build script has no use for it")]
pub(crate) fn comments(page: &str) -> impl Iterator<Item = (usize, &str)> {
    page.lines().enumerate().filter_map(|(index, line)| Some((index + 1, comment_of(line)?)))
}

fn comment_of(line: &str) -> Option<&str> {
    Some(line.strip_prefix("<!--")?.strip_suffix("-->")?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_know_what_they_are_and_what_stands_around_them() {
        let page = "# A\n\n<!-- not run: b -->\n\n```sh background exit-1\na\n\nb\n```\n\n```json\n{}\n```\ntext\n```rust,x\n";
        let blocks = blocks(page);
        let seen: Vec<_> =
            blocks.iter().map(|b| (b.line, b.language, b.marks.as_slice(), b.follows)).collect();
        assert_eq!(
            seen,
            [
                (5, "sh", &["background", "exit-1"][..], false),
                (11, "json", &[][..], true),
                (15, "rust", &["x"][..], false)
            ]
        );
        assert_eq!(blocks[0].text, "a\n\nb\n");
        assert_eq!(blocks.iter().map(|b| b.comment).collect::<Vec<_>>(), [Some("not run: b"), None, None]);
        assert_eq!(comments(page).collect::<Vec<_>>(), [(3, "not run: b")]);
    }
}
