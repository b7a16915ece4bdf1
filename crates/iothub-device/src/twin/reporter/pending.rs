use std::collections::VecDeque;

use iothub_model::{Object, compose};

/// What is to be reported and was not acknowledged yet, in order: the parts of callers, each with those who wait for what
/// becomes of it.
///
/// As many as possible go out as one patch, and one patch at a time. Where the hub refuses that, each part goes alone, so
/// that one that is wrong keeps no other from being reported.
#[derive(Debug)]
pub(super) struct Pending<W> {
    under_way: Vec<Part<W>>,
    waiting: VecDeque<Part<W>>,
    /// So many of the first that wait go alone.
    alone: usize,
    /// Bytes of JSON of all parts.
    bytes: usize,
}

/// What was reported by one caller, or by several as if by one.
#[derive(Debug, PartialEq)]
pub(super) struct Part<W> {
    patch: Object,
    len: usize,
    pub(super) waiters: Vec<W>,
    /// Whether somebody has reported in this without waiting.
    pub(super) is_unheard: bool,
}

/// Parts that wait; of more, neighbours become one.
const PARTS: usize = 32;
/// Parts that wait of which no two can become one.
const PARTS_APART: usize = 2 * PARTS;

impl<W> Part<W> {
    pub(super) fn new(patch: Object, waiter: Option<W>) -> Self {
        let (len, is_unheard) = (json_len(&patch), waiter.is_none());
        Self { patch, len, waiters: waiter.into_iter().collect(), is_unheard }
    }
}

impl<W> Pending<W> {
    /// Most bytes of JSON that wait or are under way: what fits into one report, and no section of a twin outgrows.
    pub(super) const BYTES_MAX: usize = 120 * 1024;

    pub(super) fn new() -> Self {
        Self { under_way: Vec::new(), waiting: VecDeque::new(), alone: 0, bytes: 0 }
    }

    /// Adds a part; gives it back where there is no room.
    pub(super) fn add(&mut self, part: Part<W>) -> Result<(), Part<W>> {
        if self.has_room(part.len) && self.waiting.len() < PARTS {
            self.push(part);
            return Ok(());
        }
        self.condense();
        let Some(part) = self.join(part) else { return Ok(()) };
        if self.has_room(part.len) && self.waiting.len() < PARTS_APART {
            self.push(part);
            return Ok(());
        }
        Err(part)
    }

    /// Waits for the last part of all; gives the waiter back if there is none.
    pub(super) fn wait(&mut self, waiter: W) -> Result<(), W> {
        match self.waiting.back_mut().or(self.under_way.last_mut()) {
            Some(part) => {
                part.waiters.push(waiter);
                Ok(())
            }
            None => Err(waiter),
        }
    }

