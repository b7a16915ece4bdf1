use core::time::Duration;
use std::sync::Arc;

use iothub_codec::{Ack, Channels, Codec, EncodeError, RequestIdBuf, TwinGet};
use iothub_mqtt::Client;
use iothub_proto::{DeviceEvent, DeviceSession, Hello, Instant, Limits, Now, Packet, Session, Verdict};

use crate::clock::earliest;
use crate::connect_error::ConnectError;
use crate::connect_stage::ConnectStage;
use crate::credentials::Proven;
use crate::desk::{Asker, Desk, Settled};
use crate::error::{AnswerError, SendError, SubscribeError, TwinError};
use crate::inboxes::Inboxes;
use crate::lanes::{Answer, AnswerKind, Ask, Section};
use crate::methods::{CallAnswer, MethodResponse};
use crate::metrics::{CommandEnding, Meter};
use crate::not_expressible::NotExpressible;
use crate::outcome::Done;
use crate::telemetry::{self, Outgoing};
use crate::unsent::{PACKET_MAX, Unsent, never_sent};

/// The device's side of all its connections, without their sockets: session, MQTT, and who waits for what.
///
/// It only translates. What may be sent, what is repeated and what has timed out is decided by the session
/// and the MQTT endpoint.
pub(crate) struct Conversation<'d> {
    codec: Codec<'d>,
    session: Device<'d>,
    mqtt: Client,
    /// What this end takes, and does at most, whatever the hub says.
    own: Limits,
    desk: Desk,
    /// Where topics are written.
    scratch: Vec<u8>,
    /// Taken from its lane, and to be sent as soon as the session takes it.
    held_ask: Option<Ask>,
    /// How long a connection may take to be ready, or to be so again when something is subscribed to.
    ready_within: Duration,
    /// When the connection has to be ready.
    ready_by: Option<Instant>,
    /// When the connection is replaced at the latest; it is as soon as nothing is under way.
    renew_by: Option<Instant>,
    meter: Meter,
}

type Device<'d> = DeviceSession<'d, REQUESTS, WINDOW_MAX>;

/// Twin requests that are open at a time.
const REQUESTS: usize = 8;
/// Most messages that may be unacknowledged at a time.
pub(crate) const WINDOW_MAX: usize = 256;
/// Bytes that wait for the socket while more is taken from the lanes.
const WRITE_AHEAD: usize = 64 * 1024;
/// First room for topics and properties.
const SCRATCH: usize = 512;
/// MQTT 5's reason code for what has none of its own.
const PROTOCOL_ERROR: u8 = 0x82;
/// How long a connection that is to be replaced waits for what is under way.
const RENEW_WITHIN: Duration = Duration::from_secs(10);

/// What becomes of a connection with a new proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewing {
    /// It goes on.
    ThisConnection,
    /// Another takes its place.
    ByConnecting,
}

impl<'d> Conversation<'d> {
    /// One that leaves at most `window` messages unacknowledged.
    pub(crate) fn new(
        codec: Codec<'d>,
        channels: Channels,
        window: u16,
        (inboxes, meter): (Arc<Inboxes>, Meter),
    ) -> Self {
        let own = Limits { receive_maximum: window, ..Limits::CLASSIC };
        Self {
            codec,
            session: DeviceSession::new(codec, channels),
            mqtt: Client::new(own),
            own,
            desk: Desk::new(inboxes, channels, meter.clone()),
            scratch: vec![0; SCRATCH],
            held_ask: None,
            ready_within: Duration::ZERO,
            ready_by: None,
            renew_by: None,
            meter,
        }
    }

    /// Listens to these channels with the next connection, also where a hub has refused them before.
    pub(crate) fn want(&mut self, channels: Channels) {
        let can_be_said = |each: &Channels| self.check_channels(*each).is_ok();
        let channels = channels.iter().filter(can_be_said).fold(Channels::NONE, Channels::union);
        self.session.want(channels);
        self.desk.want(channels);
    }

    /// The same with this connection.
    pub(crate) fn listen(&mut self, now: Instant, channels: Channels) -> Result<(), ConnectError> {
        self.want(channels);
        self.advance(now)
    }

