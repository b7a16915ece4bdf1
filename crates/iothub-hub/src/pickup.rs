use core::time::Duration;
use std::collections::BTreeMap;

use iothub_proto::{Instant, Now, Timestamp};
use serde::{Deserialize, Serialize};

/// Records for back ends, such as what became of commands, until one of them has read them. Whoever is handed some has
/// them under a lock, and completes them or gives them back.
#[derive(Clone, Debug)]
pub(crate) struct Pickup<R> {
    waiting: BTreeMap<u64, Waiting<R>>,
    last: u64,
    /// Not recorded: after a restart nobody holds anything.
    locks: BTreeMap<u64, Lock>,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptRecord<R> {
    /// What a back end is told.
    pub record: R,
    /// When it is dropped if nobody has read it, in milliseconds since 1970.
    pub expires_ms: u64,
}

#[derive(Clone, Debug)]
struct Waiting<R> {
    kept: KeptRecord<R>,
    /// How often it was read and not completed.
    returned: u32,
    locked: bool,
}

#[derive(Clone, Debug)]
struct Lock {
    numbers: Vec<u64>,
    until: Instant,
}

/// Records that were read together, and the lock under which they can be completed.
pub(crate) struct Batch<'a, R> {
    pub(crate) records: Vec<&'a R>,
    pub(crate) lock: u64,
}

impl<R> Default for Pickup<R> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), last: 0, locks: BTreeMap::new() }
    }
}

impl<R> Pickup<R> {
    /// Most records that are kept; the oldest make room.
    pub(crate) const CAPACITY: usize = 10_000;

    /// The number of the next record.
    pub(crate) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn add(&mut self, number: u64, kept: KeptRecord<R>) {
        self.last = self.last.max(number);
        self.waiting.insert(number, Waiting { kept, returned: 0, locked: false });
        while self.waiting.len() > Self::CAPACITY {
            self.waiting.pop_first();
        }
    }

    pub(crate) fn remove(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.waiting.remove(number);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &KeptRecord<R>)> {
        self.waiting.iter().map(|(number, waiting)| (*number, &waiting.kept))
    }

    /// What is over: records that have expired, and those that were read too often. Ends locks whose time is over.
    pub(crate) fn overdue(&mut self, now: Now, deliveries_max: u32) -> Vec<u64> {
        let ended: Vec<u64> =
            self.locks.iter().filter(|(_, lock)| lock.until <= now.instant).map(|(lock, _)| *lock).collect();
        for lock in ended {
            self.give_back(lock);
        }
        let is_over = |waiting: &Waiting<R>| {
            !waiting.locked
                && (Timestamp::from_millis(waiting.kept.expires_ms) <= now.timestamp
                    || waiting.returned >= deliveries_max)
        };
        self.waiting.iter().filter(|(_, waiting)| is_over(waiting)).map(|(number, _)| *number).collect()
    }

    /// Hands out what nobody has, at most so many at once, and keeps it from others for a while; `None` if there is
    /// nothing.
    pub(crate) fn lock(
        &mut self,
        now: Instant,
        lock: u64,
        (most, held): (usize, Duration),
    ) -> Option<Batch<'_, R>> {
        let mut numbers = Vec::new();
        for (number, waiting) in &mut self.waiting {
            if !waiting.locked && numbers.len() < most {
                waiting.locked = true;
                numbers.push(*number);
            }
        }
        if numbers.is_empty() {
            return None;
        }
        let records =
            numbers.iter().filter_map(|number| Some(&self.waiting.get(number)?.kept.record)).collect();
        self.locks.insert(lock, Lock { numbers, until: now.after(held) });
        Some(Batch { records, lock })
    }

    /// The numbers of the records under a lock, which ends with that. They are to be removed.
    pub(crate) fn complete(&mut self, lock: u64) -> Option<Vec<u64>> {
        self.locks.remove(&lock).map(|lock| lock.numbers)
    }

    /// Ends a lock: its records are for the next who asks. Whether there was such a lock.
    pub(crate) fn give_back(&mut self, lock: u64) -> bool {
        let Some(lock) = self.locks.remove(&lock) else { return false };
        for number in lock.numbers {
            if let Some(waiting) = self.waiting.get_mut(&number) {
                waiting.locked = false;
                waiting.returned += 1;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const MOST: usize = 64;
    const MINUTE: Duration = Duration::from_secs(60);

    fn kept(id: u64, expires_ms: u64) -> KeptRecord<u64> {
        KeptRecord { record: id, expires_ms }
    }

    fn at(millis: u64) -> Now {
        Now { instant: Instant::from_millis(millis), timestamp: Timestamp::from_millis(millis) }
    }

    fn ids(batch: Option<Batch<'_, u64>>) -> Vec<u64> {
        batch.map_or_else(Vec::new, |batch| batch.records.into_iter().copied().collect())
    }

    #[test]
    fn a_batch_is_one_readers_until_it_is_completed_or_given_back() {
        let mut pickup = Pickup::default();
        for number in 1..=70 {
            pickup.add(number, kept(number, u64::MAX));
        }
        assert_eq!(ids(pickup.lock(at(0).instant, 1, (MOST, MINUTE))).len(), MOST);
        assert_eq!(ids(pickup.lock(at(0).instant, 2, (MOST, MINUTE))), [65, 66, 67, 68, 69, 70]);
        assert!(pickup.lock(at(0).instant, 3, (MOST, MINUTE)).is_none());
        assert!(pickup.give_back(2) && !pickup.give_back(2));
        let numbers = pickup.complete(1).unwrap();
        pickup.remove(&numbers);
        assert_eq!(pickup.complete(1), None);
        assert_eq!(ids(pickup.lock(at(0).instant, 4, (MOST, MINUTE))), [65, 66, 67, 68, 69, 70]);
        assert_eq!(pickup.next_number(), 71);
    }

    #[test]
    fn what_nobody_completes_ends() {
        let mut pickup = Pickup::default();
        pickup.add(1, kept(1, 3_600_000));
        pickup.add(2, kept(2, 50));
        assert_eq!(ids(pickup.lock(at(0).instant, 1, (MOST, MINUTE))), [1, 2]);
        assert!(pickup.overdue(at(59_999), 2).is_empty(), "what is locked does not expire");
        assert_eq!(pickup.overdue(at(60_000), 2), [2]);
        pickup.remove(&[2]);
        assert_eq!(ids(pickup.lock(at(60_000).instant, 2, (MOST, MINUTE))), [1]);
        assert_eq!(pickup.overdue(at(120_000), 2), [1], "read twice");
    }

    #[test]
    fn the_oldest_make_room() {
        let mut pickup = Pickup::default();
        for number in 1..=Pickup::<u64>::CAPACITY as u64 + 5 {
            pickup.add(number, kept(number, u64::MAX));
        }
        assert_eq!(pickup.iter().count(), Pickup::<u64>::CAPACITY);
        assert_eq!(pickup.iter().next().unwrap().0, 6);
    }
}
