//! Many devices and one hub that can take only so many of them at a time.
//!
//! Each device is a session of `iothub-proto` and its [`Reconnecting`]; packets pass without being written, in no time.

mod member;
mod reception;

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use iothub_codec::{Ack, Dialect};
use iothub_proto::{FailureClass, Instant, Limits, Packet, Refusal, RefusalReason, Session};

use crate::chance::Chance;
use member::Member;
pub use reception::Beyond;
use reception::{Place, Reception};

/// What becomes of devices that connect again and again.
///
/// ```
/// use core::time::Duration;
/// use iothub_codec::Dialect;
/// use iothub_sim::Crowd;
///
/// let minute = Duration::from_secs(60);
/// let crowd = Crowd { devices: 100, ..Crowd::new(Dialect::Classic, 7) };
/// let course = crowd.after_outage(minute, 5 * minute);
/// assert!(course.all_ready_after.expect("all are back") < 2 * minute);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many devices there are.
    pub devices: u32,
    /// What they speak.
    pub dialect: Dialect,
    /// How many connections the hub takes in a second.
    pub accepts_per_s: u32,
    /// What it does with more.
    pub beyond: Beyond,
    /// Decides everything that is left to chance.
    pub seed: u64,
}

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Attempts to connect, by second.
    pub attempts: Vec<u32>,
    /// When all devices were ready, counted from when the hub could take them.
    pub all_ready_after: Option<Duration>,
}

impl Course {
    /// Most attempts in one second.
    pub fn rate_max(&self) -> u32 {
        self.attempts.iter().copied().max().unwrap_or_default()
    }

    /// Attempts from one time to another, in whole seconds.
    pub fn attempts_between(&self, from_s: usize, to_s: usize) -> u32 {
        self.attempts.iter().take(to_s).skip(from_s).sum()
    }
}

impl Crowd {
    /// Ten thousand devices and a hub that takes five hundred a second.
    pub const fn new(dialect: Dialect, seed: u64) -> Self {
        let beyond = Beyond::Waits { backlog: 1_024 };
        Self { devices: 10_000, dialect, accepts_per_s: 500, beyond, seed }
    }

    /// All devices have been connected for long, and lose their hub at one moment, which is away for a while. Ends when
    /// all are back, or that long after the hub is.
    pub fn after_outage(&self, down: Duration, patience: Duration) -> Course {
        let mut play = Play::new(self, Manner::Serves);
        play.reception.closed_until(Instant::default().after(down));
        for member in 0..play.members.len() {
            play.fails(member, FailureClass::Lost);
        }
        play.run(down.saturating_add(patience));
        let up = Instant::default().after(down);
        let all_ready_after = play.all_ready_at.map(|at| at.since(up));
        Course { attempts: play.attempts, all_ready_after }
    }

    /// All devices connect at one moment to a hub that accepts each and closes it at once.
    pub fn with_hub_that_closes(&self, span: Duration) -> Course {
        self.anew(Manner::Closes, span)
    }

    /// All devices have one identity, so that each connection ends the one before.
    pub fn with_one_identity(&self, span: Duration) -> Course {
        self.anew(Manner::ServesOne, span)
    }

    fn anew(&self, manner: Manner, span: Duration) -> Course {
        let mut play = Play::new(self, manner);
        for member in 0..play.members.len() {
            play.plan(Instant::default(), member, Event::Connects);
        }
        play.run(span);
        Course { attempts: play.attempts, all_ready_after: None }
    }
}

/// How the hub deals with those that it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Serves,
    Closes,
    /// The one before is sent away.
    ServesOne,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Connects,
    /// The hub has come to that attempt of the device.
    Reached(u32),
    /// The device waits no longer for what it began with that attempt.
    GivesUp(u32),
}

struct Play {
    dialect: Dialect,
    manner: Manner,
    members: Vec<Member>,
    reception: Reception,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, usize, Event)>>,
    planned: u64,
    attempts: Vec<u32>,
    ready: usize,
    all_ready_at: Option<Instant>,
    /// Who is served by a hub that serves one.
    served: Option<usize>,
}

/// How long a device waits for its connection, as [`CONNECT_TIMEOUT`] of `iothub-device` does.
///
/// [`CONNECT_TIMEOUT`]: https://docs.rs/iothub-device
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

