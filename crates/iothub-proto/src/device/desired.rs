use core::time::Duration;

use iothub_codec::{DesiredChanged, Reply, RequestId, Status, TwinGet};

use super::event::DeviceEvent;
use super::{DeviceSession, State};
use crate::backoff::{Backoff, Seed};
use crate::document;
use crate::error::{PeerError, SendError};
use crate::packet::Packet;
use crate::requests::Ticket;
use crate::time::Instant;

/// Sees to it that the application is told of each change of the desired properties, in order and once, or of all
/// of them at once by the twin as it is.
///
/// A change is told if its version is the one after that told last. An older one is a repetition. Behind a gap, and
/// at the beginning of a connection, the twin is asked for, and changes are not told until it has come: it contains
/// them. If it contains less than was seen, it is asked for again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Desired {
    /// Whether all that is done at all.
    pub(super) follows: bool,
    phase: Phase,
    /// The newest version that was seen on this connection, also by an application that asked.
    newest: u64,
    /// How often the twin was asked for in vain.
    failures: u8,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nobody wants to know, or there is nobody to ask.
    Idle,
    /// The twin is to be asked for.
    Due { since: Instant },
    /// The twin is asked for.
    Asked { ticket: Ticket, until: Instant },
    /// The hub did not give the twin, and is asked again later.
    Waiting { until: Instant },
    /// The application knows this version.
    Current { version: u64 },
}

/// How long a hub may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait before asking again.
const WAIT: Backoff = Backoff::DEFAULT;

impl Desired {
    pub(super) const fn new(follows: bool) -> Self {
        Self { follows, phase: Phase::Idle, newest: 0, failures: 0 }
    }

    /// The channel is there, and may have been before.
    pub(super) fn begin(&mut self, now: Instant) {
        if let (Phase::Idle, true) = (self.phase, self.follows) {
            self.phase = Phase::Due { since: now };
        }
    }

    /// The connection is gone. A twin that is made anew begins with its first version again.
    pub(super) fn end(&mut self) {
        *self = Self::new(self.follows);
    }

    pub(super) fn change<'a>(&mut self, now: Instant, change: DesiredChanged<'a>) -> Option<DeviceEvent<'a>> {
        if !self.follows {
            return Some(DeviceEvent::DesiredChanged(change));
        }
        let version = change.version;
        self.newest = self.newest.max(version);
        let Phase::Current { version: known } = self.phase else { return None };
        if version <= known {
            None
        } else if version - known == 1 {
            self.phase = Phase::Current { version };
            Some(DeviceEvent::DesiredChanged(change))
        } else {
            self.phase = Phase::Due { since: now };
            Some(DeviceEvent::DesiredMissed { known, version })
        }
    }

    /// Somebody wants to be told of all of them once more. Where that is not the next to come, it is asked for.
    fn again(&mut self, now: Instant) {
        if let Phase::Current { .. } = self.phase {
            self.phase = Phase::Due { since: now };
        }
    }

    /// The application was told of the desired properties at that version, because it asked.
    pub(super) fn told(&mut self, version: u64) {
        self.newest = self.newest.max(version);
        if let Phase::Current { version: known } = &mut self.phase {
            *known = version.max(*known);
        }
    }

    /// Whether that is the answer to the session's own question.
    pub(super) fn awaits(&self, request: RequestId<'_>) -> bool {
        match self.phase {
            Phase::Asked { ticket, .. } => ticket.request() == request,
            Phase::Idle | Phase::Due { .. } | Phase::Waiting { .. } | Phase::Current { .. } => false,
        }
    }

    pub(super) fn answered<'a>(
        &mut self,
        now: Instant,
        reply: &Reply<'a>,
        seed: &mut Seed,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        let status = reply.status;
        if !status.is_success() {
            self.wait(now, seed);
            return Ok(Some(DeviceEvent::DesiredUnavailable { status }));
        }
        let document = reply.payload;
        let document::Desired { version, json } =
            document::Desired::find(document).ok_or(PeerError::NoVersion)?;
        if version < self.newest {
            // The hub does not know yet what it has told already.
            self.wait(now, seed);
            return Ok(None);
        }
        *self = Self { phase: Phase::Current { version }, newest: version, ..Self::new(true) };
        Ok(Some(DeviceEvent::DesiredCurrent { version, desired: json, document }))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, seed: &mut Seed) -> Option<DeviceEvent<'static>> {
        match self.phase {
            Phase::Asked { until, .. } if until <= now => {
                self.wait(now, seed);
                Some(DeviceEvent::DesiredUnavailable { status: Status::TIMEOUT })
            }
            Phase::Waiting { until } if until <= now => {
                self.phase = Phase::Due { since: now };
                None
            }
            Phase::Idle
            | Phase::Due { .. }
            | Phase::Asked { .. }
            | Phase::Waiting { .. }
            | Phase::Current { .. } => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<(Instant, &'static str)> {
        match self.phase {
            Phase::Asked { until, .. } => Some((until, "the twin is due")),
            Phase::Waiting { until } => Some((until, "the twin is asked for again")),
            Phase::Idle | Phase::Due { .. } | Phase::Current { .. } => None,
        }
    }

    fn wait(&mut self, now: Instant, seed: &mut Seed) {
        // At least the bound of the first wait, so that a hub that refuses at once is not asked at once.
        let wait = WAIT.delay(self.failures.into(), seed);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until: now.after(WAIT.base).after(wait) };
    }
}

impl<const REQUESTS: usize, const WINDOW: usize> DeviceSession<'_, REQUESTS, WINDOW> {
    /// Since when the twin is to be asked for, if it is and can be.
    pub(super) fn twin_due(&self) -> Option<Instant> {
        match self.desired.phase {
            Phase::Due { since } if self.state == State::Ready => Some(since),
            Phase::Due { .. }
            | Phase::Idle
            | Phase::Asked { .. }
            | Phase::Waiting { .. }
            | Phase::Current { .. } => None,
        }
    }

    /// Tells of the desired properties once more, for a part of the application that was not there the last time, or did
    /// not keep up: [`DeviceEvent::DesiredCurrent`] comes, and no change before it. Without [`Channels::DESIRED`] nothing
    /// does; without a connection it comes with the next.
    ///
    /// [`Channels::DESIRED`]: iothub_codec::Channels::DESIRED
    pub fn tell_desired_again(&mut self, now: Instant) {
        self.desired.again(now);
    }

    /// The session's own question for the twin.
    pub(super) fn fetch_twin<'b>(
        &mut self,
        since: Instant,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let ticket = self.requests.number();
        let publish = self.codec.encode(&TwinGet::new(ticket.request()), out)?;
        self.desired.phase = Phase::Asked { ticket, until: since.after(ANSWER_WITHIN) };
        Ok(Packet::Publish { ack: None, publish })
    }
}