    /// Forgets those who wait no longer. If they have reported, they have not heard what becomes of that.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&W) -> bool, has_reported: impl Fn(&W) -> bool) {
        for part in self.waiting.iter_mut().chain(&mut self.under_way) {
            part.is_unheard |= part.waiters.iter().any(|waiter| is_gone(waiter) && has_reported(waiter));
            part.waiters.retain(|waiter| !is_gone(waiter));
        }
    }

    /// Takes what goes out next. What was under way before has to have ended.
    pub(super) fn next(&mut self) -> Option<Object> {
        debug_assert!(self.under_way.is_empty(), "one patch is under way at a time");
        let first = self.waiting.pop_front()?;
        let mut patch = first.patch.clone();
        self.under_way.push(first);
        if self.alone > 0 {
            self.alone -= 1;
            return Some(patch);
        }
        while let Some(part) = self.waiting.front()
            && compose(&mut patch, &part.patch).is_ok()
        {
            self.under_way.extend(self.waiting.pop_front());
        }
        Some(patch)
    }

    /// What is under way has to go out again, together with what has come since.
    pub(super) fn again(&mut self) {
        if self.alone > 0 {
            self.alone += self.under_way.len();
        }
        self.take_back();
    }

    /// What is under way was refused: a part of its own, which this gives; several go out again, each alone.
    pub(super) fn refused(&mut self) -> Option<Part<W>> {
        if let [_] = &self.under_way[..] {
            return self.done().pop();
        }
        self.alone += self.under_way.len();
        self.take_back();
        None
    }

    /// What is under way has arrived.
    pub(super) fn done(&mut self) -> Vec<Part<W>> {
        let parts = core::mem::take(&mut self.under_way);
        self.bytes -= parts.iter().map(|part| part.len).sum::<usize>();
        parts
    }

    /// Gives up everything.
    pub(super) fn clear(&mut self) -> Vec<Part<W>> {
        let Self { under_way, waiting, .. } = core::mem::replace(self, Self::new());
        under_way.into_iter().chain(waiting).collect()
    }

    fn has_room(&self, len: usize) -> bool {
        self.bytes + len <= Self::BYTES_MAX
    }

    fn push(&mut self, part: Part<W>) {
        self.bytes += part.len;
        self.waiting.push_back(part);
    }

    fn take_back(&mut self) {
        for part in self.under_way.drain(..).rev() {
            self.waiting.push_front(part);
        }
    }

    /// Makes one of neighbours; if that is refused, all of them are.
    fn condense(&mut self) {
        self.alone = 0;
        for part in core::mem::take(&mut self.waiting) {
            self.bytes -= part.len;
            if let Some(part) = self.join(part) {
                self.push(part);
            }
        }
    }

    /// Makes a part one with the last that waits, unless no one patch does what both do, or that is too much.
    fn join(&mut self, part: Part<W>) -> Option<Part<W>> {
        let Some(last) = self.waiting.back_mut() else { return Some(part) };
        let mut patch = last.patch.clone();
        if compose(&mut patch, &part.patch).is_err() {
            return Some(part);
        }
        let len = json_len(&patch);
        let bytes = self.bytes - last.len + len;
        if bytes > Self::BYTES_MAX {
            return Some(part);
        }
        self.bytes = bytes;
        (last.patch, last.len) = (patch, len);
        last.waiters.extend(part.waiters);
        last.is_unheard |= part.is_unheard;
        None
    }
}

