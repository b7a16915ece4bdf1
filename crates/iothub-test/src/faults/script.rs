use core::task::Waker;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use iothub_device::RefusalReason;
use tokio::time::Instant;

/// What goes wrong at present, and who waits for that to change. Decides; moves no byte.
#[derive(Debug, Default)]
pub(crate) struct Script {
    next: Number,
    connections: BTreeMap<Number, Connection>,
    stalled: Option<Until>,
    refusing: Option<Until>,
    latency: Duration,
    one_at_a_time: bool,
    /// Bytes that may still pass before everything is cut.
    cut_after: Option<u64>,
    broken: u64,
    refusals: Option<(u32, RefusalReason)>,
    /// What devices have proven with who they are.
    shown: BTreeSet<Proof>,
    /// What of that counts no longer.
    expired: BTreeSet<Proof>,
    acknowledge_after: Duration,
    lose_acknowledgement: bool,
    /// Of so many messages that nobody acknowledges one is lost; 0 for none.
    lose_one_of: u32,
    /// Those that came since one was.
    since_lost: u32,
    /// All of them.
    lost: u64,
}

/// Tells connections apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

/// A token or signature that a device has shown, told from others and not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Proof(pub(crate) u64);

/// The way of bytes, as the device's end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// What may be done on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is cut.
    Cut,
    /// Nothing is heard of it any longer, and what is said is lost.
    Swallow,
    /// Nothing passes before that time; without one, before something changes.
    Hold(Option<Instant>),
    /// So many bytes may pass at most, that much later.
    Pass { most: usize, later: Duration },
}

#[derive(Debug, Default)]
struct Connection {
    fate: Fate,
    wakers: [Option<Waker>; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    None,
    Cut,
    Swallowed,
}

/// The end of something; without a time, somebody has to end it.
type Until = Option<Instant>;

impl Script {
    pub(crate) fn cut(&mut self) {
        self.cut_after = None;
        for connection in self.connections.values_mut().filter(|connection| connection.fate != Fate::Cut) {
            self.broken += u64::from(connection.fate == Fate::None);
            connection.fate = Fate::Cut;
        }
        self.wake();
    }

    pub(crate) fn cut_after(&mut self, bytes: u64) {
        match bytes {
            0 => self.cut(),
            bytes => self.cut_after = Some(bytes),
        }
    }

    pub(crate) fn stall_until(&mut self, end: Until) {
        self.stalled = Some(end);
        self.wake();
    }

    pub(crate) fn half_open(&mut self) {
        for connection in self.connections.values_mut().filter(|connection| connection.fate == Fate::None) {
            connection.fate = Fate::Swallowed;
            self.broken += 1;
        }
        self.wake();
    }

    pub(crate) fn delay(&mut self, latency: Duration) {
        self.latency = latency;
    }

    pub(crate) fn byte_by_byte(&mut self) {
        self.one_at_a_time = true;
    }

    pub(crate) fn refuse_connections_until(&mut self, end: Until) {
        self.refusing = Some(end);
    }

    pub(crate) fn refuse_connects(&mut self, times: u32, reason: RefusalReason) {
        self.refusals = (times > 0).then_some((times, reason));
    }

    pub(crate) fn expire_tokens(&mut self) {
        self.expired.append(&mut self.shown);
        self.cut();
    }

    pub(crate) fn acknowledge_after(&mut self, delay: Duration) {
        self.acknowledge_after = delay;
    }

    pub(crate) fn lose_next_acknowledgement(&mut self) {
        self.lose_acknowledgement = true;
    }

    pub(crate) fn lose_one_of(&mut self, messages: u32) {
        (self.lose_one_of, self.since_lost) = (messages, 0);
    }