    /// Begins a connection, which has to be ready within that time of when it began to be dialled.
    pub(crate) fn open(
        &mut self,
        now: Now,
        hello: &Hello<'_>,
        (began, within): (Instant, Duration),
    ) -> Result<(), ConnectError> {
        self.mqtt.reset(Session::Resume);
        self.expire(now.instant);
        for token in self.desk.take_told() {
            self.session.forget_telemetry(token);
            self.mqtt.forget(token);
        }
        self.ready_within = within;
        self.ready_by = Some(began.after(within));
        self.write(|session, mqtt, out| {
            let packet = session.connect(now, hello, out)?;
            mqtt.send(now.instant, &packet)?;
            Ok(())
        })
        .map_err(ConnectError::from)
    }

    /// Takes in that many bytes, which are in the read buffer of [`Self::mqtt`].
    pub(crate) fn handle_read(&mut self, now: Instant, len: usize) -> Result<(), ConnectError> {
        self.mqtt.handle_read(now, len);
        self.meter.tell(|metrics| metrics.bytes_received(len));
        while let Some(packet) = self.mqtt.poll_packet()? {
            if let Packet::Connected { .. } = packet {
                let count = self.desk.unacknowledged();
                self.meter.tell(|metrics| metrics.messages_resent(count));
            }
            let Some(event) = self.session.handle_packet(now, &bounded(packet, self.own))? else { continue };
            if let DeviceEvent::SubscribeRefused { channels, .. } = &event
                && channels.contains(Channels::REPLIES)
                && let Some(ask) = self.held_ask.take()
            {
                // Asked for again, it would be refused again.
                fail(&self.meter, ask, TwinError::SubscriptionRefused);
            }
            if let Some(settled) = self.desk.deliver(now, event)? {
                self.answer_call(now, settled)?;
            }
        }
        self.advance(now)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), ConnectError> {
        self.mqtt.handle_timeout(now)?;
        while let Some(event) = self.session.handle_timeout(now) {
            self.desk.deliver(now, event)?;
        }
        self.expire(now);
        if self.ready_by.is_some_and(|at| at <= now) {
            let waiting_for = match self.session.is_connected() {
                false => ConnectStage::Admission,
                true => ConnectStage::Subscription,
            };
            return Err(ConnectError::TimedOut { after: self.ready_within, waiting_for });
        }
        self.advance(now)
    }

