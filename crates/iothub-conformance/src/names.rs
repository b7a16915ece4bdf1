use std::collections::BTreeMap;

/// What the names in braces stand for in one conversation.
///
/// `{r}` takes whatever it meets first, and must be the same from then on; `{_}` is anything, each time. Where who
/// plays a part chooses a name that nobody has met, it becomes a number that nothing else has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    bound: BTreeMap<String, String>,
    chosen: u16,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Name(&'a str),
}

impl Names {
    /// Whether `text` is what `pattern` says. Names that meet their first text here are bound.
    pub(crate) fn meet(&mut self, pattern: &str, text: &str) -> bool {
        let mut met = self.clone();
        let fits = met.walk(&pieces(pattern), text);
        if fits {
            *self = met;
        }
        fits
    }

    /// The text with each name replaced by what it stands for, or by a number from now on.
    pub(crate) fn fill(&mut self, pattern: &str) -> String {
        let mut filled = String::new();
        for piece in pieces(pattern) {
            match piece {
                Piece::Plain(text) => filled.push_str(text),
                Piece::Name(name) => filled.push_str(&self.choose(name)),
            }
        }
        filled
    }

    fn choose(&mut self, name: &str) -> String {
        if let Some(value) = self.bound.get(name) {
            return value.clone();
        }
        self.chosen += 1;
        let value = self.chosen.to_string();
        if name != "_" {
            self.bound.insert(name.to_owned(), value.clone());
        }
        value
    }

    fn walk(&mut self, pieces: &[Piece<'_>], text: &str) -> bool {
        match pieces {
            [] => text.is_empty(),
            [Piece::Plain(plain), rest @ ..] => {
                text.strip_prefix(plain).is_some_and(|text| self.walk(rest, text))
            }
            [Piece::Name(name), rest @ ..] => {
                if let Some(value) = self.bound.get(*name).cloned() {
                    return text.strip_prefix(value.as_str()).is_some_and(|text| self.walk(rest, text));
                }
                // It takes as little as it can, and at least something.
                let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
                ends.into_iter().any(|end| {
                    let mut tried = self.clone();
                    if *name != "_" {
                        tried.bound.insert((*name).to_owned(), text[..end].to_owned());
                    }
                    let fits = tried.walk(rest, &text[end..]);
                    if fits {
                        *self = tried;
                    }
                    fits
                })
            }
        }
    }
}

/// A brace that is not closed, or around what is no name, is a brace.
fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some((before, name, after)) = first_name(rest) {
        if !before.is_empty() {
            pieces.push(Piece::Plain(before));
        }
        pieces.push(Piece::Name(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    pieces
}

fn first_name(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (name, after) = text[at + 1..].split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then_some((&text[..at], name, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_after_its_first_meeting() {
        let mut names = Names::default();
        assert!(names.meet("res/200/?rid={r}&v={v}", "res/200/?rid=a1&v=3"));
        for (pattern, text, expected) in [
            ("{r}", "a1", true),
            ("{r}", "a2", false),
            ("{r}{v}", "a13", true),
            ("x{new}", "x", false),
            ("{_}", "anything", true),
            ("{_}/b/{_}", "a/b/b/c", true),
            ("{\"v\":1}", "{\"v\":1}", true),
            ("{r", "{r", true),
        ] {
            assert_eq!(names.meet(pattern, text), expected, "{pattern} {text}");
        }
        assert!(names.meet("{w}", "first") && !names.meet("{w}", "second"));
    }

    #[test]
    fn nothing_is_bound_by_what_does_not_fit() {
        let mut names = Names::default();
        assert!(!names.meet("{a}/x", "b/y"));
        assert!(names.meet("{a}", "c"));
    }

    #[test]
    fn a_name_that_nobody_met_is_chosen_once() {
        let mut names = Names::default();
        assert_eq!(names.fill("{a}/{b}/{a}/{_}/{_}"), "1/2/1/3/4");
        assert!(names.meet("{b}", "2"));
    }
}
