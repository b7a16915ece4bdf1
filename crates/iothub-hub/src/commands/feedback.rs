use core::time::Duration;
use std::collections::BTreeMap;

use iothub_model::FeedbackRecord;
use iothub_proto::{Instant, Now, Timestamp};
use serde::{Deserialize, Serialize};

/// What became of commands, until back ends have read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feedback {
    waiting: BTreeMap<u64, Waiting>,
    last: u64,
    /// Not recorded: after a restart nobody holds anything.
    locks: BTreeMap<u64, Lock>,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptFeedback {
    /// What became of the command.
    pub record: FeedbackRecord,
    /// When it is dropped if nobody has read it, in milliseconds since 1970.
    pub expires_ms: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    kept: KeptFeedback,
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
pub(crate) struct Batch<'a> {
    pub(crate) records: Vec<&'a FeedbackRecord>,
    pub(crate) lock: u64,
}

impl Feedback {
    /// Most records in one batch.
    pub(crate) const BATCH_MAX: usize = 64;
    /// Most records that are kept; the oldest make room.
    pub(crate) const CAPACITY: usize = 10_000;

    /// The number of the next record.
    pub(crate) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn add(&mut self, number: u64, kept: KeptFeedback) {
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &KeptFeedback)> {
        self.waiting.iter().map(|(number, waiting)| (*number, &waiting.kept))
    }

    /// What is over: records that have expired, and those that were read too often. Ends locks whose time is over.
    pub(crate) fn overdue(&mut self, now: Now, deliveries_max: u32) -> Vec<u64> {
        let ended: Vec<u64> =
            self.locks.iter().filter(|(_, lock)| lock.until <= now.instant).map(|(lock, _)| *lock).collect();
        for lock in ended {
            self.give_back(lock);
        }
        let is_over = |waiting: &Waiting| {
            !waiting.locked
                && (Timestamp::from_millis(waiting.kept.expires_ms) <= now.timestamp
                    || waiting.returned >= deliveries_max)
        };
        self.waiting.iter().filter(|(_, waiting)| is_over(waiting)).map(|(number, _)| *number).collect()
    }

    /// Hands out what nobody has, and keeps it from others for a while; `None` if there is nothing.
    pub(crate) fn lock(&mut self, now: Instant, lock: u64, held: Duration) -> Option<Batch<'_>> {
        let mut numbers = Vec::new();
        for (number, waiting) in &mut self.waiting {
            if !waiting.locked && numbers.len() < Self::BATCH_MAX {
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
    use iothub_model::{CommandOutcome, Date};

    const MINUTE: Duration = Duration::from_secs(60);

    fn kept(id: u64, expires_ms: u64) -> KeptFeedback {
        let record = FeedbackRecord {
            original_message_id: id.to_string(),
            enqueued_time_utc: Date::NEVER,
            status_code: CommandOutcome::Success,
            description: "Success".into(),
            device_id: "d".into(),
            device_generation_id: "g".into(),
        };
        KeptFeedback { record, expires_ms }
    }

    fn at(millis: u64) -> Now {
        Now { instant: Instant::from_millis(millis), timestamp: Timestamp::from_millis(millis) }
    }

    fn ids(batch: Option<Batch<'_>>) -> Vec<String> {
        batch.map_or_else(Vec::new, |batch| {
            batch.records.iter().map(|record| record.original_message_id.clone()).collect()
        })
    }

    #[test]
    fn a_batch_is_one_readers_until_it_is_completed_or_given_back() {
        let mut feedback = Feedback::default();
        for number in 1..=70 {
            feedback.add(number, kept(number, u64::MAX));
        }
        assert_eq!(ids(feedback.lock(at(0).instant, 1, MINUTE)).len(), Feedback::BATCH_MAX);
        assert_eq!(ids(feedback.lock(at(0).instant, 2, MINUTE)), ["65", "66", "67", "68", "69", "70"]);
        assert!(feedback.lock(at(0).instant, 3, MINUTE).is_none());
        assert!(feedback.give_back(2) && !feedback.give_back(2));
        let numbers = feedback.complete(1).unwrap();
        feedback.remove(&numbers);
        assert_eq!(feedback.complete(1), None);
        assert_eq!(ids(feedback.lock(at(0).instant, 4, MINUTE)), ["65", "66", "67", "68", "69", "70"]);
        assert_eq!(feedback.next_number(), 71);
    }

    #[test]
    fn what_nobody_completes_ends() {
        let mut feedback = Feedback::default();
        feedback.add(1, kept(1, 3_600_000));
        feedback.add(2, kept(2, 50));
        assert_eq!(ids(feedback.lock(at(0).instant, 1, MINUTE)), ["1", "2"]);
        assert!(feedback.overdue(at(59_999), 2).is_empty(), "what is locked does not expire");
        assert_eq!(feedback.overdue(at(60_000), 2), [2]);
        feedback.remove(&[2]);
        assert_eq!(ids(feedback.lock(at(60_000).instant, 2, MINUTE)), ["1"]);
        assert_eq!(feedback.overdue(at(120_000), 2), [1], "read twice");
    }

    #[test]
    fn the_oldest_make_room() {
        let mut feedback = Feedback::default();
        for number in 1..=Feedback::CAPACITY as u64 + 5 {
            feedback.add(number, kept(number, u64::MAX));
        }
        assert_eq!(feedback.iter().count(), Feedback::CAPACITY);
        assert_eq!(feedback.iter().next().unwrap().0, 6);
    }
}
