//! The plan of an upload against a storage that does its worst, in virtual time and without a byte.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use iothub_proto::{Instant, Seed};

use super::plan::{Plan, Step, Trouble, Verdict};

/// A little chance.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// How often something goes wrong, in percent.
#[derive(Clone, Copy, Debug)]
struct Faults {
    passing: u64,
    access: u64,
    lost: u64,
}

/// What a storage has, and what is on its way there.
struct Storage {
    dice: Dice,
    faults: Faults,
    blocks: BTreeSet<u32>,
    /// Blocks by when their answer comes.
    flying: BTreeMap<(Instant, u32), Option<Trouble>>,
    committed: Option<u32>,
    /// Blocks that came, every time.
    sent: u32,
    /// How long after access is given another is to be asked for.
    lasts: Option<Duration>,
}

impl Storage {
    fn trouble(&mut self) -> Option<Trouble> {
        let Faults { passing, access, .. } = self.faults;
        if self.dice.percent(passing) {
            return Some(Trouble::Passing(self.dice.percent(10).then_some(Duration::from_secs(20))));
        }
        self.dice.percent(access).then_some(Trouble::AccessOver)
    }

    /// Drives a plan to its end; whether that is a good one.
    fn drive(&mut self, plan: &mut Plan, blocks: u32, parallel: usize) -> bool {
        let mut now = Instant::from_millis(0);
        for _ in 0..100_000 {
            match plan.next(now) {
                Step::Ask => match self.trouble().filter(|trouble| *trouble != Trouble::AccessOver) {
                    None => plan.opened(self.lasts.map(|lasts| now.after(lasts))),
                    Some(trouble) => assert_eq!(plan.failed(now, trouble), Verdict::GoOn),
                },
                Step::Send(block) if block >= blocks => plan.ends_before(block),
                Step::Send(block) => {
                    assert!(self.flying.len() < parallel, "no more at a time than were asked for");
                    assert!(self.flying.keys().all(|(_, other)| *other != block), "{block} is under way");
                    let trouble = self.trouble();
                    if trouble.is_none() {
                        self.sent += 1;
                        self.blocks.insert(block);
                    }
                    let at = now.after(Duration::from_millis(1 + self.dice.below(900)));
                    self.flying.insert((at, block), trouble);
                }
                Step::Commit(count) => {
                    assert_eq!(count, blocks);
                    assert!(self.flying.is_empty());
                    if self.dice.percent(self.faults.lost) {
                        self.blocks.clear();
                    }
                    let is_whole = (0..count).all(|block| self.blocks.contains(&block));
                    let trouble = if is_whole { self.trouble() } else { Some(Trouble::BlocksLost) };
                    match trouble.map(|trouble| plan.failed(now, trouble)) {
                        None => {
                            self.committed = Some(count);
                            plan.committed();
                        }
                        Some(Verdict::GiveUp) => return false,
                        Some(Verdict::GoOn | Verdict::Restart) => {}
                    }
                }
                Step::Tell => {
                    assert_eq!(self.committed, Some(blocks));
                    match self.trouble().filter(|trouble| *trouble != Trouble::AccessOver) {
                        None => plan.told(),
                        Some(trouble) => assert_eq!(plan.failed(now, trouble), Verdict::GoOn),
                    }
                }
                Step::Wait(until) => {
                    let first = self.flying.first_key_value().map(|(key, _)| *key);
                    match (first, until) {
                        (Some((at, _)), Some(until)) if until < at => now = until,
                        (Some((at, block)), _) => {
                            now = at;
                            let trouble = self.flying.remove(&(at, block)).flatten();
                            match trouble.map(|trouble| plan.block_failed(now, block, trouble)) {
                                None => plan.sent(block),
                                Some(Verdict::GiveUp) => return false,
                                Some(verdict) => assert_eq!(verdict, Verdict::GoOn),
                            }
                        }
                        (None, Some(until)) => {
                            assert!(until > now, "time passes");
                            now = until;
                        }
                        (None, None) => panic!("it waits for nothing"),
                    }
                }
                Step::Done => return true,
            }
        }
        panic!("it has no end: {plan:?}");
    }
}

fn storage(seed: u64, faults: Faults) -> Storage {
    let dice = Dice(seed);
    let (blocks, flying) = (BTreeSet::new(), BTreeMap::new());
    Storage { dice, faults, blocks, flying, committed: None, sent: 0, lasts: None }
}

