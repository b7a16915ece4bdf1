//! The application of a device: what it asks for, and how it takes what it is told.

use core::time::Duration;

use iothub_codec::{Command, DesiredChanged, MethodCall, RequestIdBuf, TwinPart};
use iothub_proto::{AckToken, DeviceEvent, Instant, Ticket, Verdict};

use super::truth::Truth;
use crate::chance::Chance;
use crate::document::{Document, Numbers};
use crate::ledger::{Ledger, Property};

/// What an application knows. A crash makes a new one.
#[derive(Debug, Default)]
pub(super) struct App {
    /// Requests that have not ended.
    pub(super) asked: Vec<(Ticket, Asked)>,
    /// Telemetry messages that have not been acknowledged.
    pub(super) unacknowledged: Vec<(AckToken, u32)>,
    /// The QoS 1 message that was sent last.
    pub(super) last_sent: Option<u32>,
    /// What it does later.
    pub(super) due: Vec<(Instant, Action)>,
    /// The desired properties, and their version while they are known to be those of the hub.
    document: Document,
    pub(super) known: Option<u64>,
    /// The newest version that it was told ever.
    newest: u64,
}

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The twin or a section, which was at that version then; perhaps only if it is not at the one that is known.
    Twin { part: TwinPart, least: u64, known: Option<u64> },
    /// The change of the reported properties of that number.
    Report { number: u64 },
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Answer { request: RequestIdBuf, number: u64, declines: bool },
    Settle { token: AckToken, number: u32, verdict: Verdict },
}

/// What an event makes a device do with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Nothing,
    Renew,
    Close,
    Ready,
}

/// What an application may look at, and whom it tells what it sees.
pub(super) struct Sight<'s> {
    pub(super) now: Instant,
    pub(super) name: &'static str,
    /// Whether an answer may be refused, and a command given back.
    pub(super) speaks_v5: bool,
    pub(super) truth: &'s mut Truth,
    pub(super) chance: &'s mut Chance,
    pub(super) ledger: &'s mut Ledger,
    /// How long applications take, in milliseconds.
    pub(super) pace_ms: (u64, u64),
}

impl Sight<'_> {
    fn must(&mut self, holds: bool, property: Property, what: impl FnOnce() -> String) {
        if !holds {
            self.ledger.breaks(self.name, property, what);
        }
    }
}

impl App {
    pub(super) fn on_event(&mut self, event: &DeviceEvent<'_>, sight: &mut Sight<'_>) -> Reaction {
        sight.ledger.note(sight.name, || format!("is told {event:?}"));
        match *event {
            DeviceEvent::Ready => return Reaction::Ready,
            DeviceEvent::RenewSoon => return Reaction::Renew,
            DeviceEvent::ConnectRefused { .. }
            | DeviceEvent::Disconnected { .. }
            | DeviceEvent::NotRenewed => return Reaction::Close,
            DeviceEvent::Renewed => {}
            DeviceEvent::SubscribeRefused { .. } | DeviceEvent::Input { .. } => {
                sight.must(false, Property::Rules, || format!("this hub never does that: {event:?}"));
            }
            DeviceEvent::Twin { ticket, part, document, version } => {
                self.on_twin(ticket, part, (document, version), sight);
            }
            DeviceEvent::NotModified { ticket } => {
                let asked = self.ended(ticket, sight);
                // A version that is told to be current was the current one when it was asked for, or later.
                let own =
                    matches!(asked, Some(Asked::Twin { least, known: Some(known), .. }) if known >= least);
                sight
                    .must(own || asked.is_none(), Property::OwnAnswer, || format!("not modified: {asked:?}"));
            }
            DeviceEvent::Reported { ticket, version } => self.on_reported(ticket, version, sight),
            DeviceEvent::Refused { ticket, .. } => {
                if let Some(Asked::Report { number }) = self.ended(ticket, sight) {
                    let refused = sight.truth.reports[number as usize].refused;
                    sight.must(refused, Property::OwnAnswer, || format!("report {number} was not refused"));
                }
            }
            DeviceEvent::TimedOut { ticket } | DeviceEvent::Lost { ticket } => {
                self.ended(ticket, sight);
            }
            DeviceEvent::Sent { token } => self.on_sent(token, false, sight),
            DeviceEvent::SendRefused { token, .. } => self.on_sent(token, true, sight),
            DeviceEvent::Command { command, ack } => self.on_command(&command, ack, sight),
            DeviceEvent::Method(call) => self.on_call(&call, sight),
            DeviceEvent::DesiredChanged(change) => self.on_change(&change, sight),
            DeviceEvent::DesiredMissed { known, version } => {
                let was = self.known.take();
                sight.must(was == Some(known) && version > known + 1, Property::Desired, || {
                    format!("nothing is missed between {known} and {version}, with {was:?} told")
                });
            }
            DeviceEvent::DesiredCurrent { version, desired, .. } => {
                match Document::read(desired) {
                    Some((document, read)) if read == version => self.document = document,
                    _ => sight.must(false, Property::Desired, || "no desired properties".to_owned()),
                }
                self.knows(version, sight);
            }
            DeviceEvent::DesiredUnavailable { .. } => {
                let known = self.known;
                sight.must(known.is_none(), Property::Desired, || format!("{known:?} was known before"));
            }
        }
        Reaction::Nothing
    }

    /// The connection is gone, and with it what was to be settled over it. A call may be answered over the next: many
    /// an application knows of no connections.
    pub(super) fn disconnected(&mut self) {
        self.due.retain(|(_, action)| matches!(action, Action::Answer { .. }));
        self.known = None;
    }

