use core::time::Duration;
use std::sync::Arc;

use iothub_proto::{FailureClass, Instant, Reconnecting, Setback};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tracing::{Instrument, debug, error, info, warn};

use crate::chance;
use crate::clock::{Alarm, Clock, earliest};
use crate::connect_error::ConnectError;
use crate::conversation::{Conversation, Renewing};
use crate::error::AnswerError;
use crate::inboxes::InboxesEnd;
use crate::lanes::{Lanes, Wish};
use crate::link::{Link, Turn};
use crate::options::Options;
use crate::proofs::Proofs;
use crate::spans;
use crate::stall::Stall;
use crate::status::{Announcer, ConnectionStatus};
use crate::transport::Transport;

/// How the first connection came out.
pub(crate) type FirstOutcome = Result<(), ConnectError>;

/// What a device's task is given: the driver's ends of what its handles hold.
pub(crate) struct Ends {
    pub(crate) clock: Clock,
    pub(crate) lanes: Lanes,
    pub(crate) inboxes: InboxesEnd,
    pub(crate) announcer: Announcer,
    /// There when somebody waits for the first connection: then one that fails is not followed by another.
    pub(crate) first: Option<oneshot::Sender<FirstOutcome>>,
}

/// Keeps a device connected until it is closed, its last handle is dropped, or that makes no sense.
pub(crate) async fn drive<T: Transport>(
    options: Options,
    transport: impl Future<Output = Result<T, ConnectError>>,
    ends: Ends,
) {
    let Ends { clock, mut lanes, inboxes, announcer, first } = ends;
    let mut audience = Audience { first, announcer };
    let hearers = (inboxes.inboxes(), options.meter.clone());
    // A future has room for each of its variables, also for one that has been moved into another.
    let mut conversation =
        Box::new(Conversation::new(options.codec(), options.channels, options.window, hearers));
    let cause = match offline(&mut lanes, &mut conversation, clock, transport).await {
        None => None,
        Some(Err(cause)) => {
            options.meter.tell(|metrics| metrics.connect_failed(cause.class()));
            Some(cause)
        }
        Some(Ok(transport)) => {
            let mut driver = Driver {
                conversation,
                options: &options,
                proofs: Proofs::new(&options, clock),
                transport,
                clock,
                lanes: &mut lanes,
                audience: &mut audience,
                reconnecting: Reconnecting::new(chance::seed(options.identity())),
                attempts: 0,
                began: clock.now(),
                is_ready: false,
                alarm: Alarm::default(),
                stall: Stall::new(options.keep_alive_s()),
                is_replaced: false,
                is_cut_short: false,
            };
            driver.run().await
        }
    };
    match &cause {
        None => info!(name: "closed", "closed"),
        Some(cause) => {
            error!(name: "given_up", %cause, class = %cause.class(), "not to be connected any more")
        }
    }
    // Whoever hears that the device is closed finds it closed.
    drop(lanes);
    drop(inboxes);
    audience.closed(cause);
}

struct Driver<'o, T> {
    options: &'o Options,
    proofs: Proofs<'o>,
    transport: T,
    clock: Clock,
    lanes: &'o mut Lanes,
    conversation: Box<Conversation<'o>>,
    audience: &'o mut Audience,
    reconnecting: Reconnecting,
    /// Attempts to connect that were begun.
    attempts: u64,
    /// When the last one was begun.
    began: Instant,
    /// Whether this connection is known to be ready.
    is_ready: bool,
    alarm: Alarm,
    stall: Stall,
    /// Whether this connection takes the place of another because of its credentials.
    is_replaced: bool,
    /// Whether telemetry that was about to go out is kept up by the socket.
    is_cut_short: bool,
}

/// How a connection, or the attempt to make one, ended.
enum End {
    /// The device is to stop.
    Stopped,
    /// New credentials want a new connection.
    Renewal,
    Failed(ConnectError),
}

/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_secs(2);

