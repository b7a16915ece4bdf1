use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{Channels, RequestIdBuf, TwinPart};
use iothub_proto::{AckToken, DeviceEvent, Instant, Ticket};
use tracing::{debug, warn};

use crate::commands::{ArrivedCommand, ArrivedInput, MessagesInHand};
use crate::connect_error::ConnectError;
use crate::error::{SendError, SubscribeError, TwinError};
use crate::inboxes::Inboxes;
use crate::lanes::{AnswerKind, ConnectionNumber};
use crate::methods::{Arrival, ArrivedCall, CallAnswer, CallMemory, MethodResponse, OpenCall};
use crate::metrics::{CommandEnding, Meter, MethodEnding};
use crate::outcome::Done;
use crate::refusal::Refusal;
use crate::telemetry::{Deadline, Earliest, Report};
use crate::twin::{DesiredUpdate, Heard, Mirror, Mirrored, RawSection, Told};

/// Who waits for what: hands each event of the session to whom it is for.
///
/// The session bounds what is in here: each entry is one of its tokens or tickets.
#[derive(Debug)]
pub(crate) struct Desk {
    connection: ConnectionNumber,
    inboxes: Arc<Inboxes>,
    /// Every channel that was ever asked for and not refused.
    wanted: Channels,
    /// In the order in which they were sent, which is mostly that in which they are acknowledged.
    sent: VecDeque<Sent>,
    earliest: Earliest,
    asked: BTreeMap<Ticket, Asker>,
    /// Those whose time is over by the session's clock, and perhaps not quite by their own, which tells them.
    overdue: Vec<Asker>,
    subscribers: Vec<(Channels, Done<(), SubscribeError>)>,
    /// The calls of this connection.
    calls: CallMemory,
    in_hand: MessagesInHand,
    mirror: Mirror,
    /// The version of the desired properties that was told last.
    desired_told: Option<u64>,
    /// Whether the whole twin is to be asked for.
    whole_wanted: bool,
    renewal_wanted: bool,
    meter: Meter,
}

/// A message that is not acknowledged yet.
#[derive(Debug)]
struct Sent {
    token: AckToken,
    /// `None` once it was told that its time is over.
    report: Option<Report>,
    deadline: Option<Deadline>,
    /// When it went out first.
    at: Instant,
}

#[derive(Debug)]
pub(crate) enum Asker {
    Twin(Done<Bytes, TwinError>),
    Section(Done<Option<RawSection>, TwinError>),
    Report { patch: Bytes, sent: Instant, done: Done<Option<u64>, TwinError> },
}

impl Asker {
    /// Whether nobody waits for the outcome any longer.
    fn is_given_up(&self) -> bool {
        match self {
            Self::Twin(done) => done.is_given_up(),
            Self::Section(done) => done.is_given_up(),
            Self::Report { done, .. } => done.is_given_up(),
        }
    }
}

/// A call that the device answers by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) request: RequestIdBuf,
    pub(crate) name: String,
    pub(crate) answer: CallAnswer,
}

impl Desk {
    pub(crate) fn new(inboxes: Arc<Inboxes>, wanted: Channels, meter: Meter) -> Self {
        Self {
            connection: ConnectionNumber::default(),
            inboxes,
            wanted,
            sent: VecDeque::new(),
            earliest: Earliest::default(),
            asked: BTreeMap::new(),
            overdue: Vec::new(),
            subscribers: Vec::new(),
            calls: CallMemory::default(),
            in_hand: MessagesInHand::default(),
            mirror: Mirror::default(),
            desired_told: None,
            whole_wanted: false,
            renewal_wanted: false,
            meter,
        }
    }

