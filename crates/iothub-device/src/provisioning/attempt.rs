//! One connection to the service, for as long as it lasts.

use core::time::Duration;

use iothub_codec::{Ack, Proof};
use iothub_model::Refusal;
use iothub_mqtt::Client;
use iothub_proto::{Instant, Limits, Packet, RegisteringEvent, RegistrationSession};

use super::error::ProvisioningError;
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::connect_stage::ConnectStage;
use crate::link::{Link, Turn};
use crate::options::Options;
use crate::transport::Transport;

/// What holds for each connection.
pub(super) struct Terms {
    connect_timeout: Duration,
    keep_alive_s: u16,
    agent: String,
}

impl Terms {
    pub(super) fn of(options: &Options) -> Self {
        let keep_alive_s = Options::KEEP_ALIVE_S;
        let agent = concat!("iothub-device/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { connect_timeout: options.connect_timeout, keep_alive_s, agent }
    }
}

/// Connects, and goes on until the registration has come to an end or the connection has: the document that says how.
pub(super) async fn attempt<T: Transport>(
    transport: &T,
    terms: &Terms,
    session: &mut RegistrationSession<'_>,
    (proof, clock): (Proof<'_>, Clock),
    last: &mut Option<ProvisioningError>,
) -> Result<Vec<u8>, ProvisioningError> {
    let after = terms.connect_timeout;
    let late = |_| {
        let waiting_for = transport.stage();
        ProvisioningError::Connect(ConnectError::TimedOut { after, waiting_for })
    };
    let until = tokio::time::Instant::from_std(clock.on_runtime(clock.now().after(after)).into_std());
    let stream = tokio::time::timeout_at(until, transport.connect()).await.map_err(late)?;
    let stream = stream.map_err(ProvisioningError::Connect)?;
    let mut talk = Talk { link: Link::new(stream), mqtt: Client::new(Limits::CLASSIC), clock, until, after };
    let mut out = vec![0; OUT_LEN];
    let packet = session
        .connect(Some(&terms.agent), proof, terms.keep_alive_s, &mut out)
        .map_err(|error| ProvisioningError::Connect(ConnectError::Unwritable(error)))?;
    talk.mqtt.send(clock.now(), &packet).map_err(|error| broken(error.into()))?;
    let end = talk.converse(session, &mut out, last).await?;
    talk.part(session, &mut out).await;
    end
}

struct Talk<S> {
    link: Link<S>,
    mqtt: Client,
    clock: Clock,
    /// By when the service must have said whether the device is let in.
    until: tokio::time::Instant,
    after: Duration,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Talk<S> {
    async fn converse(
        &mut self,
        session: &mut RegistrationSession<'_>,
        out: &mut [u8],
        last: &mut Option<ProvisioningError>,
    ) -> Result<End, ProvisioningError> {
        let mut is_let_in = false;
        loop {
            let now = self.clock.now();
            while let Some(packet) = session
                .poll_transmit(now, out)
                .map_err(|error| ProvisioningError::Connect(ConnectError::Unwritable(error)))?
            {
                is_let_in = true;
                self.mqtt.send(now, &packet).map_err(|error| broken(error.into()))?;
            }
            let wake = [session.poll_timeout(), self.mqtt.poll_timeout()].into_iter().flatten();
            let wake = wake.min_by_key(|(at, _)| *at);
            let (after, waiting_for) = (self.after, ConnectStage::Admission);
            tokio::select! {
                turn = self.link.turn(&mut self.mqtt) => match turn.map_err(|error| broken(ConnectError::Broken(error)))? {
                    Turn::Read(len) => {
                        self.mqtt.handle_read(self.clock.now(), len);
                        if let Some(end) = self.take_in(session, last)? {
                            return Ok(end);
                        }
                    }
                    Turn::Written => {}
                    Turn::Ended => return Err(broken(ConnectError::ClosedByHub)),
                },
                () = self.clock.sleep_until(wake) => self.pass(self.clock.now(), session)?,
                () = tokio::time::sleep_until(self.until), if !is_let_in => {
                    return Err(broken(ConnectError::TimedOut { after, waiting_for }));
                }
            }
        }
    }

    fn take_in(
        &mut self,
        session: &mut RegistrationSession<'_>,
        last: &mut Option<ProvisioningError>,
    ) -> Result<Option<End>, ProvisioningError> {
        let now = self.clock.now();
        while let Some(packet) = self.mqtt.poll_packet().map_err(|error| broken(error.into()))? {
            let event = session.handle_packet(now, &packet).map_err(|error| broken(error.into()))?;
            match event {
                None | Some(RegisteringEvent::Pending) => {}
                Some(RegisteringEvent::Done { document }) => return Ok(Some(Ok(document.to_vec()))),
                Some(RegisteringEvent::ConnectRefused { reason }) => {
                    return Err(ProvisioningError::NotLetIn { reason });
                }
                Some(RegisteringEvent::Refused { code, document }) => {
                    let refusal = Refusal::read(None, document);
                    return Ok(Some(Err(ProvisioningError::Refused { status: code, refusal })));
                }
                Some(RegisteringEvent::Hindered { code, document }) => {
                    let refusal = Refusal::read(None, document);
                    *last = Some(ProvisioningError::Hindered { status: code, refusal });
                }
                Some(RegisteringEvent::TimedOut) => return Err(ProvisioningError::Silent),
            }
        }
        Ok(None)
    }

    fn pass(&mut self, now: Instant, session: &mut RegistrationSession<'_>) -> Result<(), ProvisioningError> {
        self.mqtt.handle_timeout(now).map_err(|error| broken(error.into()))?;
        match session.handle_timeout(now) {
            None => Ok(()),
            Some(_) => Err(ProvisioningError::Silent),
        }
    }

    /// Acknowledges the last answer and says goodbye, but waits for nobody who does not listen.
    async fn part(&mut self, session: &mut RegistrationSession<'_>, out: &mut [u8]) {
        let now = self.clock.now();
        // What cannot be sent any longer would change nothing.
        if let Ok(Some(packet)) = session.poll_transmit(now, out) {
            let _ = self.mqtt.send(now, &packet);
        }
        if self.mqtt.send(now, &Packet::Disconnect(Ack::SUCCESS)).is_ok() {
            let _ = tokio::time::timeout(PARTING, self.link.finish(&mut self.mqtt)).await;
        }
    }
}

/// How a registration has come to an end: the document that says so, or a refusal.
type End = Result<Vec<u8>, ProvisioningError>;

const fn broken(error: ConnectError) -> ProvisioningError {
    ProvisioningError::Connect(error)
}

/// Room for a packet but its payload: names have 128 bytes, and a token as much as its resource and some more.
const OUT_LEN: usize = 4096;
/// How long a goodbye may take.
const PARTING: Duration = Duration::from_secs(2);
