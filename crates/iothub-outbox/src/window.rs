use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Entry, Key};

/// The messages at the front of the queue that are in memory, and which were given out.
///
/// `ready` has every message up to the horizon that is neither given out nor gone, and none behind it.
#[derive(Debug)]
pub(crate) struct Window {
    ready: BTreeMap<Key, Entry>,
    bytes: u64,
    bytes_max: u64,
    handed: BTreeSet<Key>,
    horizon: Horizon,
}

/// Up to where the file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Horizon {
    Nothing,
    Until(Key),
    All,
}

impl Window {
    pub(crate) const fn new(bytes_max: u64) -> Self {
        Self {
            ready: BTreeMap::new(),
            bytes: 0,
            bytes_max,
            handed: BTreeSet::new(),
            horizon: Horizon::Nothing,
        }
    }

    /// Gives out the first message.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let (key, entry) = self.ready.pop_first()?;
        self.bytes -= entry.record.size();
        self.handed.insert(key);
        Some(entry)
    }

    /// Takes in a message that is in the file and was not known, unless it is behind the horizon.
    pub(crate) fn put(&mut self, entry: Entry) {
        let is_known = match self.horizon {
            Horizon::Nothing => false,
            Horizon::Until(last) => entry.key <= last,
            Horizon::All => true,
        };
        if is_known {
            self.insert(entry);
            self.shrink();
        }
    }

    /// Takes in the next message behind the horizon; `false` if it is the last for now.
    pub(crate) fn append(&mut self, entry: Entry) -> bool {
        self.horizon = Horizon::Until(entry.key);
        self.insert(entry);
        self.bytes < self.bytes_max
    }

    /// There is nothing behind the horizon.
    pub(crate) fn complete(&mut self) {
        self.horizon = Horizon::All;
    }

    /// From where on messages are to be appended; `None` if none are.
    pub(crate) fn wants(&self) -> Option<Bound<Key>> {
        match self.horizon {
            Horizon::Nothing => Some(Bound::Unbounded),
            Horizon::Until(last) if self.bytes < self.bytes_max / 2 => Some(Bound::Excluded(last)),
            Horizon::Until(_) | Horizon::All => None,
        }
    }

    /// Whether the message was given out and is not settled.
    pub(crate) fn is_handed(&self, key: Key) -> bool {
        self.handed.contains(&key)
    }

    /// Whether the message was given out until now.
    pub(crate) fn settle(&mut self, key: Key) -> bool {
        self.handed.remove(&key)
    }

    /// The message is to be removed without having been given out.
    pub(crate) fn forget(&mut self, key: Key) {
        if let Some(entry) = self.ready.remove(&key) {
            self.bytes -= entry.record.size();
        }
    }

    /// Nothing is known of the file any more, but of what was given out.
    pub(crate) fn reset(&mut self) {
        self.ready.clear();
        self.bytes = 0;
        self.horizon = Horizon::Nothing;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    fn insert(&mut self, entry: Entry) {
        if self.handed.contains(&entry.key) {
            return;
        }
        let size = entry.record.size();
        match self.ready.insert(entry.key, entry) {
            Some(before) => self.bytes += size - before.record.size(),
            None => self.bytes += size,
        }
    }

    /// Leaves to the file what is too much.
    fn shrink(&mut self) {
        while self.bytes > self.bytes_max
            && self.ready.len() > 1
            && let Some((_, last)) = self.ready.pop_last()
            && let Some((key, _)) = self.ready.last_key_value()
        {
            self.bytes -= last.record.size();
            self.horizon = Horizon::Until(*key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Priority, Record};

    const ROOM: u64 = 5 * (Record::OVERHEAD as u64 + 1);

    #[derive(Clone, Debug)]
    enum Step {
        Store(u8),
        Pop,
        Settle(usize),
        Return(usize),
        Drop(usize),
        Refill,
        Reset,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3_u8).prop_map(Step::Store),
            3 => Just(Step::Pop),
            2 => any::<usize>().prop_map(Step::Settle),
            1 => any::<usize>().prop_map(Step::Return),
            1 => any::<usize>().prop_map(Step::Drop),
            2 => Just(Step::Refill),
            1 => Just(Step::Reset),
        ]
    }

    fn entry(key: Key) -> Entry {
        Entry { key, stored_ms: 0, record: Record::new("x").priority(key.priority()) }
    }

    fn refill(window: &mut Window, file: &BTreeSet<Key>) {
        while let Some(from) = window.wants() {
            let mut rest =
                file.range((from, Bound::Unbounded)).filter(|key| !window.is_handed(**key)).copied();
            let mut keys = Vec::new();
            keys.extend(rest.by_ref().take(7));
            drop(rest);
            if !keys.into_iter().all(|key| window.append(entry(key))) {
                return;
            }
            window.complete();
        }
    }

    proptest! {
        /// Against a set in which everything is: what is given out is the first of all that wait.
        #[test]
        fn what_is_given_out_is_always_the_first_that_waits(steps in vec(step(), 1..200)) {
            let mut window = Window::new(ROOM);
            let (mut file, mut handed) = (BTreeSet::new(), Vec::new());
            for (sequence, step) in (0..).zip(steps) {
                match step {
                    Step::Store(priority) => {
                        let key = Key::new(Priority(priority), sequence);
                        file.insert(key);
                        window.put(entry(key));
                    }
                    Step::Pop => {
                        refill(&mut window, &file);
                        let first = file.iter().find(|key| !handed.contains(*key)).copied();
                        prop_assert_eq!(window.pop().map(|entry| entry.key), first);
                        handed.extend(first);
                    }
                    Step::Settle(which) if !handed.is_empty() => {
                        let key = handed.remove(which % handed.len());
                        prop_assert!(window.settle(key));
                        prop_assert!(!window.settle(key), "it is settled once");
                        file.remove(&key);
                    }
                    Step::Return(which) if !handed.is_empty() => {
                        let key = handed.remove(which % handed.len());
                        prop_assert!(window.settle(key));
                        window.put(entry(key));
                    }
                    Step::Drop(which) if !file.is_empty() => {
                        let key = *file.iter().nth(which % file.len()).unwrap();
                        if !handed.contains(&key) {
                            file.remove(&key);
                            window.forget(key);
                        }
                    }
                    Step::Refill => refill(&mut window, &file),
                    Step::Reset => window.reset(),
                    Step::Settle(_) | Step::Return(_) | Step::Drop(_) => {}
                }
                prop_assert!(window.bytes <= ROOM + Record::OVERHEAD as u64 + 1, "{} bytes", window.bytes);
                prop_assert_eq!(window.bytes, window.ready.values().map(|entry| entry.record.size()).sum::<u64>());
            }
        }
    }
}
