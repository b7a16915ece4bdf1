/// A Rust file, read just far enough to tell code, literals, comments and tests apart.
pub(super) struct Source<'a> {
    /// What is not a comment and not in an item marked `#[cfg(test)]`.
    pub(super) tokens: Vec<Token<'a>>,
    /// Lines that are not in an item marked `#[cfg(test)]`.
    pub(super) lines: usize,
}

/// A token, and the line on which it begins, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) line: usize,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    /// What stands between the quotes of a string or byte string, escapes as written.
    Text(&'a str),
    Mark(char),
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let all = Lexer { rest: text, line: 1 }.collect::<Vec<_>>();
        let mut tokens = Vec::with_capacity(all.len());
        let mut test_lines = 0;
        let mut rest = all.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if let Some(item) = rest.strip_test_mark() {
                let after = item.after_item();
                let last = rest[rest.len() - after.len() - 1].line;
                test_lines += last + 1 - first.line;
                rest = after;
            } else {
                tokens.push(*first);
                rest = others;
            }
        }
        Self { tokens, lines: text.lines().count() - test_lines }
    }

    /// The text literals, each with its line.
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.tokens.iter().filter_map(|token| match token.kind {
            Kind::Text(text) => Some((token.line, text)),
            Kind::Word(_) | Kind::Mark(_) => None,
        })
    }
}

/// Questions about the next tokens.
trait Tokens {
    /// What follows `#[cfg(test)]`, when it stands here.
    fn strip_test_mark(&self) -> Option<&Self>;
    /// What follows the item that begins here.
    fn after_item(&self) -> &Self;
}

impl Tokens for [Token<'_>] {
    fn strip_test_mark(&self) -> Option<&Self> {
        use Kind::{Mark, Word};
        let mark = [Mark('#'), Mark('['), Word("cfg"), Mark('('), Word("test"), Mark(')'), Mark(']')];
        let (begin, rest) = self.split_at_checked(mark.len())?;
        begin.iter().map(|token| token.kind).eq(mark).then_some(rest)
    }

    fn after_item(&self) -> &Self {
        let mut depth = 0_usize;
        for (at, token) in self.iter().enumerate() {
            let closed = match token.kind {
                Kind::Mark('{' | '(' | '[') => {
                    depth += 1;
                    false
                }
                Kind::Mark(bracket @ ('}' | ')' | ']')) => {
                    depth = depth.saturating_sub(1);
                    depth == 0 && bracket == '}'
                }
                Kind::Mark(';') => depth == 0,
                Kind::Mark(_) | Kind::Word(_) | Kind::Text(_) => false,
            };
            if closed {
                return &self[at + 1..];
            }
        }
        &[]
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let space = self.rest.len() - self.rest.trim_start().len();
            self.take(space);
            match comment(self.rest) {
                0 => break,
                len => self.take(len),
            };
        }
        let line = self.line;
        let kind = self.next_kind()?;
        Some(Token { line, kind })
    }
}

impl<'a> Lexer<'a> {
    fn next_kind(&mut self) -> Option<Kind<'a>> {
        let first = self.rest.chars().next()?;
        if let Some(text) = self.next_text() {
            return Some(Kind::Text(text));
        }
        if first == '\'' {
            // A character is skipped as a whole, as it may be a quote; of a lifetime only the mark is.
            let len = character(self.rest).unwrap_or(1);
            self.take(len);
            return Some(Kind::Mark('\''));
        }
        if first.is_alphanumeric() || first == '_' {
            let len = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            return Some(Kind::Word(self.take(len)));
        }
        self.take(first.len_utf8());
        Some(Kind::Mark(first))
    }

    /// A string, byte string or C string, raw or not, when one begins here.
    fn next_text(&mut self) -> Option<&'a str> {
        let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
            let after = self.rest.strip_prefix(prefix);
            after.is_some_and(|after| match prefix.ends_with('r') {
                true => after.trim_start_matches('#').starts_with('"'),
                false => after.starts_with('"'),
            })
        })?;
        let after = &self.rest[prefix.len()..];
        let hashes = after.len() - after.trim_start_matches('#').len();
        let inside = &after[hashes + 1..];
        let len = if prefix.ends_with('r') {
            inside.find(&format!("\"{}", "#".repeat(hashes)))
        } else {
            end_of_escaped(inside, '"')
        };
        let len = len.unwrap_or(inside.len());
        self.take(prefix.len() + hashes + 1);
        let text = self.take(len);
        self.take((hashes + 1).min(self.rest.len()));
        Some(text)
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

/// The length of the comment that begins here; 0 when none does.
fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    let mut at = 0;
    let mut depth = 0_usize;
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if depth > 0 && rest.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else if depth > 0 && !rest.is_empty() {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 || at >= text.len() {
            break;
        }
    }
    at
}

/// The length of the character literal that begins here, and `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let len = if first == '\\' { end_of_escaped(inside, '\'')? } else { first.len_utf8() };
    inside[len..].starts_with('\'').then_some(len + 2)
}

/// Where `quote` stands without a backslash in front of it.
fn end_of_escaped(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_wherever_they_may_stand() {
        for (source, expected) in [
            (r#"let a = "x";"#, &["x"][..]),
            (r#"f("a", b"b", c"c")"#, &["a", "b", "c"]),
            (r##"f(r#"a"b"#, br"c\")"##, &["a\"b", r"c\"]),
            (r#"f("a\"b\\", "c")"#, &[r#"a\"b\\"#, "c"]),
            (
                r#"// "no"
                f("yes") /* "no" /* "no" */ "no" */ "yes""#,
                &["yes", "yes"],
            ),
            (r#"let quote = '"'; f::<'a>("yes", '\'', b'"', "yes")"#, &["yes", "yes"]),
            ("/// \"no\"\n//! \"no\"\n", &[]),
            ("f(\"unfinished", &["unfinished"]),
            ("/* \"unfinished", &[]),
        ] {
            let found: Vec<_> = Source::new(source).texts().map(|(_, text)| text).collect();
            assert_eq!(found, expected, "{source}");
        }
    }

    #[test]
    fn tests_are_left_out_with_their_lines() {
        for (source, expected, lines) in [
            (
                "f(\"a\");\n#[cfg(test)]\nmod tests {\n  fn g() { h(\"no\"); }\n}\nf(\"b\");\n",
                &["a", "b"][..],
                2,
            ),
            ("#[cfg(test)]\nmod tests;\nf(\"a\");\n", &["a"], 1),
            ("#[cfg(test)]\nuse a::{b, c};\nf(\"a\");\n", &["a"], 1),
            ("#[cfg(test)]\nfn f() -> [u8; 2] {\n  g(\"no\")\n}\n", &[], 0),
            ("#[cfg(feature = \"test\")]\nfn f() {}\n", &["test"], 2),
            ("#[cfg(test)]\nmod tests {", &[], 0),
        ] {
            let read = Source::new(source);
            assert_eq!(read.texts().map(|(_, text)| text).collect::<Vec<_>>(), expected, "{source}");
            assert_eq!(read.lines, lines, "{source}");
        }
    }

    #[test]
    fn lines_are_counted_through_comments_and_texts() {
        let source = Source::new("/*\n\n*/ f(\"a\n\", // c\n \"b\")");
        assert_eq!(source.texts().collect::<Vec<_>>(), [(3, "a\n"), (5, "b")]);
    }
}
