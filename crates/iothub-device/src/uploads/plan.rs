use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use iothub_proto::{Backoff, Instant, Seed};

/// Which step of an upload comes next, and what follows when one fails. It holds no byte of the file.
///
/// Whoever drives it asks [`Self::next`] until that waits, does each step, and says what came of it.
#[derive(Debug)]
pub(super) struct Plan {
    parallel: usize,
    phase: Phase,
    /// The first block that was not begun in this pass.
    next: u32,
    /// How many blocks there are, once that is known.
    count: Option<u32>,
    done: BTreeSet<u32>,
    flying: BTreeSet<u32>,
    /// Blocks that failed, and when they are sent again.
    again: BTreeMap<u32, Instant>,
    /// Failures since something went well.
    failures: u32,
    /// When the step of the phase may be tried again.
    resting: Option<Instant>,
    /// How often access was asked for anew, and everything sent again, since a block went well.
    renewals: u32,
    restarts: u32,
    /// When other access is asked for while this is still good: what is sent is forgotten with the last that was.
    renew_at: Option<Instant>,
    /// That is what is being asked for.
    is_early: bool,
    backoff: Backoff,
    seed: Seed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no access.
    Locked,
    /// The answer is awaited.
    Asking,
    Sending,
    Committing,
    Telling,
    /// The hub is being told.
    Told,
    Over,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask the hub for access.
    Ask,
    /// Send that block.
    Send(u32),
    /// Make a file of so many blocks.
    Commit(u32),
    /// Tell the hub that it is there.
    Tell,
    /// Wait for what is under way, or until that time.
    Wait(Option<Instant>),
    /// All is done.
    Done,
}

/// What went wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may pass: the network, or somebody who is busy, perhaps for so long.
    Passing(Option<Duration>),
    /// The access is no good any longer.
    AccessOver,
    /// The storage has forgotten blocks.
    BlocksLost,
    /// It will be the same the next time.
    Lasting,
}

impl Trouble {
    /// If it may pass, how long that takes at least.
    pub(super) fn passes_in(self) -> Option<Duration> {
        match self {
            Self::Passing(wait) => Some(wait.unwrap_or_default()),
            Self::AccessOver | Self::BlocksLost | Self::Lasting => None,
        }
    }
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The plan has taken it in.
    GoOn,
    /// The same, and every block is to be read once more.
    Restart,
    /// The upload has failed.
    GiveUp,
}

impl Plan {
    /// Access asked for in vain, and passes in vain, before an upload has failed.
    pub(super) const RENEWALS_MAX: u32 = 5;

    /// Begins, or goes on behind the blocks that are done.
    pub(super) fn new(parallel: usize, has_access: bool, done: BTreeSet<u32>, seed: Seed) -> Self {
        Self {
            parallel: parallel.max(1),
            phase: if has_access { Phase::Sending } else { Phase::Locked },
            next: 0,
            count: None,
            done,
            flying: BTreeSet::new(),
            again: BTreeMap::new(),
            failures: 0,
            resting: None,
            renewals: 0,
            restarts: 0,
            renew_at: None,
            is_early: false,
            backoff: Backoff { base: Duration::from_millis(500), longest: Duration::from_secs(30) },
            seed,
        }
    }

    /// The next step. Each is given once, until it is said what came of it.
    pub(super) fn next(&mut self, now: Instant) -> Step {
        if let Some(until) = self.resting.filter(|until| *until > now) {
            return Step::Wait(Some(until));
        }
        self.resting = None;
        if self.phase == Phase::Sending && self.renew_at.is_some_and(|at| at <= now) {
            (self.phase, self.renew_at, self.is_early) = (Phase::Locked, None, true);
        }
        match self.phase {
            Phase::Locked if self.flying.is_empty() => {
                self.phase = Phase::Asking;
                Step::Ask
            }
            Phase::Sending => self.next_block(now),
            Phase::Telling => {
                self.phase = Phase::Told;
                Step::Tell
            }
            Phase::Locked | Phase::Asking | Phase::Committing | Phase::Told => Step::Wait(None),
            Phase::Over => Step::Done,
        }
    }

