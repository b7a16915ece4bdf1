use core::hint::black_box;
use std::collections::VecDeque;

use crate::rest::query::walk::Stop;

/// The same stops, of which some have been glanced at before the first is given.
///
/// Where there are many twins, each part of one has to be fetched from memory, and most of the time of a look at all of
/// them is waiting for that. Glances do not depend on each other, so that the processor waits for many at once.
pub(super) struct Ahead<'r, I> {
    rest: I,
    seen: VecDeque<Stop<'r>>,
}

impl<I> Ahead<'_, I> {
    pub(super) fn of(rest: I) -> Self {
        Self { rest, seen: VecDeque::with_capacity(AHEAD) }
    }
}

impl<'r, I: Iterator<Item = Stop<'r>>> Iterator for Ahead<'r, I> {
    type Item = Stop<'r>;

    fn next(&mut self) -> Option<Stop<'r>> {
        if self.seen.is_empty() {
            self.seen.extend(self.rest.by_ref().take(AHEAD));
            black_box(self.seen.iter().map(glance).fold(0, usize::wrapping_add));
        }
        self.seen.pop_front()
    }
}

/// Touches what most conditions look at: which kind it is, and its first tags.
fn glance(stop: &Stop<'_>) -> usize {
    let first = |text: &str| text.as_bytes().first().copied().map_or(0, usize::from);
    let tags = stop.entry.twin.tags().as_object().iter().take(TAGS);
    let touched = tags.map(|(name, value)| first(name) + value.as_str().map_or(0, first));
    touched.sum::<usize>()
        + usize::from(stop.key.module.is_some())
        + usize::from(stop.entry.twin.version() == 0)
}

/// How many are glanced at, and how many tags of each.
const AHEAD: usize = 32;
const TAGS: usize = 4;