    /// Tells of messages that were not acknowledged in time, connected or not.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.desk.expire(now);
    }

    /// When to call [`Self::expire`].
    pub(crate) fn earliest_expiry(&self) -> Option<Instant> {
        self.desk.earliest()
    }

    /// Whether new credentials are wanted, which is said once.
    pub(crate) fn takes_credentials(&mut self) -> bool {
        self.desk.take_renewal()
    }

    /// Sends a new proof, or, where that cannot be said, has the connection replaced by one that begins with it.
    pub(crate) fn renew(&mut self, now: Now, proven: &Proven<'_>) -> Result<Renewing, ConnectError> {
        if let Proven::Signature(signature) = proven {
            let sent = self.write(|session, mqtt, out| {
                let packet = session.renew(now, signature, out)?;
                mqtt.send(now.instant, &packet)?;
                Ok(())
            });
            match sent {
                Err(Unsent::Session(iothub_proto::SendError::Encode(EncodeError::NotExpressible))) => {}
                sent => return Ok(sent.map(|()| Renewing::ThisConnection)?),
            }
        }
        self.renew_by = Some(now.instant.after(RENEW_WITHIN));
        Ok(Renewing::ByConnecting)
    }

    /// The connection is gone.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        self.session.handle_disconnect();
        while let Some(event) = self.session.handle_timeout(now) {
            // Requests that are lost, and ends of nothing else: there is no connection to be refused.
            let _ = self.desk.deliver(now, event);
        }
        self.mqtt.reset(Session::Resume);
        self.mqtt.rest();
        self.desk.disconnected(now);
        self.ready_by = None;
        self.renew_by = None;
    }

    /// Answers the calls that nobody else will, and says goodbye, so that the hub does not publish the will.
    pub(crate) fn say_goodbye(&mut self, now: Instant) {
        for settled in self.desk.cut_off_calls(now) {
            // Whatever is wrong, the connection ends.
            let _ = self.answer_call(now, settled);
        }
        // Where nothing was agreed on yet, there is nothing to say goodbye to.
        let _ = self.mqtt.send(now, &Packet::Disconnect(Ack::SUCCESS));
    }

    /// Says that the hub broke the rules, where that can be said.
    pub(crate) fn complain(&mut self, now: Instant) {
        // The MQTT endpoint says by itself what it has noticed, and nothing more after that.
        let _ = self.mqtt.send(now, &Packet::Disconnect(Ack { reason_code: PROTOCOL_ERROR, ..Ack::SUCCESS }));
    }

    /// Sends a message, which [`Self::takes_telemetry`] has to allow.
    pub(crate) fn send(&mut self, now: Instant, outgoing: Outgoing) -> Result<(), ConnectError> {
        let Some(Outgoing { message, report, deadline }) = outgoing.still_wanted(now) else { return Ok(()) };
        let (system, application) = {
            let dialect = self.codec.dialect();
            (message.properties.system_pairs(dialect), message.properties.pairs(dialect))
        };
        let telemetry = message.telemetry(&system, &application);
        let sent = self.write(|session, mqtt, out| {
            let (token, packet) = session.send_telemetry(&telemetry, out)?;
            mqtt.send(now, &packet)?;
            Ok(token)
        });
        match sent {
            Ok(token) => {
                self.meter.tell(|metrics| metrics.message_sent(message.size()));
                match token {
                    Some(token) => self.desk.sent(now, token, report, deadline),
                    None => report.end(Ok(())),
                }
            }
            Err(Unsent::Session(error)) => match never_sent(&error) {
                Some(error) => report.end(Err(match message.check(self.codec) {
                    Err(inexpressible) => SendError::NotExpressible(inexpressible),
                    Ok(()) => error.into(),
                })),
                // It was asked before whether it takes one.
                None => return Err(ConnectError::Unwritable(error)),
            },
            Err(Unsent::Mqtt(error)) => return Err(error.into()),
        }
        Ok(())
    }

    /// Sends a request, or holds it until it can be sent.
    pub(crate) fn ask(&mut self, now: Instant, ask: Ask) -> Result<(), ConnectError> {
        let ask = match ask {
            Ask::Subscribe { channels, done } => return self.subscribe(now, channels, done),
            given_up if given_up.is_given_up() => return Ok(()),
            Ask::TellDesired => {
                self.session.tell_desired_again(now);
                return self.advance(now);
            }
            Ask::Section { section, deadline, done } => {
                // Known before answers are subscribed to, because none would come.
                let get = TwinGet::from(section);
                let say = |codec: Codec<'_>, out: &mut [u8]| codec.encode(&get, out).map(drop);
                if let Err(error) = NotExpressible::check("one section of the twin", self.codec, say) {
                    done.end(Err(TwinError::NotExpressible(error)));
                    return Ok(());
                }
                Ask::Section { section, deadline, done }
            }
            Ask::Twin { .. } | Ask::Report { .. } => ask,
        };
        // Answers come to who listens for them.
        self.session.want(Channels::REPLIES);
        self.transmit(now)?;
        self.expect_ready(now);
        let sent = self.write(|session, mqtt, out| {
            let (ticket, packet) = match &ask {
                Ask::Twin { deadline, .. } => session.get_twin(now, deadline.since(now), out)?,
                Ask::Section { section, deadline, .. } => {
                    let Section { part, known_version } = *section;
                    session.get_twin_part(now, deadline.since(now), part, known_version, out)?
                }
                Ask::Report { report, deadline, .. } => {
                    session.report(now, deadline.since(now), &report.patch, report.if_version, out)?
                }
                Ask::Subscribe { .. } | Ask::TellDesired => {
                    return Err(iothub_proto::SendError::NotReady.into());
                }
            };
            mqtt.send(now, &packet)?;
            Ok(ticket)
        });
        match (sent, ask) {
            (Ok(ticket), Ask::Twin { done, .. }) => self.desk.asked(ticket, Asker::Twin(done)),
            (Ok(ticket), Ask::Section { done, .. }) => self.desk.asked(ticket, Asker::Section(done)),
            (Ok(ticket), Ask::Report { report, done, .. }) => {
                self.desk.asked(ticket, Asker::Report { patch: report.patch, sent: now, done });
            }
            (Ok(_), Ask::Subscribe { .. } | Ask::TellDesired) => {}
            (Err(Unsent::Session(error)), ask) => match never_sent(&error) {
                Some(error) => fail(&self.meter, ask, error.into()),
                None => self.held_ask = Some(ask),
            },
            (Err(Unsent::Mqtt(error)), _) => return Err(error.into()),
        }
        Ok(())
    }

    /// Sends what the hub waits for, if it still does.
    pub(crate) fn answer(&mut self, now: Instant, answer: Answer) -> Result<(), ConnectError> {
        let Answer { connection, what, done } = answer;
        let outcome = if connection != self.desk.connection() {
            Err(AnswerError::Disconnected)
        } else if self.desk.is_answered(&what) {
            Err(AnswerError::Answered)
        } else {
            self.answer_now(now, &what)?
        };
        done.end(outcome);
        Ok(())
    }

    /// Whether a message could go out now.
    pub(crate) fn takes_telemetry(&self) -> bool {
        self.session.is_ready() && self.takes_more() && self.session.telemetry_room() > 0
    }

    /// Whether messages go out now, of as many as wait, or others have to be acknowledged first.
    pub(crate) fn opens_window(&self, waiting: impl FnOnce() -> usize) -> bool {
        telemetry::opens(self.session.telemetry_window(), self.session.telemetry_room(), waiting)
    }

    /// Whether a request could go out now.
    pub(crate) fn takes_asks(&self) -> bool {
        let room = self.desk.unanswered() < REQUESTS;
        self.session.is_ready() && self.held_ask.is_none() && room && self.takes_more()
    }

    /// Whether the socket keeps up.
    pub(crate) fn takes_answers(&self) -> bool {
        self.mqtt.poll_bytes().is_none_or(|bytes| bytes.len() < WRITE_AHEAD)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// Whether it is time to replace the connection by one with new credentials.
    pub(crate) fn is_renewal_due(&self, now: Instant) -> bool {
        let quiet = !self.desk.is_busy() && self.mqtt.poll_bytes().is_none();
        self.renew_by.is_some_and(|by| by <= now || quiet)
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let mqtt = self.mqtt.poll_timeout().map(|(at, _)| at);
        earliest([session, mqtt, self.ready_by, self.renew_by, self.earliest_expiry()])
    }

    /// For the socket.
    pub(crate) fn mqtt(&mut self) -> &mut Client {
        &mut self.mqtt
    }

    /// While the connection is about to be replaced, nothing new is begun on it.
    fn takes_more(&self) -> bool {
        self.renew_by.is_none() && self.takes_answers()
    }

    fn subscribe(
        &mut self,
        now: Instant,
        channels: Channels,
        done: Done<(), SubscribeError>,
    ) -> Result<(), ConnectError> {
        // Known before the session tries, because it would have to try for ever.
        if let Err(error) = self.check_channels(channels) {
            done.end(Err(SubscribeError::NotExpressible(error)));
            return Ok(());
        }
        self.session.want(channels);
        if channels.contains(Channels::DESIRED) {
            self.session.tell_desired_again(now);
        }
        self.desk.subscribing(channels, done);
        self.advance(now)
    }

    fn check_channels(&self, channels: Channels) -> Result<(), NotExpressible> {
        let say = |codec: Codec<'_>, out: &mut [u8]| codec.filters(channels, out).map(drop);
        NotExpressible::check("inputs of a module", self.codec, say)
    }

    /// Sends what the session owes, and what was held until now.
    fn advance(&mut self, now: Instant) -> Result<(), ConnectError> {
        if self.desk.take_whole_wanted() {
            self.session.tell_desired_again(now);
        }
        self.transmit(now)?;
        self.expect_ready(now);
        if !self.session.is_ready() {
            return Ok(());
        }
        self.ready_by = None;
        self.desk.subscribed();
        if self.renew_by.is_some() {
            return Ok(());
        }
        match self.held_ask.take() {
            Some(ask) => self.ask(now, ask),
            None => Ok(()),
        }
    }

    /// Nothing else goes out before a subscription is answered, so a hub that never does is given up.
    fn expect_ready(&mut self, now: Instant) {
        if !self.session.is_ready() && self.ready_by.is_none() {
            self.ready_by = Some(now.after(self.ready_within));
        }
    }

    /// Sends what the session owes: subscriptions and acknowledgements.
    fn transmit(&mut self, now: Instant) -> Result<(), ConnectError> {
        while self.write(|session, mqtt, out| match session.poll_transmit(out)? {
            Some(packet) => Ok(mqtt.send(now, &packet).map(|()| true)?),
            None => Ok(false),
        })? {}
        Ok(())
    }

    fn answer_now(
        &mut self,
        now: Instant,
        what: &AnswerKind,
    ) -> Result<Result<(), AnswerError>, ConnectError> {
        let sent = self.write(|session, mqtt, out| {
            let packet = match what {
                AnswerKind::Method { request, name, response } => {
                    reply(session, (request, name), response, out)?
                }
                AnswerKind::Decline { request, name, status } => {
                    session.decline(request.as_id(), name, *status, out)?
                }
                AnswerKind::Settle { token, verdict } => session.settle(*token, *verdict, out)?,
            };
            mqtt.send(now, &packet)?;
            Ok(())
        });
        match sent {
            Ok(()) => {
                self.answered(now, what);
                Ok(Ok(()))
            }
            Err(Unsent::Session(error)) => Ok(Err(match never_sent(&error) {
                Some(error) => what.never_sent(self.codec, error),
                None => AnswerError::Disconnected,
            })),
            Err(Unsent::Mqtt(error)) => Err(error.into()),
        }
    }

    /// Remembers the answer to a call, which may be delivered again, and has it counted.
    fn answered(&mut self, now: Instant, what: &AnswerKind) {
        match what {
            AnswerKind::Method { request, name, response } => {
                self.desk.answered(now, request, name, CallAnswer::Response(response.clone()));
            }
            AnswerKind::Decline { request, name, status } => {
                self.desk.answered(now, request, name, CallAnswer::Declined(*status));
            }
            AnswerKind::Settle { token, verdict } => {
                self.desk.settled(*token);
                let ending = match verdict {
                    Verdict::Complete => CommandEnding::Completed,
                    Verdict::Abandon => CommandEnding::Abandoned,
                    Verdict::Reject => CommandEnding::Rejected,
                };
                self.meter.tell(|metrics| metrics.command_ended(ending));
            }
        }
    }

    /// Answers a call for which the application has nothing to say, or has said it.
    fn answer_call(&mut self, now: Instant, settled: Settled) -> Result<(), ConnectError> {
        let Settled { request, name, answer } = settled;
        let what = match answer {
            CallAnswer::Response(response) => AnswerKind::Method { request, name, response },
            CallAnswer::Declined(status) => AnswerKind::Decline { request, name, status },
        };
        // What the session does not take it has no connection for.
        self.answer_now(now, &what).map(drop)
    }

    /// Writes and sends a packet, with more room for its topic if it needs that.
    fn write<T>(
        &mut self,
        mut write: impl FnMut(&mut Device<'d>, &mut Client, &mut [u8]) -> Result<T, Unsent>,
    ) -> Result<T, Unsent> {
        loop {
            match write(&mut self.session, &mut self.mqtt, &mut self.scratch) {
                Err(Unsent::Session(iothub_proto::SendError::Encode(EncodeError::BufferTooSmall {
                    needed,
                }))) if self.scratch.len() < needed && needed <= PACKET_MAX => {
                    self.scratch.resize(needed, 0);
                }
                outcome => return outcome,
            }
        }
    }
}

/// Ends a request that comes to nothing.
fn fail(meter: &Meter, ask: Ask, error: TwinError) {
    if let Ask::Report { .. } = ask {
        meter.tell(|metrics| metrics.report_failed(&error));
    }
    ask.fail(error);
}

/// What the hub says it takes, as far as this end goes along.
fn bounded(packet: Packet<'_>, own: Limits) -> Packet<'_> {
    let Packet::Connected { session, limits } = packet else { return packet };
    let maximum_packet_size = limits.maximum_packet_size.min(own.maximum_packet_size);
    let receive_maximum = limits.receive_maximum.min(own.receive_maximum);
    Packet::Connected { session, limits: Limits { maximum_packet_size, receive_maximum, ..limits } }
}

/// The answer to the method of that name, with all that it says of its payload.
fn reply<'b>(
    session: &mut Device<'_>,
    (request, name): (&'b RequestIdBuf, &'b str),
    response: &'b MethodResponse,
    out: &'b mut [u8],
) -> Result<Packet<'b>, iothub_proto::SendError> {
    let MethodResponse { code, payload, .. } = response;
    session.reply_with_content(request.as_id(), name, *code, payload, response.content(), out)
}