    fn next_block(&mut self, now: Instant) -> Step {
        if self.flying.len() >= self.parallel {
            return Step::Wait(None);
        }
        if let Some(block) = self.again.iter().find(|(_, at)| **at <= now).map(|(block, _)| *block) {
            self.again.remove(&block);
            self.flying.insert(block);
            return Step::Send(block);
        }
        // New ones only while none waits to be sent again: they are held in memory.
        if self.again.len() + self.flying.len() < self.parallel {
            while self.done.contains(&self.next) && self.count.is_none_or(|count| self.next < count) {
                self.next += 1;
            }
            if self.count.is_none_or(|count| self.next < count) {
                let block = self.next;
                self.next += 1;
                self.flying.insert(block);
                return Step::Send(block);
            }
        }
        match (self.count, self.flying.is_empty(), self.again.values().min()) {
            (Some(count), true, None) => {
                self.phase = Phase::Committing;
                Step::Commit(count)
            }
            (_, _, wake) => Step::Wait(wake.copied()),
        }
    }

    /// There is access. It is good for longer than until then.
    pub(super) fn opened(&mut self, renew_at: Option<Instant>) {
        self.went_well();
        (self.phase, self.renew_at, self.is_early) = (Phase::Sending, renew_at, false);
    }

    /// When other access is wanted than what there was at the beginning.
    pub(super) fn renew_at(&mut self, at: Option<Instant>) {
        self.renew_at = at;
    }

    /// The file ends before that block, which was to be sent.
    pub(super) fn ends_before(&mut self, block: u32) {
        self.flying.remove(&block);
        let count = self.count.map_or(block, |count| count.min(block));
        self.count = Some(count);
        self.done.retain(|done| *done < count);
    }

    pub(super) fn sent(&mut self, block: u32) {
        self.flying.remove(&block);
        self.done.insert(block);
        self.renewals = 0;
        self.went_well();
    }

    pub(super) fn committed(&mut self) {
        self.went_well();
        self.phase = Phase::Telling;
    }

    pub(super) fn told(&mut self) {
        self.phase = Phase::Over;
    }

    /// A block was not sent.
    pub(super) fn block_failed(&mut self, now: Instant, block: u32, trouble: Trouble) -> Verdict {
        self.flying.remove(&block);
        match trouble {
            Trouble::Passing(wait) => {
                let at = self.later(now, wait);
                self.again.insert(block, at);
                Verdict::GoOn
            }
            Trouble::AccessOver => {
                self.again.insert(block, now);
                self.lock()
            }
            Trouble::BlocksLost | Trouble::Lasting => Verdict::GiveUp,
        }
    }

    /// The step of the phase came to nothing.
    pub(super) fn failed(&mut self, now: Instant, trouble: Trouble) -> Verdict {
        match (trouble, self.phase) {
            (Trouble::Passing(wait), phase) => {
                let at = self.later(now, wait);
                self.resting = Some(at);
                self.phase = match phase {
                    Phase::Asking => Phase::Locked,
                    // The same step follows from where it began.
                    Phase::Committing => Phase::Sending,
                    Phase::Told => Phase::Telling,
                    Phase::Locked | Phase::Sending | Phase::Telling | Phase::Over => phase,
                };
                Verdict::GoOn
            }
            (Trouble::AccessOver, Phase::Committing) => self.lock(),
            // What there is may do.
            (Trouble::AccessOver | Trouble::BlocksLost | Trouble::Lasting, Phase::Asking)
                if self.is_early =>
            {
                (self.phase, self.is_early) = (Phase::Sending, false);
                Verdict::GoOn
            }
            (Trouble::BlocksLost, Phase::Committing) if self.restarts < Self::RENEWALS_MAX => {
                self.restarts += 1;
                self.phase = Phase::Sending;
                (self.next, self.count) = (0, None);
                self.done.clear();
                Verdict::Restart
            }
            (Trouble::AccessOver | Trouble::BlocksLost | Trouble::Lasting, _) => Verdict::GiveUp,
        }
    }

    pub(super) const fn done(&self) -> &BTreeSet<u32> {
        &self.done
    }

    fn lock(&mut self) -> Verdict {
        // The first of several blocks that were refused together counts.
        if self.phase != Phase::Locked {
            self.renewals += 1;
            self.phase = Phase::Locked;
        }
        self.is_early = false;
        if self.renewals > Self::RENEWALS_MAX { Verdict::GiveUp } else { Verdict::GoOn }
    }

    fn went_well(&mut self) {
        self.failures = 0;
        self.resting = None;
    }

    fn later(&mut self, now: Instant, wait: Option<Duration>) -> Instant {
        let own = self.backoff.delay(self.failures, &mut self.seed);
        self.failures = self.failures.saturating_add(1);
        now.after(wait.unwrap_or_default().min(WAIT_MAX).max(own))
    }
}

/// Longest that somebody who is busy is waited for at once.
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);