impl<T: Transport> Driver<'_, T> {
    /// Returns what cannot be mended, if it was that.
    async fn run(&mut self) -> Option<ConnectError> {
        loop {
            self.is_ready = false;
            self.stall = Stall::new(self.options.keep_alive_s());
            self.attempts += 1;
            let span = spans::connection(self.attempts);
            let end = self.connection().instrument(span).await;
            if self.is_ready {
                self.options.meter.tell(|metrics| metrics.disconnected());
            }
            let now = self.clock.now();
            if !matches!(end, End::Stopped) {
                self.conversation.disconnected(now);
            }
            match end {
                // What is open ends as closed, and not as disconnected: nobody needs to try again.
                End::Stopped => return None,
                End::Renewal => {
                    debug!(name: "replacing", "connecting again with new credentials");
                    self.is_replaced = true;
                    self.reconnecting.replaced(now);
                }
                End::Failed(cause) => {
                    let wait = match self.judge(now, cause) {
                        Ok(wait) => wait,
                        Err(cause) => return Some(cause),
                    };
                    self.lanes.telemetry.hand_back();
                    let wake = Some((now.after(wait), "the next attempt"));
                    // Told to stop, there is nothing to be mended.
                    let Self { lanes, conversation, clock, .. } = self;
                    offline(lanes, conversation, *clock, clock.sleep_until(wake)).await?;
                }
            }
        }
    }

    /// How long to wait before another attempt, which is announced; or that there is to be none.
    fn judge(&mut self, now: Instant, cause: ConnectError) -> Result<Duration, ConnectError> {
        if cause.class() == FailureClass::NotAuthorized {
            self.proofs.refused();
        }
        let class = self.class(&cause);
        let is_lost = self.is_ready;
        let Setback { class, failures, retry_in } =
            self.reconnecting.failed(now, class, &self.options.policy);
        self.is_replaced = false;
        self.options.meter.tell(|metrics| {
            if is_lost { metrics.connection_lost(class) } else { metrics.connect_failed(class) }
        });
        // Whoever calls `connect` decides whether to call it again.
        let Some(retry_in) = retry_in.filter(|_| !self.audience.is_first()) else { return Err(cause) };
        let advice = if class == cause.class() {
            cause.advice(self.options.now(self.clock).timestamp)
        } else {
            class.advice().into()
        };
        warn!(name: "disconnected", %cause, %class, failures, ?retry_in, advice = &*advice, "disconnected");
        let cause = Arc::new(cause);
        let status = ConnectionStatus::Disconnected { cause, class, advice, failures, retry_in };
        self.audience.disconnected(status);
        Ok(retry_in)
    }

    fn class(&self, cause: &ConnectError) -> FailureClass {
        let class = cause.class();
        // A token that was given gets no better; a key or certificate may be accepted when the hub has learned of it.
        if class == FailureClass::NotAuthorized && !self.options.credentials_may_get_better() {
            FailureClass::Rejected
        } else {
            class
        }
    }

    /// Makes one connection and serves it until it ends.
    async fn connection(&mut self) -> End {
        // Before the hub is dialled, which would not wait for somebody else's signature.
        let Self { lanes, conversation, clock, proofs, .. } = self;
        let proven = match offline(lanes, conversation, *clock, Box::pin(proofs.next())).await {
            None => return End::Stopped,
            Some(Err(error)) => return End::Failed(error),
            Some(Ok(proven)) => proven,
        };
        let within = self.options.connect_timeout;
        let began = self.clock.now();
        self.began = began;
        debug!(name: "connecting", "connecting");
        self.options.meter.tell(|metrics| metrics.connecting());
        let Self { lanes, conversation, clock, transport, .. } = self;
        // What dialling takes is given back when it is done.
        let dialled = Box::pin(tokio::time::timeout(within, transport.connect()));
        let mut link = match offline(lanes, conversation, *clock, dialled).await {
            None => return End::Stopped,
            Some(Err(_)) => {
                let waiting_for = transport.stage();
                return End::Failed(ConnectError::TimedOut { after: within, waiting_for });
            }
            Some(Ok(Err(error))) => return End::Failed(error),
            Some(Ok(Ok(stream))) => Link::new(stream),
        };
        let now = self.options.now(self.clock);
        self.conversation.want(self.lanes.wishes.channels());
        if let Err(error) = self.options.introduce(now, began, &proven, &mut self.conversation) {
            return End::Failed(error);
        }
        let end = self.serve(&mut link).await;
        self.count_written(&mut link);
        match end {
            End::Stopped | End::Renewal => {
                let now = self.clock.now();
                if let Err(error) = self.take_answers(now) {
                    return End::Failed(error);
                }
                self.conversation.say_goodbye(now);
            }
            // Behind bytes that nobody takes nothing arrives.
            End::Failed(ConnectError::Peer(_) | ConnectError::Wire(_))
                if !link.take_progress(self.conversation.mqtt()).0 =>
            {
                self.conversation.complain(self.clock.now());
            }
            End::Failed(_) => return end,
        }
        // A hub that does not listen to it notices the end all the same.
        let _ = tokio::time::timeout(FAREWELL, link.finish(self.conversation.mqtt())).await;
        self.count_written(&mut link);
        end
    }

    fn count_written<S: AsyncRead + AsyncWrite + Unpin>(&self, link: &mut Link<S>) {
        let written = link.take_written();
        if written > 0 {
            self.options.meter.tell(|metrics| metrics.bytes_sent(written));
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&mut self, link: &mut Link<S>) -> End {
        loop {
            let now = match self.step(link).await {
                Ok(now) => now,
                Err(error) => return End::Failed(error),
            };
            match self.take_what_waits(now) {
                Ok(Step::Done) => {}
                Ok(Step::Stopped) => return End::Stopped,
                Err(error) => return End::Failed(error),
            }
            let was_full = !self.conversation.takes_answers();
            // Before everything is asked again what it has.
            if let Err(error) = link.write_now(self.conversation.mqtt()).await {
                return End::Failed(ConnectError::Broken(error));
            }
            if was_full && self.conversation.takes_answers() {
                // What has waited behind it was rung for already.
                self.lanes.bell.ring();
            }
            self.count_written(link);
            let (waiting, moved) = link.take_progress(self.conversation.mqtt());
            if let Some(after) = self.stall.observe(now, waiting, moved) {
                return End::Failed(ConnectError::Stalled { after });
            }
            if self.conversation.is_ready() && !self.is_ready {
                self.ready(now);
            }
            if self.conversation.takes_credentials() {
                self.proofs.renew();
            }
            if self.conversation.is_renewal_due(now) {
                return End::Renewal;
            }
        }
    }

    /// Tells that this connection is ready.
    fn ready(&mut self, now: Instant) {
        self.is_ready = true;
        self.reconnecting.ready(now);
        let after = now.since(self.began);
        info!(name: "connected", ?after, "connected");
        self.options.meter.tell(|metrics| metrics.connected(after));
        if core::mem::take(&mut self.is_replaced) {
            self.options.meter.tell(|metrics| metrics.credentials_renewed());
        }
        self.audience.connected();
    }

    /// Waits for one thing to happen, and sees to it. Gives the time when it did.
    async fn step<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        link: &mut Link<S>,
    ) -> Result<Instant, ConnectError> {
        let Self { options, lanes, clock, conversation, proofs, alarm, stall, .. } = self;
        let overdue = lanes.telemetry.earliest();
        let wake =
            earliest([conversation.poll_timeout(), overdue, stall.poll_timeout(), link.poll_timeout()]);
        let now;
        tokio::select! {
            // What must not be kept waiting by a hub that always sends comes before it, or is looked at after every step.
            biased;
            proven = proofs.renewed() => {
                let proven = proven?;
                now = clock.now();
                if conversation.renew(options.now(*clock), &proven)? == Renewing::ByConnecting {
                    proofs.keep(proven);
                }
            }
            turn = link.turn(conversation.mqtt()) => {
                let turn = turn.map_err(ConnectError::Broken)?;
                now = clock.now();
                match turn {
                    Turn::Read(len) => {
                        link.heard(now);
                        conversation.handle_read(now, len)?;
                    }
                    Turn::Written => {}
                    Turn::Ended => return Err(ConnectError::ClosedByHub),
                }
            }
            () = lanes.bell.rung() => now = clock.now(),
            () = alarm.ring(*clock, wake) => now = clock.now(),
        }
        if wake.is_some_and(|at| at <= now) {
            link.handle_timeout(now);
            lanes.telemetry.expire(now);
            conversation.handle_timeout(now)?;
        }
        Ok(now)
    }

    /// Takes everything from the lanes that can be sent, so that it goes out in one write.
    fn take_what_waits(&mut self, now: Instant) -> Result<Step, ConnectError> {
        self.take_answers(now)?;
        let Self { lanes, conversation, is_cut_short, .. } = self;
        let wish = lanes.wishes.take_change();
        if let Some(Wish { channels, is_end: false }) = wish {
            conversation.listen(now, channels)?;
        }
        while conversation.takes_asks()
            && let Ok(ask) = lanes.asks.try_recv()
        {
            conversation.ask(now, *ask)?;
        }
        let is_end = wish.is_some_and(|wish| wish.is_end);
        let goes_on = core::mem::take(is_cut_short);
        if is_end || goes_on || conversation.opens_window(|| lanes.telemetry.waiting()) {
            while conversation.takes_telemetry()
                && let Some(outgoing) = lanes.telemetry.try_recv()
            {
                conversation.send(now, outgoing)?;
            }
            *is_cut_short = !conversation.takes_answers();
        }
        // What was handed over before the end goes out before it.
        Ok(if is_end { Step::Stopped } else { Step::Done })
    }

    fn take_answers(&mut self, now: Instant) -> Result<(), ConnectError> {
        let Self { lanes, conversation, .. } = self;
        while conversation.takes_answers()
            && let Ok(answer) = lanes.answers.try_recv()
        {
            conversation.answer(now, *answer)?;
        }
        Ok(())
    }
}

