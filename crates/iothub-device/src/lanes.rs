use bytes::Bytes;
use iothub_codec::{Channels, RequestId, RequestIdBuf, Status, TwinGet, TwinPart};
use iothub_proto::{AckToken, Instant, Verdict};
use tokio::sync::{mpsc, watch};

use crate::bell::Bell;
use crate::error::{AnswerError, SubscribeError, TwinError};
use crate::methods::MethodResponse;
use crate::metrics::Meter;
use crate::outcome::Done;
use crate::telemetry::{Lane, LaneEntry, lane};
use crate::twin::RawSection;

/// The driver's end of what the handles send it.
///
/// Three lanes, because each is held up by something else: telemetry while too much is unacknowledged,
/// requests while too many are open, answers only while the socket takes nothing.
pub(crate) struct Lanes {
    pub(crate) telemetry: Lane,
    pub(crate) asks: mpsc::Receiver<Box<Ask>>,
    pub(crate) answers: mpsc::Receiver<Box<Answer>>,
    pub(crate) wishes: Wishes,
    /// Rung when something was put into one of them, or wished for.
    pub(crate) bell: Bell,
    /// Brings telemetry for as long as there is somebody to take it.
    #[cfg(feature = "outbox")]
    pub(crate) _feeder: Option<crate::outbox::Feeder>,
}

/// The handles' end.
#[derive(Debug)]
pub(crate) struct LaneEntries {
    pub(crate) telemetry: LaneEntry,
    pub(crate) asks: Entry<Ask>,
    pub(crate) answers: Entry<Answer>,
    wishes: watch::Sender<Wish>,
    bell: Bell,
}

/// The handles' end of a lane. What is put there is boxed: a channel begins with room for 32, and gateways have many
/// devices.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    lane: mpsc::Sender<Box<T>>,
    bell: Bell,
}

impl<T> Entry<T> {
    pub(crate) fn new(lane: mpsc::Sender<Box<T>>, bell: Bell) -> Self {
        Self { lane, bell }
    }

    /// Puts something there, as soon as there is room. Cancel-safe.
    pub(crate) async fn send(&self, what: T) -> Result<(), Gone> {
        self.lane.send(Box::new(what)).await.map_err(|_| Gone)?;
        self.bell.ring();
        Ok(())
    }

    /// The same, if there is room now.
    pub(crate) fn try_send(&self, what: T) {
        if self.lane.try_send(Box::new(what)).is_ok() {
            self.bell.ring();
        }
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { lane: self.lane.clone(), bell: self.bell.clone() }
    }
}

/// The driver is gone, and what was handed over with it.
#[derive(Debug)]
pub(crate) struct Gone;

/// Both ends, with room for so much telemetry.
pub(crate) fn lanes(
    messages_max: usize,
    bytes_max: usize,
    channels: Channels,
    meter: Meter,
) -> (LaneEntries, Lanes) {
    let bell = Bell::default();
    let (telemetry_in, telemetry) = lane(messages_max, bytes_max, bell.clone(), meter);
    let (asks_in, asks) = mpsc::channel(ASKS);
    let (answers_in, answers) = mpsc::channel(ANSWERS);
    let (wishes_in, wishes) = watch::channel(Wish { channels, is_end: false });
    (
        LaneEntries {
            telemetry: telemetry_in,
            asks: Entry::new(asks_in, bell.clone()),
            answers: Entry::new(answers_in, bell.clone()),
            wishes: wishes_in,
            bell: bell.clone(),
        },
        Lanes {
            telemetry,
            asks,
            answers,
            wishes: Wishes(wishes),
            bell,
            #[cfg(feature = "outbox")]
            _feeder: None,
        },
    )
}

/// What the application wants, whether or not somebody waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Every channel that somebody wants to listen to, also somebody who has given up waiting for that.
    pub(crate) channels: Channels,
    /// The device is closed, or its last handle dropped.
    pub(crate) is_end: bool,
}

