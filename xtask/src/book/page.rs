//! What there is to do on a page, read from its blocks.

use super::fences::{Block, blocks, comments};
use crate::failure::Failure;

/// A page of the book, as a list of things to do.
pub(super) struct Page {
    /// Its path, from the root of the workspace on.
    pub(super) path: String,
    /// The path of the page that is done first, in the same shell.
    pub(super) begins_with: Option<String>,
    pub(super) steps: Vec<Step>,
    /// Blocks that are not run, each with the reason.
    pub(super) left_out: Vec<LeftOut>,
}

pub(super) struct LeftOut {
    pub(super) line: usize,
    pub(super) why: String,
}

/// A command of a page, or a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) doing: Doing,
    pub(super) ends: Ends,
    pub(super) shown: Option<Shown>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Lines for a shell.
    Script(String),
    /// A block of Rust, which has been compiled.
    Program,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// By itself, with this status.
    With(i32),
    /// By Ctrl-C, when the page ends.
    Interrupted,
}

/// What a page says is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Text(String),
    Json(String),
}

impl Page {
    /// # Errors
    ///
    /// A block that would be neither run nor left out for a reason.
    pub(super) fn read(path: &str, text: &str) -> Result<Self, Failure> {
        let mut page = Self { path: path.into(), begins_with: None, steps: Vec::new(), left_out: Vec::new() };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut none_below = None;
        for (line, comment) in comments(text) {
            if let Some(file) = comment.strip_prefix("begin with: ") {
                page.begins_with = Some(format!("{folder}/{file}"));
            } else if let Some(why) = comment.strip_prefix("not run below: ") {
                none_below = Some((line, why));
            } else if let Some(command) = comment.strip_prefix("first: ") {
                let doing = Doing::Script(format!("{command}\n"));
                page.steps.push(Step { line, doing, ends: Ends::With(0), shown: None });
            }
        }
        let mut joins = false;
        for block in blocks(text) {
            let below = none_below.filter(|(line, _)| *line < block.line).map(|(_, why)| why);
            let above = block.comment.and_then(|comment| comment.strip_prefix("not run: "));
            let is_output = matches!(block.language, "text" | "json" | "");
            if joins && block.follows && is_output {
                page.show_last(&block);
                joins = false;
            } else if !is_output && !matches!(block.language, "toml" | "yaml") {
                joins = below.or(above).is_none() && page.take(&block)?;
                if let Some(why) = below.or(above) {
                    page.left_out.push(LeftOut { line: block.line, why: why.into() });
                }
            } else {
                joins = false;
            }
        }
        page.steps.sort_by_key(|step| step.line);
        match page.steps.iter().find(|step| step.ends == Ends::Interrupted && step.shown.is_none()) {
            Some(step) => Err(page.wrong(step.line, "what runs in the background shows nothing to wait for")),
            None => Ok(page),
        }
    }

    /// Takes a block as steps, and says whether its output may stand in the block behind it.
    fn take(&mut self, block: &Block<'_>) -> Result<bool, Failure> {
        let ends = self.ends(block)?;
        let (line, shown) = (block.line, None);
        match block.language {
            "sh" => {
                self.steps.push(Step { line, doing: Doing::Script(block.text.clone()), ends, shown });
                Ok(true)
            }
            "rust" if block.text.contains("#[tokio::test") => {
                let why = "a test, run by `cargo test --package book`".to_owned();
                self.left_out.push(LeftOut { line, why });
                Ok(false)
            }
            "rust" => {
                self.steps.push(Step { line, doing: Doing::Program, ends, shown });
                Ok(true)
            }
            "console" => {
                self.steps.extend(session(block, ends));
                Ok(false)
            }
            language => Err(self.wrong(line, &format!("nothing runs {language:?}, and no comment says why"))),
        }
    }