    /// Hands out what happened.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: the connection is over.
    pub(crate) fn deliver(
        &mut self,
        now: Instant,
        event: DeviceEvent<'_>,
    ) -> Result<Option<Settled>, ConnectError> {
        match event {
            // Seen from the session's state, together with the channels.
            DeviceEvent::Ready => {}
            DeviceEvent::ConnectRefused { reason, outcome, retry } => {
                return Err(ConnectError::Refused { reason, refusal: outcome.into(), retry });
            }
            DeviceEvent::Disconnected { reason_code, outcome, retry: _ } => {
                return Err(ConnectError::Dismissed { reason_code, refusal: outcome.into() });
            }
            DeviceEvent::NotRenewed => return Err(ConnectError::NotRenewed),
            DeviceEvent::SubscribeRefused { channels, .. } => self.refuse(channels),
            DeviceEvent::RenewSoon => self.renewal_wanted = true,
            DeviceEvent::Renewed => {
                debug!(name: "credentials_renewed", "the hub has accepted new credentials");
                self.meter.tell(|metrics| metrics.credentials_renewed());
            }
            DeviceEvent::Sent { token } => self.end_sent(now, token, Ok(())),
            DeviceEvent::SendRefused { token, outcome } => {
                self.end_sent(now, token, Err(SendError::Refused(outcome.into())));
            }
            DeviceEvent::Twin { ticket, document, version, part } => {
                self.found((ticket, part), version, document);
            }
            DeviceEvent::NotModified { ticket } => {
                if let Some(Asker::Section(done)) = self.asked.remove(&ticket) {
                    done.end(Ok(None));
                }
            }
            DeviceEvent::Reported { ticket, version } => {
                if let Some(Asker::Report { patch, sent, done }) = self.asked.remove(&ticket) {
                    self.count_reports();
                    self.meter.tell(|metrics| metrics.twin_reported(now.since(sent)));
                    // Whoever hears of it finds it in the copy.
                    self.mirror(|mirror, copy| mirror.reported(copy, version, &patch));
                    done.end(Ok(version));
                }
            }
            DeviceEvent::Refused { ticket, status, code, reason } => {
                self.fail(ticket, TwinError::Refused { refusal: Refusal::new(status, reason), code });
            }
            DeviceEvent::Lost { ticket } => {
                self.unsettled(ticket);
                self.fail(ticket, TwinError::Disconnected);
            }
            DeviceEvent::TimedOut { ticket } => {
                self.unsettled(ticket);
                self.time_out(now, ticket);
            }
            DeviceEvent::Command { command, ack } => self.take_command(&command, ack),
            DeviceEvent::Input { input, ack } => self.take_input(&input, ack),
            DeviceEvent::Method(call) => return Ok(self.called(now, &call)),
            DeviceEvent::DesiredChanged(change) => {
                let (version, patch) = (change.version, Bytes::copy_from_slice(change.patch));
                self.mirror(|_, copy| Mirror::desired(copy, version, change.patch));
                self.tell_desired(DesiredUpdate::Patch { version, patch });
            }
            DeviceEvent::DesiredCurrent { version, desired, document } => {
                let properties = Bytes::copy_from_slice(desired);
                self.mirror(|mirror, copy| mirror.whole(copy, document));
                self.count_reports();
                self.tell_desired(DesiredUpdate::Whole { version, properties });
            }
            DeviceEvent::DesiredMissed { known, version } => {
                debug!(name: "desired_missed", known, version, "changes were missed: asking for the twin");
            }
            DeviceEvent::DesiredUnavailable { status } => {
                warn!(name: "twin_unavailable", %status, "no twin: asking again later");
            }
        }
        Ok(None)
    }