impl Play {
    fn new(crowd: &Crowd, manner: Manner) -> Self {
        let mut chance = Chance::new(crowd.seed);
        Self {
            dialect: crowd.dialect,
            manner,
            members: (0..crowd.devices).map(|_| Member::new(crowd.dialect, &mut chance)).collect(),
            reception: Reception::new(crowd.accepts_per_s, crowd.beyond),
            now: Instant::default(),
            events: BinaryHeap::new(),
            planned: 0,
            attempts: Vec::new(),
            ready: 0,
            all_ready_at: None,
            served: None,
        }
    }

    fn run(&mut self, span: Duration) {
        let end = Instant::default().after(span);
        while self.all_ready_at.is_none()
            && let Some(Reverse((at, _, member, event))) = self.events.pop()
            && at <= end
        {
            self.now = at;
            self.happens(member, event);
        }
    }

    fn happens(&mut self, member: usize, event: Event) {
        match event {
            Event::Connects => self.connects(member),
            Event::Reached(attempt) if self.members[member].awaits(attempt) => self.reached(member),
            Event::GivesUp(attempt) if self.members[member].awaits(attempt) => {
                self.fails(member, FailureClass::Unreachable);
            }
            // The hub comes to what was given up, or the other way round.
            Event::Reached(_) | Event::GivesUp(_) => {}
        }
    }

    fn connects(&mut self, member: usize) {
        let second = usize::try_from(self.now.as_millis() / 1_000).unwrap_or(usize::MAX);
        if self.attempts.len() <= second {
            self.attempts.resize(second + 1, 0);
        }
        self.attempts[second] += 1;
        let attempt = self.members[member].connects(self.now);
        match self.reception.arrives(self.now) {
            Place::None => self.fails(member, FailureClass::Unreachable),
            Place::Refused => self.is_told(member, &Packet::Refused(Refusal::new(self.refusal()))),
            Place::At(at) => {
                self.plan(at, member, Event::Reached(attempt));
                self.plan(self.now.after(CONNECT_WITHIN), member, Event::GivesUp(attempt));
            }
        }
    }

    /// The hub has read its CONNECT.
    fn reached(&mut self, member: usize) {
        let accepted = Packet::Connected { session: Session::Resume, limits: Limits::CLASSIC };
        self.is_told(member, &accepted);
        match self.manner {
            Manner::Serves => {}
            Manner::Closes => self.fails(member, FailureClass::Lost),
            Manner::ServesOne => {
                let before = self.served.replace(member);
                if let Some(before) = before.filter(|before| *before != member) {
                    self.is_sent_away(before);
                }
            }
        }
    }

    fn is_sent_away(&mut self, member: usize) {
        if self.dialect == Dialect::Preview5 {
            let taken_over = Ack { reason_code: Ack::SESSION_TAKEN_OVER, ..Ack::SUCCESS };
            self.is_told(member, &Packet::Disconnect(taken_over));
        } else {
            self.fails(member, FailureClass::Lost);
        }
    }

    fn is_told(&mut self, member: usize, packet: &Packet<'_>) {
        let was_ready = self.members[member].is_ready();
        let class = self.members[member].hears(self.now, packet);
        if self.members[member].is_ready() && !was_ready {
            self.ready += 1;
            if self.ready == self.members.len() && self.manner == Manner::Serves {
                self.all_ready_at = Some(self.now);
            }
        }
        if let Some(class) = class {
            self.fails(member, class);
        }
    }

    fn fails(&mut self, member: usize, class: FailureClass) {
        if self.members[member].is_ready() {
            self.ready = self.ready.saturating_sub(1);
        }
        if self.served == Some(member) {
            self.served = None;
        }
        if let Some(wait) = self.members[member].fails(self.now, class) {
            self.plan(self.now.after(wait), member, Event::Connects);
        }
    }

    fn refusal(&self) -> RefusalReason {
        if self.dialect == Dialect::Preview5 {
            RefusalReason::ConnectionRateExceeded
        } else {
            // The only one of MQTT 3.1.1's that says so.
            RefusalReason::Unavailable
        }
    }

    fn plan(&mut self, at: Instant, member: usize, event: Event) {
        // What is planned first happens first.
        self.planned += 1;
        self.events.push(Reverse((at, self.planned, member, event)));
    }
}
