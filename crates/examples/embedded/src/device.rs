use core::time::Duration;

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use iothub_codec::{
    Channels, Codec, Dialect, Identity, Introduction, Proof, Signer, Terms, Text, TokenRequest,
};
use iothub_proto::{Backoff, DeviceSession, Hello, Instant, Now, Seed, Session, Timestamp};

use crate::board::{Application, Board, Network};
use crate::conversation::{Conversation, End, Scratch, Tasks};
use crate::fault::Fault;
use crate::inbox::{Inbox, Incoming};
use crate::kept::Kept;
use crate::outbox::Outbox;
use crate::pings::Pings;

/// Which device this is, at which hub.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The hub's name, without a port.
    pub host: &'a str,
    /// The name of the device.
    pub identity: Identity<'a>,
    /// How it speaks to the hub: one of the dialects over MQTT 3.1.1. Of what `iothub-codec` is built without there is no
    /// code in the device either.
    pub dialect: Dialect,
    /// How often it measures.
    pub measure_every: Duration,
}

/// A device with all that it remembers and every buffer that it uses: there is no other memory, but for the stack.
pub struct Device<'a, S> {
    about: About<'a>,
    /// Holds the key: software, or a chip.
    signer: S,
    session: DeviceSession<'a, REQUESTS>,
    tasks: Tasks,
    inbox: [u8; INBOX],
    kept: Kept<KEPT>,
    scratch: Scratch,
}

/// Requests that await an answer at a time: this device only ever reports.
pub(crate) const REQUESTS: usize = 1;
/// The longest packet that the hub sends, which is the one with the twin, or the longest message of the back end.
const INBOX: usize = 4096;
/// The longest packet with telemetry.
pub(crate) const KEPT: usize = Scratch::TEXT + Scratch::TOPIC + 9;
/// How long a token is good for. The session asks for a new one when four fifths of that are over.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
/// How long connecting may take, from CONNECT to the answer to SUBSCRIBE.
const READY_WITHIN: Duration = Duration::from_secs(30);

impl<'a, S: Signer> Device<'a, S> {
    /// A device that is offline.
    pub const fn new(about: About<'a>, signer: S) -> Self {
        let codec = Codec::new(about.dialect, about.identity);
        let channels = Channels::METHODS.union(Channels::COMMANDS).union(Channels::DESIRED);
        Self {
            about,
            signer,
            session: DeviceSession::new(codec, channels),
            tasks: Tasks::new(),
            inbox: [0; INBOX],
            kept: Kept::new(),
            scratch: Scratch::new(),
        }
    }

    /// Connects, does its work, and connects again, for ever.
    pub async fn run(
        &mut self,
        board: &impl Board,
        network: &mut impl Network,
        application: &mut impl Application,
    ) -> ! {
        let mut seed = Seed::new(board.chance());
        let mut failures = 0;
        loop {
            let end = match network.connect().await {
                Ok((reader, writer)) => self.converse(reader, writer, board, application).await,
                Err(fault) => Err(fault),
            };
            failures = if self.tasks.end_connection() { 0 } else { failures + 1 };
            self.session.handle_disconnect();
            while let Some(event) = self.session.handle_timeout(board.now()) {
                self.tasks.note(&event);
            }
            // New credentials are no failure; anything else is given time to pass.
            if let Err(fault) = end {
                board.disconnected(&fault);
                let pause = Backoff::DEFAULT.delay(failures, &mut seed);
                board.sleep_until(board.now().after(pause)).await;
            }
        }
    }

    /// One connection, until it ends.
    async fn converse<R: Read, W: Write>(
        &mut self,
        reader: R,
        writer: W,
        board: &impl Board,
        application: &mut impl Application,
    ) -> Result<End, Fault> {
        let mut outbox = Outbox::new(writer, &mut self.kept);
        let now = Now { instant: board.now(), timestamp: board.date() };
        let hello = (&self.about, &self.signer, Seed::new(board.chance()));
        introduce(hello, now, &mut self.session, &mut self.scratch, &mut outbox).await?;

        let mut inbox = Inbox::new(reader, &mut self.inbox);
        let mut pings = Pings::new(now.instant);
        let ready_by = now.instant.after(READY_WITHIN);
        let mut conversation = Conversation {
            session: &mut self.session,
            outbox,
            tasks: &mut self.tasks,
            scratch: &mut self.scratch,
            application,
            measure_every: self.about.measure_every,
        };
        loop {
            conversation.say_what_is_due(board.now()).await?;
            let wake = earliest([
                conversation.poll_timeout(),
                (!conversation.session.is_ready()).then_some(ready_by),
                Some(pings.next()),
            ]);
            if let Either::First(incoming) = select(inbox.receive(), board.sleep_until(wake)).await {
                match incoming? {
                    Incoming::Packet(packet) => conversation.handle_packet(board.now(), &packet).await?,
                    Incoming::Pong => pings.answered(),
                }
            }
            let now = board.now();
            if !conversation.session.is_ready() && ready_by <= now {
                return Err(Fault::Silent);
            }
            if pings.is_due(now)? {
                conversation.outbox.ping().await?;
            }
            if let Some(end) = conversation.handle_timeout(now).await? {
                return Ok(end);
            }
        }
    }
}

/// Says who connects, and proves it.
async fn introduce<S: Signer, W: Write>(
    (about, signer, seed): (&About<'_>, &S, Seed),
    now: Now,
    session: &mut DeviceSession<'_, REQUESTS>,
    scratch: &mut Scratch,
    outbox: &mut Outbox<'_, W, KEPT>,
) -> Result<(), Fault> {
    let valid_until = now.timestamp.after(TOKEN_LIFETIME);
    let hello = Hello {
        introduction: Introduction { host: about.host, client_agent: None, model_id: None },
        proof: prove((about, signer), now.timestamp, valid_until, &mut scratch.text)?,
        valid_until: Some(valid_until),
        session: Session::Resume,
        keep_alive_s: Pings::KEEP_ALIVE_S,
        will: None,
        packet_len_max: None,
        seed,
    };
    let packet = session.connect(now, &hello, &mut scratch.topic)?;
    outbox.send(&packet).await
}

/// A token in the classic dialect, otherwise a signature over what CONNECT says.
fn prove<'t, S: Signer>(
    (about, signer): (&About<'_>, &S),
    now: Timestamp,
    valid_until: Timestamp,
    scratch: &'t mut [u8],
) -> Result<Proof<'t>, Fault> {
    let About { host, identity, dialect, .. } = *about;
    if dialect == Dialect::Classic {
        let expiry_s = valid_until.as_secs();
        let request = TokenRequest { host, identity: Some(identity), expiry_s, policy: None };
        let token = request.sign(signer, scratch).map_err(|_| Fault::Unsigned)?;
        return Ok(Proof::Token(token));
    }
    let terms = Terms { expiry_ms: valid_until.as_millis(), at_ms: Some(now.as_millis()), policy: None };
    let signature = terms.sign(Text::plain(host), identity, signer, scratch).map_err(|_| Fault::Unsigned)?;
    Ok(Proof::Signature(signature))
}

fn earliest(times: [Option<Instant>; 3]) -> Instant {
    times.into_iter().flatten().min().unwrap_or_default()
}