    fn ends(&self, block: &Block<'_>) -> Result<Ends, Failure> {
        let mut ends = Ends::With(0);
        for mark in &block.marks {
            ends = match (*mark, mark.strip_prefix("exit-").map(str::parse)) {
                ("background", _) => Ends::Interrupted,
                (_, Some(Ok(status))) => Ends::With(status),
                _ => return Err(self.wrong(block.line, &format!("the mark {mark:?} means nothing"))),
            };
        }
        Ok(ends)
    }

    fn show_last(&mut self, block: &Block<'_>) {
        let shown = match block.language {
            "json" => Shown::Json(block.text.clone()),
            _ => Shown::Text(block.text.clone()),
        };
        if let Some(step) = self.steps.last_mut() {
            step.shown = Some(shown);
        }
    }

    fn wrong(&self, line: usize, what: &str) -> Failure {
        Failure::new(format!("{}:{line}: {what}", self.path))
    }
}

/// The commands behind prompts, each with the lines below it; without any, what it prints is not shown.
fn session(block: &Block<'_>, ends: Ends) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in block.text.lines().enumerate() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                line: block.line + 1 + index,
                doing: Doing::Script(format!("{command}\n")),
                ends,
                shown: None,
            }),
            (None, Some(step)) => {
                let mut text = match step.shown.take() {
                    Some(Shown::Text(text) | Shown::Json(text)) => text,
                    None => String::new(),
                };
                text.push_str(line);
                text.push('\n');
                step.shown = Some(Shown::Text(text));
            }
            (None, None) => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Result<Page, Failure> {
        Page::read("docs/work/a.md", text)
    }

    #[test]
    fn a_block_is_a_step_and_the_one_behind_it_what_it_prints() {
        let text = "<!-- begin with: setup.md -->\n\n```sh exit-1\na\n```\n\n```json\n{}\n```\n\n```sh\nb\n```\nand\n\n```text\nno\n```\n";
        let page = page(text).unwrap();
        assert_eq!(page.begins_with.as_deref(), Some("docs/work/setup.md"));
        let script = |text: &str| Doing::Script(text.into());
        assert_eq!(
            page.steps,
            [
                Step {
                    line: 3,
                    doing: script("a\n"),
                    ends: Ends::With(1),
                    shown: Some(Shown::Json("{}\n".into()))
                },
                Step { line: 11, doing: script("b\n"), ends: Ends::With(0), shown: None },
            ]
        );
    }

    #[test]
    fn behind_a_prompt_there_is_a_command() {
        let page = page("```console\n$ a\n1\n2\n$ b\n```\n").unwrap();
        let seen: Vec<_> = page.steps.iter().map(|step| (step.line, step.shown.clone())).collect();
        assert_eq!(seen, [(2, Some(Shown::Text("1\n2\n".into()))), (5, None)]);
    }

    #[test]
    fn readers_need_not_see_everything() {
        let page = page("```sh\na\n```\n<!-- first: b -->\n```sh\nc\n```\n").unwrap();
        let seen: Vec<_> = page.steps.iter().map(|step| (step.line, step.doing.clone())).collect();
        assert_eq!(
            seen,
            [(1, "a\n"), (4, "b\n"), (5, "c\n")].map(|(line, text)| (line, Doing::Script(text.into())))
        );
    }

    #[test]
    fn what_is_not_run_has_a_reason() {
        let left_out = |text: &str| page(text).map(|page| (page.steps.len(), page.left_out.len())).ok();
        for (text, expected) in [
            ("<!-- not run: the real service -->\n```sh\na\n```\n```sh\nb\n```\n", Some((1, 1))),
            (
                "```sh\na\n```\n<!-- not run below: x -->\nand\n```python\nb\n```\n```sh\nc\n```\n",
                Some((1, 2)),
            ),
            ("```python\na\n```\n", None),
            ("```sh soon\na\n```\n", None),
            ("```sh background\na\n```\n", None),
            ("```sh background\na\n```\n```text\nb\n```\n", Some((1, 0))),
            ("```rust\n#[tokio::test]\n```\n", Some((0, 1))),
            ("```toml\na = 1\n```\n", Some((0, 0))),
        ] {
            assert_eq!(left_out(text), expected, "{text}");
        }
    }
}
