use core::time::Duration;

use embedded_io_async::Write;
use iothub_codec::{Qos, Telemetry};
use iothub_proto::{DeviceEvent, DeviceSession, Instant, Packet, Verdict};

use crate::board::Application;
use crate::device::{KEPT, REQUESTS};
use crate::fault::Fault;
use crate::outbox::Outbox;

/// What is said over one connection: the session's part, and the application's.
pub(crate) struct Conversation<'c, 'd, W, A> {
    pub(crate) session: &'c mut DeviceSession<'d, REQUESTS>,
    pub(crate) outbox: Outbox<'c, W, KEPT>,
    pub(crate) tasks: &'c mut Tasks,
    pub(crate) scratch: &'c mut Scratch,
    pub(crate) application: &'c mut A,
    pub(crate) measure_every: Duration,
}

/// Where packets are written: it is used for one at a time.
pub(crate) struct Scratch {
    /// Payloads; before that, the token.
    pub(crate) text: [u8; Self::TEXT],
    /// Topics; before that, the user name and the client identifier.
    pub(crate) topic: [u8; Self::TOPIC],
}

/// Why a connection ends without a fault.
pub(crate) enum End {
    /// To be replaced by one with new credentials.
    Renewal,
}

/// What the device is about to do, over this connection or the next.
pub(crate) struct Tasks {
    measure_at: Instant,
    must_report: bool,
    /// Whether this connection was of any use.
    was_ready: bool,
}

/// How long the hub may take to answer a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

impl<W: Write, A: Application> Conversation<'_, '_, W, A> {
    /// Sends what the session owes the hub, then what the application has to say.
    pub(crate) async fn say_what_is_due(&mut self, now: Instant) -> Result<(), Fault> {
        let Self { session, outbox, tasks, scratch, application, .. } = self;
        while let Some(packet) = session.poll_transmit(&mut scratch.topic)? {
            outbox.send(&packet).await?;
        }
        if !session.is_ready() {
            return Ok(());
        }
        if tasks.must_report {
            let patch = application.report();
            let (_, packet) = session.report(now, ANSWER_WITHIN, patch, None, &mut scratch.topic)?;
            outbox.send(&packet).await?;
            tasks.must_report = false;
        }
        // Asked for only when it can be kept: a message that the session has named must be sent.
        if tasks.measure_at <= now && outbox.takes_telemetry() {
            let len = application.measure(&mut scratch.text);
            let payload = scratch.text.get(..len).unwrap_or_default();
            let telemetry = Telemetry { payload, qos: Qos::AtLeastOnce, ..Telemetry::default() };
            let (_, packet) = session.send_telemetry(&telemetry, &mut scratch.topic)?;
            outbox.send(&packet).await?;
            tasks.measure_at = now.after(self.measure_every);
        }
        Ok(())
    }

    /// Takes in a packet, and does what it says.
    pub(crate) async fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Fault> {
        match self.session.handle_packet(now, packet)? {
            Some(event) => self.handle_event(&event).await,
            None => Ok(()),
        }
    }

    /// Does what time brings.
    pub(crate) async fn handle_timeout(&mut self, now: Instant) -> Result<Option<End>, Fault> {
        while let Some(event) = self.session.handle_timeout(now) {
            if event == DeviceEvent::RenewSoon {
                self.outbox.send(&Packet::Disconnect(iothub_codec::Ack::SUCCESS)).await?;
                return Ok(Some(End::Renewal));
            }
            self.handle_event(&event).await?;
        }
        Ok(None)
    }

    /// When something is due of which this knows.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let measures = self.session.is_ready() && self.outbox.takes_telemetry();
        let session = self.session.poll_timeout().map(|(at, _)| at);
        [session, measures.then_some(self.tasks.measure_at)].into_iter().flatten().min()
    }

    async fn handle_event(&mut self, event: &DeviceEvent<'_>) -> Result<(), Fault> {
        let Self { session, outbox, tasks, scratch, application, .. } = self;
        tasks.note(event);
        match event {
            DeviceEvent::Ready | DeviceEvent::SubscribeRefused { .. } => outbox.repeat().await?,
            DeviceEvent::ConnectRefused { reason, .. } => return Err(Fault::Refused(*reason)),
            DeviceEvent::Sent { token } => outbox.forget(*token),
            DeviceEvent::Method(call) => {
                let (code, len) = application.method(call.name, call.payload, &mut scratch.text);
                let answer = scratch.text.get(..len).unwrap_or_default();
                let packet = session.reply(call.request, call.name, code, answer, &mut scratch.topic)?;
                outbox.send(&packet).await?;
            }
            DeviceEvent::Command { command, ack } => {
                application.command(command.payload);
                if let Some(token) = ack {
                    let packet = session.settle(*token, Verdict::Complete, &mut scratch.topic)?;
                    outbox.send(&packet).await?;
                }
            }
            DeviceEvent::DesiredCurrent { desired, .. } => application.desired(desired),
            DeviceEvent::DesiredChanged(change) => application.desired_change(change.patch),
            // Outcomes of the report, which the tasks have noted.
            DeviceEvent::Reported { .. }
            | DeviceEvent::Refused { .. }
            | DeviceEvent::TimedOut { .. }
            | DeviceEvent::Lost { .. }
            // The session asks for the twin by itself, and says when it has come.
            | DeviceEvent::DesiredMissed { .. }
            | DeviceEvent::DesiredUnavailable { .. }
            // Nothing that this device asks for, or MQTT 3.1.1 can say, leads to these.
            | DeviceEvent::Twin { .. }
            | DeviceEvent::NotModified { .. }
            | DeviceEvent::Input { .. }
            | DeviceEvent::SendRefused { .. }
            | DeviceEvent::Disconnected { .. }
            | DeviceEvent::Renewed
            | DeviceEvent::NotRenewed
            // It only comes from the clock, and there it ends the connection.
            | DeviceEvent::RenewSoon => {}
        }
        Ok(())
    }
}

impl Tasks {
    pub(crate) const fn new() -> Self {
        Self { measure_at: Instant::from_millis(0), must_report: true, was_ready: false }
    }

    /// What an event means for what is to be done later.
    pub(crate) fn note(&mut self, event: &DeviceEvent<'_>) {
        if let DeviceEvent::Ready | DeviceEvent::SubscribeRefused { .. } = event {
            self.was_ready = true;
        }
        // What was reported may or may not have arrived; to say it twice does no harm.
        if let DeviceEvent::TimedOut { .. } | DeviceEvent::Lost { .. } = event {
            self.must_report = true;
        }
    }

    /// Whether the connection that has ended had been ready.
    pub(crate) fn end_connection(&mut self) -> bool {
        core::mem::take(&mut self.was_ready)
    }
}

impl Scratch {
    /// A token of this example's is a little over 200 bytes long; with the longest names it would be 800.
    pub(crate) const TEXT: usize = 512;
    pub(crate) const TOPIC: usize = 256;

    pub(crate) const fn new() -> Self {
        Self { text: [0; Self::TEXT], topic: [0; Self::TOPIC] }
    }
}
