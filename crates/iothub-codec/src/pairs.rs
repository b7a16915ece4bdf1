use crate::word::{cut_last, halves};

/// The pairs of a `name=value&name=value` list, from either end. What has no `=` has an empty value.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a> {
    rest: &'a str,
}

/// The pairs of a list.
pub(crate) const fn pairs(list: &str) -> Pairs<'_> {
    Pairs { rest: list }
}

impl<'a> Pairs<'a> {
    /// The first value with that name, which stands there unescaped.
    pub(crate) fn first(mut self, wanted: &str) -> Option<&'a str> {
        self.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (pair, rest) = halves(self.rest, b'&');
            self.rest = rest;
            if !pair.is_empty() {
                // An absent value is empty, and still stands behind its name: errors point there.
                return Some(halves(pair, b'='));
            }
        }
        None
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (rest, pair) = cut_last(self.rest, b'&').unwrap_or(("", self.rest));
            self.rest = rest;
            if !pair.is_empty() {
                return Some(halves(pair, b'='));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn pairs_are_the_same_from_both_ends() {
        for (list, expected) in [
            ("", &[][..]),
            ("a=1", &[("a", "1")]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("&&a=1&&b&", &[("a", "1"), ("b", "")]),
            ("=1&a==2&é=ü", &[("", "1"), ("a", "=2"), ("é", "ü")]),
        ] {
            assert_eq!(pairs(list).collect::<Vec<_>>(), expected, "{list}");
            let mut back: Vec<_> = pairs(list).rev().collect();
            back.reverse();
            assert_eq!(back, expected, "{list}");
        }
    }
}