    fn on_twin(
        &mut self,
        ticket: Ticket,
        part: TwinPart,
        (json, told): (&[u8], Option<u64>),
        sight: &mut Sight<'_>,
    ) {
        let asked = self.ended(ticket, sight);
        let Some(Asked::Twin { part: wanted, least, .. }) = asked else {
            return sight.must(asked.is_none(), Property::OwnAnswer, || format!("a twin for {asked:?}"));
        };
        let (read, real) = match part {
            TwinPart::Reported => {
                let read = Numbers(json).next();
                (read, Numbers(json).count() == 1 && read.is_some_and(|read| read <= sight.truth.reported))
            }
            TwinPart::Whole | TwinPart::Desired => match Document::read(json) {
                Some((document, version)) => {
                    let real = sight.truth.document(version) == Some(&document);
                    if self.known.is_some_and(|known| known < version) {
                        self.document = document;
                        self.knows(version, sight);
                    }
                    (Some(version), real)
                }
                None => (None, false),
            },
        };
        let own = part == wanted && real && read == told && read >= Some(least);
        sight.must(own, Property::OwnAnswer, || {
            format!("{wanted:?} at {least} was asked for, and {part:?} at {read:?}, or {told:?}, is told")
        });
    }

    fn on_reported(&mut self, ticket: Ticket, version: Option<u64>, sight: &mut Sight<'_>) {
        match self.ended(ticket, sight) {
            Some(Asked::Report { number }) => {
                let made = sight.truth.reports[number as usize].made;
                let own = made.is_some() && (version.is_none() || version == made);
                sight.must(own, Property::OwnAnswer, || {
                    format!("report {number} made {made:?}, and {version:?} is told")
                });
            }
            Some(Asked::Twin { .. }) => {
                sight.must(false, Property::OwnAnswer, || format!("{ticket:?} asked for the twin"));
            }
            None => {}
        }
    }

    /// What that request was for, which has just ended.
    fn ended(&mut self, ticket: Ticket, sight: &mut Sight<'_>) -> Option<Asked> {
        let at = self.asked.iter().position(|(open, _)| *open == ticket);
        sight.must(at.is_some(), Property::EndsOnce, || format!("{ticket:?} ends and is not open"));
        at.map(|at| self.asked.swap_remove(at).1)
    }

    fn on_sent(&mut self, token: AckToken, refused: bool, sight: &mut Sight<'_>) {
        let Some(at) = self.unacknowledged.iter().position(|(open, _)| *open == token) else {
            return sight
                .must(false, Property::EndsOnce, || format!("{token:?} is acknowledged and not open"));
        };
        let (_, number) = self.unacknowledged.swap_remove(at);
        let message = &sight.truth.telemetry[number as usize];
        let (arrived, own) = (message.arrived, message.refused || !refused);
        sight.must(arrived, Property::Received, || format!("telemetry {number} has not arrived"));
        sight.must(own, Property::OwnAnswer, || format!("telemetry {number} was not refused"));
    }

    fn on_command(&mut self, command: &Command<'_>, ack: Option<AckToken>, sight: &mut Sight<'_>) {
        let number = command.payload.try_into().map(u32::from_be_bytes);
        let (Ok(number), Some(token)) = (number, ack) else {
            return sight.must(false, Property::Rules, || "a command without number or token".to_owned());
        };
        let verdict = match sight.chance.below(10) {
            0 if sight.speaks_v5 => Verdict::Abandon,
            1 if sight.speaks_v5 => Verdict::Reject,
            _ => Verdict::Complete,
        };
        // One that comes again before it is settled is settled once.
        let known = |(_, action): &(Instant, Action)| matches!(action, Action::Settle { token: open, .. } if *open == token);
        if !self.due.iter().any(known) {
            self.later(Action::Settle { token, number, verdict }, sight);
        }
    }

    fn on_call(&mut self, call: &MethodCall<'_>, sight: &mut Sight<'_>) {
        let Some(number) = Numbers(call.payload).next() else {
            return sight.must(false, Property::Rules, || "a call without its number".to_owned());
        };
        let own = &mut sight.truth.calls[number as usize];
        let again = core::mem::replace(&mut own.seen, true);
        sight.must(!again, Property::EndsOnce, || format!("call {number} is made twice"));
        sight.must(call.name == METHOD, Property::OwnAnswer, || format!("{} is called", call.name));
        if sight.chance.happens(90) {
            let declines = sight.speaks_v5 && sight.chance.happens(10);
            self.later(Action::Answer { request: call.request.to_buf(), number, declines }, sight);
        }
    }

    fn on_change(&mut self, change: &DesiredChanged<'_>, sight: &mut Sight<'_>) {
        let (known, version) = (self.known, change.version);
        sight.must(known.is_some_and(|known| known + 1 == version), Property::Desired, || {
            format!("the change to {version} is told to who knows {known:?}")
        });
        let applied = self.document.patch(change.patch);
        sight.must(applied, Property::Desired, || "the change cannot be read".to_owned());
        self.knows(version, sight);
    }

    /// The document is now what it was at the hub at that version, or something is wrong.
    fn knows(&mut self, version: u64, sight: &mut Sight<'_>) {
        let newest = self.newest;
        sight.must(version >= newest, Property::Forward, || format!("back to {version} from {newest}"));
        let real = sight.truth.document(version) == Some(&self.document);
        let document = self.document;
        sight.must(real, Property::Desired, || format!("{document:?} is not the twin at {version}"));
        self.newest = version;
        self.known = Some(version);
    }

    fn later(&mut self, action: Action, sight: &mut Sight<'_>) {
        let delay =
            if sight.chance.happens(60) { Duration::ZERO } else { sight.chance.millis(sight.pace_ms) };
        self.due.push((sight.now.after(delay), action));
    }
}

/// The method that is called.
pub(super) const METHOD: &str = "rotate";