    /// Whether this message of the hub's is lost. Counts it.
    pub(crate) fn loses(&mut self) -> bool {
        self.since_lost += u32::from(self.lose_one_of > 0);
        let is_lost = self.since_lost >= self.lose_one_of.max(1);
        if is_lost {
            self.since_lost = 0;
            self.lost += 1;
        }
        is_lost
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Ends what lasts. What has happened stays.
    pub(crate) fn calm(&mut self) {
        let Self {
            next: _,
            connections: _,
            broken: _,
            lost: _,
            stalled,
            refusing,
            latency,
            one_at_a_time,
            cut_after,
            refusals,
            shown: _,
            expired,
            acknowledge_after,
            lose_acknowledgement,
            lose_one_of,
            since_lost,
        } = self;
        (*stalled, *refusing, *refusals, *cut_after) = (None, None, None, None);
        (*latency, *acknowledge_after) = (Duration::ZERO, Duration::ZERO);
        (*one_at_a_time, *lose_acknowledgement) = (false, false);
        (*lose_one_of, *since_lost) = (0, 0);
        expired.clear();
        self.wake();
    }

    pub(crate) fn open(&mut self) -> Number {
        let number = self.next;
        self.next = Number(number.0 + 1);
        self.connections.insert(number, Connection::default());
        number
    }

    /// Forgets a connection; whether it was swallowed.
    pub(crate) fn close(&mut self, number: Number) -> bool {
        self.connections.remove(&number).is_some_and(|connection| connection.fate == Fate::Swallowed)
    }

    /// Whether a connection may come about.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        if self.refusing.is_some_and(|end| end.is_some_and(|end| end <= now)) {
            self.refusing = None;
        }
        self.refusing.is_none()
    }

    /// With what the hub's answer to a CONNECT with this proof is replaced. Counts it.
    pub(crate) fn refusal(&mut self, shown: Option<Proof>) -> Option<RefusalReason> {
        if let Some((times, reason)) = self.refusals {
            self.refusals = (times > 1).then_some((times - 1, reason));
            return Some(reason);
        }
        let shown = shown?;
        if self.expired.contains(&shown) {
            return Some(RefusalReason::NotAuthorized);
        }
        self.shown.insert(shown);
        None
    }

    /// How long a PUBACK waits; `None` where the connection is cut instead.
    pub(crate) fn acknowledgement(&mut self) -> Option<Duration> {
        match core::mem::take(&mut self.lose_acknowledgement) {
            true => {
                self.broken += 1;
                None
            }
            false => Some(self.acknowledge_after),
        }
    }

    /// What may be done. Who may not is woken when that changes.
    pub(crate) fn judge(
        &mut self,
        number: Number,
        direction: Direction,
        now: Instant,
        waker: &Waker,
    ) -> Verdict {
        if self.stalled.is_some_and(|end| end.is_some_and(|end| end <= now)) {
            self.stalled = None;
        }
        let Some(connection) = self.connections.get_mut(&number) else { return Verdict::Cut };
        let kept = &mut connection.wakers[direction as usize];
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
        match (connection.fate, self.stalled) {
            (Fate::Cut, _) => Verdict::Cut,
            (Fate::Swallowed, _) => Verdict::Swallow,
            (Fate::None, Some(end)) => Verdict::Hold(end),
            (Fate::None, None) => {
                let left =
                    self.cut_after.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
                let most = if self.one_at_a_time { 1 } else { left };
                Verdict::Pass { most, later: self.latency }
            }
        }
    }

    /// So many bytes have passed.
    pub(crate) fn passed(&mut self, bytes: usize) {
        let Some(left) = &mut self.cut_after else { return };
        *left = left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
        if *left == 0 {
            self.cut();
        }
    }