/// Where the driver learns what the application wants.
#[derive(Debug)]
pub(crate) struct Wishes(watch::Receiver<Wish>);

impl LaneEntries {
    pub(crate) fn listen_to(&self, channels: Channels) {
        let are_more = self.wishes.send_if_modified(|wish| {
            let before = wish.channels;
            wish.channels = before.union(channels);
            wish.channels != before
        });
        if are_more {
            self.bell.ring();
        }
    }

    pub(crate) fn end(&self) {
        self.wishes.send_modify(|wish| wish.is_end = true);
        self.bell.ring();
    }
}

impl Drop for LaneEntries {
    fn drop(&mut self) {
        self.end();
    }
}

impl Wishes {
    /// Every channel that is wanted.
    pub(crate) fn channels(&self) -> Channels {
        self.0.borrow().channels
    }

    /// What is wanted, if that is something else than when this was last asked.
    pub(crate) fn take_change(&mut self) -> Option<Wish> {
        // Without handles the last wish was the end.
        self.0.has_changed().unwrap_or(true).then(|| *self.0.borrow_and_update())
    }

    pub(crate) fn are_ended(&self) -> bool {
        self.0.borrow().is_end
    }
}

/// Twin requests and subscriptions that wait for the driver.
const ASKS: usize = 8;
/// Method replies and what became of commands that wait for the driver: as many as a session has open, so that there is
/// room for those of all that are dropped at once.
const ANSWERS: usize = 96;

/// What the hub answers.
#[derive(Debug)]
pub(crate) enum Ask {
    Subscribe {
        channels: Channels,
        done: Done<(), SubscribeError>,
    },
    /// Somebody listens to the desired properties who does not know them.
    TellDesired,
    Twin {
        deadline: Instant,
        done: Done<Bytes, TwinError>,
    },
    Section {
        section: Section,
        deadline: Instant,
        done: Done<Option<RawSection>, TwinError>,
    },
    Report {
        report: Report,
        deadline: Instant,
        done: Done<Option<u64>, TwinError>,
    },
}

/// Which section of the twin, unless it is still at that version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) part: TwinPart,
    pub(crate) known_version: Option<u64>,
}

/// As a request of any number.
impl From<Section> for TwinGet<'static> {
    fn from(section: Section) -> Self {
        let Section { part, known_version } = section;
        Self { part, known_version, ..Self::new(RequestId::from_u32(0)) }
    }
}

/// A change of the reported properties.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) patch: Bytes,
    pub(crate) if_version: Option<u64>,
}

impl Ask {
    /// Whether nobody waits for the outcome any longer.
    pub(crate) fn is_given_up(&self) -> bool {
        match self {
            Self::Subscribe { done, .. } => done.is_given_up(),
            Self::TellDesired => false,
            Self::Section { done, .. } => done.is_given_up(),
            Self::Twin { done, .. } => done.is_given_up(),
            Self::Report { done, .. } => done.is_given_up(),
        }
    }

    /// Ends a twin request.
    pub(crate) fn fail(self, error: TwinError) {
        match self {
            Self::Subscribe { .. } | Self::TellDesired => {}
            Self::Section { done, .. } => done.end(Err(error)),
            Self::Twin { done, .. } => done.end(Err(error)),
            Self::Report { done, .. } => done.end(Err(error)),
        }
    }
}

/// What the hub waits for.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Means something on that connection only.
    pub(crate) connection: ConnectionNumber,
    pub(crate) what: AnswerKind,
    pub(crate) done: Done<(), AnswerError>,
}

#[derive(Debug)]
pub(crate) enum AnswerKind {
    Method { request: RequestIdBuf, name: String, response: MethodResponse },
    Decline { request: RequestIdBuf, name: String, status: Status },
    Settle { token: AckToken, verdict: Verdict },
}

/// Counts the connections of a device, so that an answer to what came over an older one is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionNumber(u64);

impl ConnectionNumber {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