/// Bytes of its JSON.
fn json_len(patch: &Object) -> usize {
    serde_json::to_vec(patch).expect("members have text for names, and memory takes all").len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn part(patch: Value, waiter: char) -> Part<char> {
        Part::new(patch.as_object().unwrap().clone(), Some(waiter))
    }

    fn next(pending: &mut Pending<char>) -> Option<Value> {
        pending.next().map(Value::Object)
    }

    fn names(parts: Vec<Part<char>>) -> String {
        parts.into_iter().flat_map(|part| part.waiters).collect()
    }

    fn of(patches: &[(char, Value)]) -> Pending<char> {
        let mut pending = Pending::new();
        for (waiter, patch) in patches {
            pending.add(part(patch.clone(), *waiter)).unwrap();
        }
        pending
    }

    #[test]
    fn what_waits_goes_out_as_one_and_what_comes_meanwhile_as_the_next() {
        let mut pending = of(&[('a', json!({ "t": 1 })), ('b', json!({ "t": 2, "u": null }))]);
        assert_eq!(next(&mut pending), Some(json!({ "t": 2, "u": null })));
        pending.add(part(json!({ "t": 3 }), 'c')).unwrap();
        assert_eq!(names(pending.done()), "ab");
        assert_eq!(next(&mut pending), Some(json!({ "t": 3 })));
        assert_eq!(names(pending.done()), "c");
        assert_eq!((next(&mut pending), pending.bytes), (None, 0));
    }

    #[test]
    fn what_nobody_knows_the_outcome_of_goes_out_again_with_what_has_come_since() {
        let mut pending = of(&[('a', json!({ "t": 1, "u": 1 }))]);
        next(&mut pending);
        pending.add(part(json!({ "t": 2 }), 'b')).unwrap();
        pending.again();
        assert_eq!(next(&mut pending), Some(json!({ "t": 2, "u": 1 })));
        assert_eq!(names(pending.done()), "ab");
    }

    #[test]
    fn two_patches_that_no_one_patch_is_go_out_one_by_one() {
        let mut pending = of(&[('a', json!({ "m": null })), ('b', json!({ "m": { "x": 1 } }))]);
        assert_eq!(next(&mut pending), Some(json!({ "m": null })));
        pending.again();
        assert_eq!(next(&mut pending), Some(json!({ "m": null })));
        assert_eq!(names(pending.done()), "a");
        assert_eq!(next(&mut pending), Some(json!({ "m": { "x": 1 } })));
    }

    #[test]
    fn what_is_refused_together_goes_out_again_alone_and_only_the_wrong_one_is_told() {
        let mut pending = of(&[('a', json!({ "t": 1 })), ('b', json!({ "$": 1 })), ('c', json!({ "t": 2 }))]);
        next(&mut pending);
        pending.add(part(json!({ "u": 1 }), 'd')).unwrap();
        assert_eq!(pending.refused(), None);
        assert_eq!(next(&mut pending), Some(json!({ "t": 1 })));
        assert_eq!(names(pending.done()), "a");
        assert_eq!(next(&mut pending), Some(json!({ "$": 1 })));
        pending.again();
        assert_eq!(next(&mut pending), Some(json!({ "$": 1 })), "still alone");
        assert_eq!(names(pending.refused().into_iter().collect()), "b");
        assert_eq!(next(&mut pending), Some(json!({ "t": 2 })));
        assert_eq!(names(pending.done()), "c");
        assert_eq!(next(&mut pending), Some(json!({ "u": 1 })));
    }

    #[test]
    fn however_much_is_reported_so_much_waits_and_the_latest_is_there() {
        let mut pending = Pending::new();
        pending.add(part(json!({ "n": "first" }), 'a')).unwrap();
        next(&mut pending);
        for n in 0..1_000 {
            let patch = json!({ "n": n, "text": "x".repeat(2_000) });
            pending.add(part(patch, 'b')).unwrap();
            assert!(pending.waiting.len() <= PARTS && pending.bytes <= Pending::<char>::BYTES_MAX);
        }
        pending.again();
        let all = next(&mut pending).unwrap();
        assert_eq!(all["n"], json!(999));
        assert_eq!(names(pending.done()).len(), 1_001);
        assert_eq!(pending.bytes, 0);
    }

    #[test]
    fn what_is_too_much_is_given_back_and_nothing_else_lost() {
        let mut pending = of(&[('a', json!({ "t": 1 }))]);
        let fat = |name: &str| json!({ name: "x".repeat(100_000) });
        pending.add(part(fat("x"), 'b')).unwrap();
        assert!(pending.add(part(fat("y"), 'c')).is_err());
        pending.add(part(fat("x"), 'd')).unwrap();
        let apart = [json!({ "m": null, "n": { "x": 1 } }), json!({ "n": null, "m": { "x": 1 } })];
        let refused = (0..1_000).find(|n| pending.add(part(apart[n % 2].clone(), 'e')).is_err());
        // The others before them have become one, and the first of these with it.
        assert_eq!((refused, pending.waiting.len()), (Some(PARTS_APART), PARTS_APART));
        pending.add(part(json!({ "y": 1 }), 'f')).unwrap();
        let expected = json!({ "t": 1, "x": "x".repeat(100_000), "m": null, "n": { "x": 1 } });
        assert_eq!(next(&mut pending), Some(expected));
        assert_eq!(names(pending.done()), "abde");
        assert_eq!(names(pending.clear()).len(), PARTS_APART);
    }

    #[test]
    fn who_waits_no_longer_is_forgotten_and_has_not_heard() {
        let mut pending = of(&[('a', json!({ "t": 1 })), ('b', json!({ "u": 1 })), ('c', json!({ "v": 1 }))]);
        // `c` waits for what others have reported.
        pending.forget(|waiter| *waiter != 'b', |waiter| *waiter != 'c');
        next(&mut pending);
        let heard: Vec<_> = pending.done().into_iter().map(|part| (part.waiters, part.is_unheard)).collect();
        assert_eq!(heard, [(vec![], true), (vec!['b'], false), (vec![], false)]);
    }

    #[test]
    fn who_waits_for_all_waits_for_the_last() {
        let mut pending = of(&[('a', json!({ "t": 1 }))]);
        assert_eq!(pending.wait('f'), Ok(()));
        next(&mut pending);
        assert_eq!(pending.wait('g'), Ok(()), "what is under way counts");
        assert_eq!(names(pending.done()), "afg");
        assert_eq!(pending.wait('h'), Err('h'));
    }
}