    pub(crate) const fn broken(&self) -> u64 {
        self.broken
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Has everybody look again.
    pub(crate) fn wake(&mut self) {
        let wakers = self.connections.values_mut().flat_map(|connection| &mut connection.wakers);
        wakers.filter_map(Option::take).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn judged(script: &mut Script, number: Number, now: Instant) -> Verdict {
        script.judge(number, Direction::Read, now, Waker::noop())
    }

    const FREE: Verdict = Verdict::Pass { most: usize::MAX, later: Duration::ZERO };

    #[test]
    fn what_lasts_ends_and_what_has_happened_stays() {
        let now = clock::now();
        let soon = now + Duration::from_secs(1);
        type Step = fn(&mut Script, Instant);
        // What is done, and what is judged at once, behind it, and once it is calm; of the same connection.
        let rows: [(&str, Step, Verdict, Verdict, Verdict); 7] = [
            ("cut", |script, _| script.cut(), Verdict::Cut, Verdict::Cut, Verdict::Cut),
            (
                "half open",
                |script, _| script.half_open(),
                Verdict::Swallow,
                Verdict::Swallow,
                Verdict::Swallow,
            ),
            (
                "stalled for a time",
                |script, end| script.stall_until(Some(end)),
                Verdict::Hold(Some(soon)),
                FREE,
                FREE,
            ),
            ("stalled", |script, _| script.stall_until(None), Verdict::Hold(None), Verdict::Hold(None), FREE),
            (
                "byte by byte",
                |script, _| script.byte_by_byte(),
                Verdict::Pass { most: 1, later: Duration::ZERO },
                Verdict::Pass { most: 1, later: Duration::ZERO },
                FREE,
            ),
            (
                "late",
                |script, _| script.delay(Duration::from_millis(5)),
                Verdict::Pass { most: usize::MAX, later: Duration::from_millis(5) },
                Verdict::Pass { most: usize::MAX, later: Duration::from_millis(5) },
                FREE,
            ),
            ("nothing", |_, _| {}, FREE, FREE, FREE),
        ];
        for (what, step, at_once, later, calm) in rows {
            let mut script = Script::default();
            let number = script.open();
            step(&mut script, soon);
            assert_eq!(judged(&mut script, number, now), at_once, "{what}");
            assert_eq!(judged(&mut script, number, soon), later, "{what}");
            script.calm();
            assert_eq!(judged(&mut script, number, soon), calm, "{what}");
            let next = script.open();
            assert_eq!(judged(&mut script, next, soon), FREE, "{what}: the next connection");
        }
    }

    #[test]
    fn bytes_are_counted_over_all_connections_and_the_last_of_them_passes() {
        let mut script = Script::default();
        let (one, other) = (script.open(), script.open());
        script.cut_after(10);
        script.passed(6);
        let now = clock::now();
        assert_eq!(judged(&mut script, other, now), Verdict::Pass { most: 4, later: Duration::ZERO });
        script.passed(4);
        for number in [one, other] {
            assert_eq!(judged(&mut script, number, now), Verdict::Cut);
        }
        assert_eq!(script.broken(), 2);
        let next = script.open();
        assert_eq!(judged(&mut script, next, now), FREE);
    }

    #[test]
    fn connections_are_refused_for_as_long_as_was_said() {
        let mut script = Script::default();
        let now = clock::now();
        let soon = now + Duration::from_secs(1);
        script.refuse_connections_until(Some(soon));
        assert!(!script.admits(now));
        assert!(script.admits(soon));
        script.refuse_connections_until(None);
        assert!(!script.admits(soon));
        script.calm();
        assert!(script.admits(soon));
    }

    #[test]
    fn so_many_are_refused_as_was_said() {
        let mut script = Script::default();
        script.refuse_connects(2, RefusalReason::Busy);
        let refusals = [(); 3].map(|()| script.refusal(None));
        assert_eq!(refusals, [Some(RefusalReason::Busy), Some(RefusalReason::Busy), None]);
    }

    #[test]
    fn of_so_many_messages_the_last_is_lost() {
        for (one_of, lost) in [(0, [false; 4]), (1, [true; 4]), (3, [false, false, true, false])] {
            let mut script = Script::default();
            script.lose_one_of(one_of);
            assert_eq!([(); 4].map(|()| script.loses()), lost, "{one_of}");
            script.calm();
            assert!(!script.loses());
        }
    }

    #[test]
    fn what_has_expired_is_refused_until_it_is_calm() {
        let mut script = Script::default();
        let (old, new) = (Some(Proof(1)), Some(Proof(2)));
        assert_eq!(script.refusal(old), None);
        script.expire_tokens();
        let expired = Some(RefusalReason::NotAuthorized);
        assert_eq!([old, new, old, None].map(|shown| script.refusal(shown)), [expired, None, expired, None]);
        script.expire_tokens();
        assert_eq!([old, new].map(|shown| script.refusal(shown)), [expired; 2]);
        script.calm();
        assert_eq!([old, new].map(|shown| script.refusal(shown)), [None; 2]);
    }
}