    /// The connection is gone, and with it everything that could be answered over it.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        self.connection = self.connection.next();
        self.renewal_wanted = false;
        self.in_hand.disconnected();
        self.mirror.disconnected();
        (self.desired_told, self.whole_wanted) = (None, false);
        for OpenCall { name, arrived, .. } in self.calls.take_open() {
            self.method_ended(&name, MethodEnding::Lost, now.since(arrived));
        }
        self.inboxes.disconnected();
    }

    pub(crate) fn sent(&mut self, now: Instant, token: AckToken, report: Report, deadline: Option<Deadline>) {
        self.earliest.add(deadline);
        self.sent.push_back(Sent { token, report: Some(report), deadline, at: now });
    }

    /// Tells of the messages that were not acknowledged in time. They stay on their way over this connection.
    pub(crate) fn expire(&mut self, now: Instant) {
        if !self.earliest.is_over(now) {
            return;
        }
        for Sent { report, deadline, .. } in &mut self.sent {
            if let Some(over) = deadline.take_if(|deadline| deadline.is_over(now))
                && let Some(report) = report.take()
            {
                report.end(Err(over.outcome()));
            }
        }
        self.earliest = self.sent.iter().map(|sent| sent.deadline).collect();
    }

    /// Forgets the messages that were told to be late, which are not to be sent over another connection. It may be for one
    /// of them that the hub has ended the last, and would end each.
    pub(crate) fn take_told(&mut self) -> Vec<AckToken> {
        let told = self.sent.iter().filter(|sent| sent.report.is_none()).map(|sent| sent.token).collect();
        self.sent.retain(|sent| sent.report.is_some());
        told
    }

    /// When to call [`Self::expire`].
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.earliest.get()
    }

    pub(crate) fn asked(&mut self, ticket: Ticket, asker: Asker) {
        let is_report = matches!(asker, Asker::Report { .. });
        self.asked.insert(ticket, asker);
        if is_report {
            self.count_reports();
        }
    }

    /// Listens to these channels, whatever was refused before.
    pub(crate) fn want(&mut self, channels: Channels) {
        self.wanted = self.wanted.union(channels);
    }

    pub(crate) fn subscribing(&mut self, channels: Channels, done: Done<(), SubscribeError>) {
        self.want(channels);
        self.subscribers.retain(|(_, done)| !done.is_given_up());
        self.subscribers.push((channels, done));
    }

    /// Everything that was asked for, and not refused, is granted.
    pub(crate) fn subscribed(&mut self) {
        for (_, done) in self.subscribers.drain(..) {
            done.end(Ok(()));
        }
    }

    pub(crate) fn connection(&self) -> ConnectionNumber {
        self.connection
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.asked.len()
    }

    /// A call of this connection was answered.
    pub(crate) fn answered(&mut self, now: Instant, request: &RequestIdBuf, name: &str, answer: CallAnswer) {
        let ending = answer.ending();
        if let Some(arrived) = self.calls.answered(request, answer) {
            self.method_ended(name, ending, now.since(arrived));
        }
    }

    /// Whether that is a call which has its answer.
    pub(crate) fn is_answered(&self, what: &AnswerKind) -> bool {
        match what {
            AnswerKind::Method { request, .. } | AnswerKind::Decline { request, .. } => {
                self.calls.is_answered(request)
            }
            // The session knows.
            AnswerKind::Settle { .. } => false,
        }
    }

    /// Every call that awaits an answer, and how it is answered when the connection is about to end.
    pub(crate) fn cut_off_calls(&mut self, now: Instant) -> Vec<Settled> {
        let answer = CallAnswer::Response(MethodResponse::CUT_OFF);
        let mut settled = Vec::new();
        for OpenCall { request, name, arrived } in self.calls.take_open() {
            self.method_ended(&name, answer.ending(), now.since(arrived));
            settled.push(Settled { request, name, answer: answer.clone() });
        }
        settled
    }

    /// The hub was told what became of a command or of a message to an input.
    pub(crate) fn settled(&mut self, token: AckToken) {
        self.in_hand.settled(token);
    }

    /// Whether something is under way that would be lost, or come twice, if the connection ended now.
    pub(crate) fn is_busy(&self) -> bool {
        !self.sent.is_empty() || !self.asked.is_empty() || self.calls.has_open() || self.in_hand.are_there()
    }

    /// Whether new credentials are wanted, which is said once.
    pub(crate) fn take_renewal(&mut self) -> bool {
        core::mem::take(&mut self.renewal_wanted)
    }

    /// Whether the whole twin is to be asked for, which is said once.
    pub(crate) fn take_whole_wanted(&mut self) -> bool {
        core::mem::take(&mut self.whole_wanted)
    }

    fn tell_desired(&mut self, update: DesiredUpdate) {
        self.meter.tell(|metrics| metrics.desired_updated());
        self.desired_told = Some(update.version());
        self.inboxes.desired(Told { connection: self.connection, update });
    }

    fn mirror(&mut self, tell: impl FnOnce(&mut Mirror, &mut Mirrored) -> Heard) {
        let Self { mirror, inboxes, .. } = self;
        self.whole_wanted |= inboxes.mirror(|copy| tell(mirror, copy));
    }

    /// Tells the copy how many reports may change what it has.
    fn count_reports(&mut self) {
        let count = self.asked.values().filter(|asker| matches!(asker, Asker::Report { .. })).count();
        self.mirror(|_, copy| copy.underway(count));
    }

    /// If that is a report, nobody knows what became of it.
    fn unsettled(&mut self, ticket: Ticket) {
        if let Some(Asker::Report { .. }) = self.asked.get(&ticket) {
            self.mirror(|_, copy| Mirror::unsettled(copy));
        }
    }

    fn end_sent(&mut self, now: Instant, token: AckToken, outcome: Result<(), SendError>) {
        let at = self.sent.iter().position(|sent| sent.token == token);
        let Some(Sent { report, at, .. }) = at.and_then(|at| self.sent.remove(at)) else { return };
        if outcome.is_ok() {
            self.meter.tell(|metrics| metrics.message_acknowledged(now.since(at)));
        }
        if let Some(report) = report {
            report.end(outcome);
        }
    }

    fn method_ended(&self, name: &str, ending: MethodEnding, after: Duration) {
        self.meter.tell(|metrics| metrics.method_ended(name, ending, after));
    }

    fn found(&mut self, (ticket, part): (Ticket, TwinPart), version: Option<u64>, document: &[u8]) {
        match part {
            // The session tells no change that is in there. Where one has not come before, others do not know it.
            TwinPart::Whole | TwinPart::Desired => {
                self.whole_wanted |= self.desired_told.is_some_and(|told| version > Some(told));
            }
            TwinPart::Reported => {}
        }
        let json = Bytes::copy_from_slice(document);
        match self.asked.remove(&ticket) {
            Some(Asker::Twin(done)) => done.end(Ok(json)),
            Some(Asker::Section(done)) => done.end(Ok(Some(RawSection { version, json }))),
            Some(Asker::Report { .. }) | None => {}
        }
    }

    fn called(&mut self, now: Instant, call: &iothub_codec::MethodCall<'_>) -> Option<Settled> {
        let (request, name) = (call.request.to_buf(), call.name.to_owned());
        match self.calls.arrive(now, request, &name, call.payload) {
            Arrival::New => {}
            Arrival::Known => return None,
            Arrival::Answered(answer) => return Some(Settled { request, name, answer }),
        }
        if !self.wanted.contains(Channels::METHODS) {
            // A subscription of an earlier run that the hub still has.
            let answer = CallAnswer::Response(MethodResponse::NOT_SERVED);
            return Some(Settled { request, name, answer });
        }
        let arrived = ArrivedCall {
            connection: self.connection,
            request,
            name,
            payload: Bytes::copy_from_slice(call.payload),
            content_type: call.content.media_type.map(|text| text.to_string()),
            content_encoding: call.content.encoding.map(|text| text.to_string()),
            arrived: now,
        };
        let ArrivedCall { name, .. } = self.inboxes.calls.push(arrived).err()?;
        warn!(name: "calls_full", method = name, "too many calls are waiting");
        Some(Settled { request, name, answer: CallAnswer::Response(MethodResponse::BUSY) })
    }

    fn take_command(&mut self, command: &iothub_codec::Command<'_>, ack: Option<AckToken>) {
        let (connection, properties) = (self.connection, command.properties.into());
        let payload = Bytes::copy_from_slice(command.payload);
        let in_hand = self.in_hand.arrived(ack);
        let arrived = ArrivedCommand { connection, payload, properties, ack, in_hand };
        if self.inboxes.commands.push(arrived).is_err() {
            warn!(name: "commands_full", "too many commands are waiting: this one is left to be delivered again");
            self.meter.tell(|metrics| metrics.command_ended(CommandEnding::Busy));
        }
    }

    fn take_input(&mut self, input: &iothub_codec::Input<'_>, ack: Option<AckToken>) {
        let (connection, properties) = (self.connection, input.properties.into());
        let payload = Bytes::copy_from_slice(input.payload);
        let input = input.name.to_string();
        let in_hand = self.in_hand.arrived(ack);
        let arrived = ArrivedInput { connection, input, payload, properties, ack, in_hand };
        if self.inboxes.inputs.push(arrived).is_err() {
            warn!(name: "inputs_full", "too many messages are waiting: this one is left to be delivered again");
            self.meter.tell(|metrics| metrics.command_ended(CommandEnding::Busy));
        }
    }

    fn refuse(&mut self, channels: Channels) {
        warn!(name: "subscription_refused", ?channels, "subscription refused");
        self.wanted = self.wanted.difference(channels);
        let (refused, others) = core::mem::take(&mut self.subscribers)
            .into_iter()
            .partition(|(wanted, _)| !wanted.difference(channels).contains(*wanted));
        self.subscribers = others;
        let refused: Vec<(Channels, Done<(), SubscribeError>)> = refused;
        for (_, done) in refused {
            done.end(Err(SubscribeError::Refused));
        }
    }

    /// Whoever asked has the same deadline, and has been told by it.
    fn time_out(&mut self, now: Instant, ticket: Ticket) {
        let Some(asker) = self.asked.remove(&ticket) else { return };
        self.count_reports();
        if let Asker::Report { sent, .. } = asker {
            let error = TwinError::TimedOut { after: now.since(sent) };
            self.meter.tell(|metrics| metrics.report_failed(&error));
        }
        self.overdue.retain(|asker| !asker.is_given_up());
        self.overdue.push(asker);
    }

    fn fail(&mut self, ticket: Ticket, error: TwinError) {
        match self.asked.remove(&ticket) {
            Some(Asker::Twin(done)) => done.end(Err(error)),
            Some(Asker::Section(done)) => done.end(Err(error)),
            Some(Asker::Report { done, .. }) => {
                self.count_reports();
                self.meter.tell(|metrics| metrics.report_failed(&error));
                done.end(Err(error));
            }
            None => {}
        }
    }
}