enum Step {
    Done,
    Stopped,
}

/// Waits for something while there is no connection; `None` when the device is to stop.
///
/// Telemetry and requests stay where they are for the next connection, until their time is over.
async fn offline<T>(
    lanes: &mut Lanes,
    conversation: &mut Conversation<'_>,
    clock: Clock,
    something: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(something);
    loop {
        while let Ok(answer) = lanes.answers.try_recv() {
            answer.done.end(Err(AnswerError::Disconnected));
        }
        // What is wanted besides is looked at with the next connection.
        if lanes.wishes.are_ended() {
            return None;
        }
        let overdue = earliest([lanes.telemetry.earliest(), conversation.earliest_expiry()]);
        let overdue = overdue.map(|at| (at, "a message has waited too long"));
        tokio::select! {
            value = &mut something => return Some(value),
            () = lanes.bell.rung() => {}
            () = clock.sleep_until(overdue) => {
                let now = clock.now();
                lanes.telemetry.expire(now);
                conversation.expire(now);
            }
        }
    }
}

/// Who is told how the device stands.
struct Audience {
    /// Whoever waits for the first connection.
    first: Option<oneshot::Sender<FirstOutcome>>,
    announcer: Announcer,
}

impl Audience {
    fn is_first(&self) -> bool {
        self.first.is_some()
    }

    fn connected(&mut self) {
        self.announcer.connected();
        if let Some(first) = self.first.take() {
            // Who waited may have given up.
            let _ = first.send(Ok(()));
        }
    }

    fn disconnected(&self, status: ConnectionStatus) {
        self.announcer.announce(status);
    }

    fn closed(self, cause: Option<ConnectError>) {
        match (self.first, cause) {
            (Some(first), Some(cause)) => drop(first.send(Err(cause))),
            // Whoever waited for the first connection has given up.
            (Some(_), None) => {}
            (None, cause) => {
                self.announcer.announce(ConnectionStatus::Closed { cause: cause.map(Arc::new) });
            }
        }
    }
}

#[cfg(test)]
mod tests;
