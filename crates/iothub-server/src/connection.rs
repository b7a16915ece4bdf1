use core::time::Duration;
use std::io;
use std::sync::Arc;

use iothub_codec::Ack;
use iothub_hub::{ConnectionId, Input, Level, PacketBuf, Peer};
use iothub_mqtt::{WireError, WriteError};
use iothub_proto::{Instant, Packet};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::carrier::Batch;
use crate::driver::Driver;
use crate::outbox::{Ending, Outbox};
use crate::pipe::{Pipe, Progress};
use crate::shared::Shared;
use crate::stranger::Stranger;

/// Serves one device until its connection ends. Its CONNECT has to come before `greeting_due`; a stranger it is until
/// that is accepted.
pub(crate) async fn serve<S>(stream: S, peer: Peer, guest: (Stranger, Instant), shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match &shared.premises().interposer {
        None => serve_over(stream, peer, guest, shared).await,
        Some(interposer) => serve_over(interposer.interpose(Box::new(stream)), peer, guest, shared).await,
    }
}

async fn serve_over<S>(stream: S, peer: Peer, (stranger, greeting_due): (Stranger, Instant), shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let attached = Attached::new(peer, shared);
    let mut connection = Connection {
        pipe: Pipe::new(stream),
        attached,
        stranger: Some(stranger),
        greeting_due: Some(greeting_due),
        caused: Batch::default(),
        shared,
    };
    let end = tokio::select! {
        end = connection.converse() => end,
        () = shared.stopping() => End::Stopping,
    };
    if let End::Stopping = end {
        connection.finish().await;
    }
    let Connection { mut pipe, mut attached, .. } = connection;
    if let Some(reason_code) = end.reason_code() {
        let why = Packet::Disconnect(Ack { reason_code, ..Ack::SUCCESS });
        // Only MQTT 5 has a way to say it, and only to a device that is let in.
        let _ = pipe.send(shared.driver.clock().now().instant, &why);
    }
    attached.why = end.to_string();
    attached.level = end.level();
    drop(attached);
    if end.has_last_words() {
        part(&mut pipe, shared).await;
    }
}

/// Closes the connection in order, as far as the peer does its part.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(pipe: &mut Pipe<S>, shared: &Shared) {
    let hurry = async {
        shared.stopping().await;
        tokio::time::sleep(STOPPING).await;
    };
    tokio::select! {
        // It may fail: the peer has its own reasons not to take notice.
        _ = pipe.close() => {}
        () = tokio::time::sleep(PARTING) => {}
        () = hurry => {}
    }
}

struct Connection<'a, S> {
    pipe: Pipe<S>,
    attached: Attached<'a>,
    /// Until it is let in.
    stranger: Option<Stranger>,
    /// Until CONNECT has come.
    greeting_due: Option<Instant>,
    /// With which the effects of what the hub was given last are carried out.
    caused: Batch,
    shared: &'a Shared,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn converse(&mut self) -> End {
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// What the device has sent is answered before it is told that the hub stops, if that does not take long.
    async fn finish(&mut self) {
        let carried_out = self.shared.driver.carrier().has_room(self.caused);
        let in_time = tokio::time::timeout(FINISHING, carried_out).await;
        if in_time.is_ok() {
            // Whatever ends the connection now, it ends anyway.
            let _ = self.fill();
        }
    }

    async fn step(&mut self) -> Result<(), End> {
        self.fill()?;
        let clock = self.shared.driver.clock();
        let due = self.pipe.mqtt.poll_timeout().map(|(due, _)| due).or(self.greeting_due);
        tokio::select! {
            progress = self.pipe.progress(clock) => match progress? {
                Progress::Read => {
                    let carrier = self.shared.driver.carrier();
                    // Answers that the journal holds up must not pile up: the device does read them.
                    carrier.has_room(self.caused).await;
                    let taken = self.take_in();
                    self.caused = carrier.last_batch();
                    taken
                }
                Progress::Written => Ok(()),
                Progress::Ended => Err(End::Peer),
            },
            () = self.attached.outbox.changed() => Ok(()),
            () = clock.reaches(due) => self.timeout(clock.now().instant),
        }
    }

    /// Moves what the hub has to say to where it is written from.
    fn fill(&mut self) -> Result<(), End> {
        let now = self.shared.driver.clock().now().instant;
        while !self.pipe.is_backlogged() {
            match self.attached.outbox.pop() {
                Ok(Some(packet)) => match self.pipe.send(now, &packet.as_packet()) {
                    Ok(()) if matches!(packet, PacketBuf::Connected(..)) => self.stranger = None,
                    Ok(()) => {}
                    // The device has said goodbye while this was on its way.
                    Err(WriteError::OutOfPlace { packet }) => tracing::debug!(%packet, "not sent any longer"),
                    Err(error) => return Err(End::Write(error)),
                },
                Ok(None) => break,
                Err(ending) => return Err(End::Hub(ending)),
            }
        }
        Ok(())
    }

    /// Gives the hub packets that have arrived, as many in one go as it may answer in one.
    fn take_in(&mut self) -> Result<(), End> {
        let connection = self.attached.id;
        let mut hub = None;
        for _ in 0..PACKETS_MAX {
            let Some(packet) = self.pipe.poll_packet().map_err(End::Wire)? else { break };
            self.greeting_due = None;
            let hub = match &mut hub {
                Some(hub) => hub,
                None => hub.insert(self.shared.driver.enter().map_err(|_| End::Hub(Ending::Failed))?),
            };
            hub.handle(Input::Packet { connection, packet: &packet });
        }
        Ok(())
    }

    fn timeout(&mut self, now: Instant) -> Result<(), End> {
        self.pipe.mqtt.handle_timeout(now).map_err(End::Wire)?;
        if self.greeting_due.is_some_and(|due| due <= now) { Err(End::NoGreeting) } else { Ok(()) }
    }
}