#[test]
fn every_block_gets_there_whatever_the_storage_does() {
    for faults in [
        Faults { passing: 0, access: 0, lost: 0 },
        Faults { passing: 30, access: 0, lost: 0 },
        Faults { passing: 80, access: 0, lost: 0 },
        Faults { passing: 10, access: 5, lost: 0 },
        Faults { passing: 10, access: 2, lost: 20 },
    ] {
        let mut failed = 0;
        for seed in 0..300 {
            for (blocks, parallel) in [(0, 1), (1, 4), (17, 1), (40, 4)] {
                let mut storage = storage(seed, faults);
                let mut plan = Plan::new(parallel, false, BTreeSet::new(), Seed::new(seed));
                let good = storage.drive(&mut plan, blocks, parallel);
                assert_eq!(good, storage.committed.is_some(), "{faults:?} seed {seed}");
                failed += u32::from(!good);
                if faults.access == 0 && faults.lost == 0 {
                    assert!(good, "{faults:?} seed {seed}: nothing of that lasts");
                    assert_eq!(storage.sent, blocks, "{faults:?} seed {seed}: none is sent twice");
                }
            }
        }
        assert!(failed < 60, "{faults:?}: {failed} of 1200 gave up");
    }
}

#[test]
fn what_was_done_before_is_not_sent_again() {
    for seed in 0..100 {
        let done: BTreeSet<u32> = (0..20).filter(|block| (seed >> (block % 7)) & 1 == 1).collect();
        let mut storage = storage(seed, Faults { passing: 20, access: 0, lost: 0 });
        storage.blocks.clone_from(&done);
        let count = 20 - u32::try_from(done.len()).unwrap();
        let mut plan = Plan::new(3, true, done, Seed::new(seed));
        assert!(storage.drive(&mut plan, 20, 3), "seed {seed}");
        assert_eq!(storage.sent, count, "seed {seed}");
    }
}

#[test]
fn what_the_storage_has_forgotten_is_sent_again_but_not_for_ever() {
    let done: BTreeSet<u32> = (0..20).collect();
    let mut forgetful = storage(1, Faults { passing: 0, access: 0, lost: 0 });
    let mut plan = Plan::new(3, true, done, Seed::new(1));
    assert!(forgetful.drive(&mut plan, 20, 3));
    assert_eq!(forgetful.sent, 20, "it had none of them");
    let mut hopeless = storage(1, Faults { passing: 0, access: 0, lost: 100 });
    let mut plan = Plan::new(3, false, BTreeSet::new(), Seed::new(1));
    assert!(!hopeless.drive(&mut plan, 4, 3));
    assert_eq!(hopeless.sent, 4 * (Plan::RENEWALS_MAX + 1));
}

#[test]
fn access_that_is_never_good_ends_it() {
    let mut storage = storage(1, Faults { passing: 0, access: 100, lost: 0 });
    let mut plan = Plan::new(4, false, BTreeSet::new(), Seed::new(1));
    assert!(!storage.drive(&mut plan, 4, 4));
    assert_eq!(storage.committed, None);
}

#[test]
fn what_lasts_ends_it_at_once() {
    let now = Instant::from_millis(0);
    let mut plan = Plan::new(2, true, BTreeSet::new(), Seed::new(1));
    assert_eq!(plan.next(now), Step::Send(0));
    assert_eq!(plan.block_failed(now, 0, Trouble::Lasting), Verdict::GiveUp);
    let mut plan = Plan::new(2, false, BTreeSet::new(), Seed::new(1));
    assert_eq!(plan.next(now), Step::Ask);
    assert_eq!(plan.failed(now, Trouble::Lasting), Verdict::GiveUp);
}

#[test]
fn access_is_asked_for_anew_while_it_is_good_and_nothing_is_under_way() {
    let at = Instant::from_millis;
    let mut plan = Plan::new(2, false, BTreeSet::new(), Seed::new(1));
    assert_eq!(plan.next(at(0)), Step::Ask);
    plan.opened(Some(at(1000)));
    assert_eq!((plan.next(at(0)), plan.next(at(999))), (Step::Send(0), Step::Send(1)));
    plan.sent(0);
    assert_eq!(plan.next(at(1000)), Step::Wait(None), "another is under way");
    plan.sent(1);
    assert_eq!(plan.next(at(1001)), Step::Ask);
    assert_eq!(plan.failed(at(1001), Trouble::Lasting), Verdict::GoOn, "what there is may do");
    assert_eq!(plan.next(at(1002)), Step::Send(2));
    assert_eq!(plan.block_failed(at(1003), 2, Trouble::AccessOver), Verdict::GoOn);
    assert_eq!(plan.next(at(1003)), Step::Ask);
    assert_eq!(plan.failed(at(1003), Trouble::Lasting), Verdict::GiveUp, "there is none");
}

#[test]
fn a_file_that_takes_longer_than_access_lasts_gets_there_and_nothing_twice() {
    for seed in 0..100 {
        let mut storage = storage(seed, Faults { passing: 20, access: 0, lost: 0 });
        storage.lasts = Some(Duration::from_secs(3));
        let mut plan = Plan::new(3, false, BTreeSet::new(), Seed::new(seed));
        assert!(storage.drive(&mut plan, 40, 3), "seed {seed}");
        assert_eq!(storage.sent, 40, "seed {seed}");
    }
}