/// A connection that the hub knows of, and is told about the end of once, whatever happens.
struct Attached<'a> {
    id: ConnectionId,
    outbox: Arc<Outbox>,
    driver: &'a Driver,
    why: String,
    level: Level,
}

impl<'a> Attached<'a> {
    fn new(peer: Peer, shared: &'a Shared) -> Self {
        let driver = &shared.driver;
        let limits = &shared.limits;
        let outbox = Arc::new(Outbox::new(limits.outbox_packets, limits.outbox_bytes));
        let id = driver.connection_id();
        driver.metrics().connections.inc();
        driver.carrier().connect(id, Arc::clone(&outbox));
        match driver.enter() {
            Ok(mut hub) => hub.handle(Input::Opened { connection: id, peer }),
            Err(_) => outbox.end(Ending::Failed),
        }
        Self { id, outbox, driver, why: "its task has ended".into(), level: Level::Warn }
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        if let Ok(mut hub) = self.driver.enter() {
            hub.handle(Input::Closed { connection: self.id, why: &self.why, level: self.level });
        }
        self.driver.carrier().disconnect(self.id);
        self.driver.metrics().connections.dec();
    }
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("closed by the device")]
    Peer,
    #[error("{}", loss(.0))]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wire(WireError),
    #[error("cannot be told: {0}")]
    Write(WriteError),
    #[error("{}", match .0 {
        Ending::Closed => "closed by the hub",
        Ending::Overflow => "too much waits for a device that does not read",
        Ending::Failed => "the hub cannot go on",
    })]
    Hub(Ending),
    #[error("no CONNECT in time")]
    NoGreeting,
    #[error("the hub stops")]
    Stopping,
}

impl End {
    /// What a device has done wrong is to be seen by whoever looks for that only.
    fn level(&self) -> Level {
        match self {
            Self::Wire(_)
            | Self::Write(_)
            | Self::NoGreeting
            | Self::Hub(Ending::Overflow | Ending::Failed) => Level::Warn,
            Self::Io(error) if is_its_fault(error) => Level::Warn,
            Self::Peer | Self::Io(_) | Self::Stopping | Self::Hub(Ending::Closed) => Level::Info,
        }
    }

    /// With which MQTT 5 says it, as far as that is not said elsewhere.
    fn reason_code(&self) -> Option<u8> {
        match self {
            Self::Stopping => Some(SERVER_SHUTTING_DOWN),
            Self::Hub(Ending::Overflow) => Some(QUOTA_EXCEEDED),
            Self::Peer
            | Self::Io(_)
            | Self::Wire(_)
            | Self::Write(_)
            | Self::NoGreeting
            | Self::Hub(Ending::Closed | Ending::Failed) => None,
        }
    }

    /// Whether there is a point in saying what is left to say.
    fn has_last_words(&self) -> bool {
        match self {
            Self::Peer
            | Self::Wire(_)
            | Self::NoGreeting
            | Self::Stopping
            // It reads slowly, and that may still be soon enough to read why.
            | Self::Hub(Ending::Closed | Ending::Overflow) => true,
            Self::Io(_) | Self::Write(_) | Self::Hub(Ending::Failed) => false,
        }
    }
}

/// Whether it broke the rules of what is below MQTT, or does not read, rather than being gone.
fn is_its_fault(error: &io::Error) -> bool {
    // What the system says is about the way between.
    error.raw_os_error().is_none()
        && matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::TimedOut)
}

fn loss(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        // TLS peers should announce the end, and devices that lose power or patience do not.
        return "connection lost".into();
    }
    error.to_string()
}

/// MQTT 5's reason codes.
const SERVER_SHUTTING_DOWN: u8 = 0x8B;
const QUOTA_EXCEEDED: u8 = 0x97;
/// Most packets of a device that are taken in at once: the answers wait for the device together.
const PACKETS_MAX: usize = 64;
/// How long the peer of a closed connection may take to read the last words.
const PARTING: Duration = Duration::from_secs(5);
/// How long a device waits for answers when the hub stops.
const FINISHING: Duration = Duration::from_secs(1);
/// The same from when the hub stops, which waits for it.
const STOPPING: Duration = Duration::from_millis(200);
