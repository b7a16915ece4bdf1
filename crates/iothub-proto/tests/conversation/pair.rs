//! Two ends and a link between them, with an application at each that does what the tests need.
//!
//! The pair also is what a session relies on: the transport that repeats QoS 1 messages, and the hub's memory of
//! subscriptions and queued commands. What must always hold is asserted in here, whatever a test is about.

use core::time::Duration;
use std::collections::BTreeMap;

use iothub_codec::{
    Channels, Codec, DesiredChanged, DeviceId, Dialect, Identity, Introduction, Proof, Qos, Signature,
    Telemetry, Terms,
};
use iothub_proto::{
    AckToken, DeviceSession, Hello, HubSession, Instant, Now, Seed, SendError, Session, Subscriptions,
    Ticket, Timestamp, Verdict,
};

use crate::hub_end::Queued;
use crate::link::{End, Link, Weather};
use crate::parcel::Parcel;

pub(crate) const REQUESTS: usize = 4;
pub(crate) const CALLS: usize = 3;
pub(crate) const ALL: Channels =
    Channels::COMMANDS.union(Channels::METHODS).union(Channels::REPLIES).union(Channels::DESIRED);
/// When the civil clock of the tests begins.
const EPOCH: Timestamp = Timestamp::from_secs(1_900_000_000);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn identity() -> Identity<'static> {
    Identity::device(DeviceId::new("pump-7").unwrap())
}

pub(crate) fn codec(dialect: Dialect) -> Codec<'static> {
    Codec::new(dialect, identity())
}

/// Whether nobody need be asked for that channel.
pub(crate) fn is_open(dialect: Dialect, channel: Channels) -> bool {
    codec(dialect).filters(channel, &mut []).is_ok_and(iothub_codec::Filters::is_empty)
}

/// A method call: the number of the hub's connection, and the ticket on it.
pub(crate) type Call = (u32, Ticket);

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Answered,
    Refused,
    TimedOut,
    Lost,
}

#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) dialect: Dialect,
    pub(crate) now: Instant,
    pub(crate) device: DeviceSession<'static, REQUESTS>,
    /// There while the hub has a connection.
    pub(crate) hub: Option<HubSession<CALLS>>,
    pub(crate) requests: BTreeMap<Ticket, Vec<Ending>>,
    pub(crate) calls: BTreeMap<Call, Vec<Ending>>,
    pub(crate) commands: Vec<Queued>,
    /// Which telemetry messages the hub has, how often; and which the device knows to have arrived.
    pub(crate) arrived: BTreeMap<u32, u32>,
    pub(crate) acknowledged: BTreeMap<u32, u32>,
    /// Which commands the device has seen, how often.
    pub(crate) seen: BTreeMap<u32, u32>,
    pub(crate) late_answers: u32,
    /// The version of the desired properties at the hub.
    pub(crate) desired: u64,
    /// What the device was told of it: the version that it knows now, and the newest that it knew ever.
    pub(crate) known: Option<u64>,
    pub(crate) newest_known: u64,
    /// How often it was told of a change, of a gap, and of everything at once.
    pub(crate) changes: u32,
    pub(crate) gaps: u32,
    pub(crate) refreshes: u32,
    /// How many SUBSCRIBE packets have reached the hub.
    pub(crate) subscribes: u32,
    /// The connections of the hub so far.
    pub(crate) connections: u32,
    pub(crate) renewals: u32,
    /// How long credentials are valid; for ever without.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) session: Session,
    /// Whether the device completes commands as they come.
    pub(crate) completes: bool,
    /// Whether it wants each command once more before.
    pub(crate) abandons: bool,
    /// Whether the device answers methods.
    pub(crate) answers: bool,
    pub(crate) uncompleted: Vec<AckToken>,
    /// The channels that the device was made or told to want.
    pub(crate) wanted: Channels,
    link: Link,
    /// The subscriptions that outlive connections.
    pub(crate) kept: Option<Subscriptions>,
    pub(crate) valid_until: Option<Timestamp>,
    /// What the transport repeats: number and packet.
    pub(crate) repeats: BTreeMap<AckToken, (u32, Parcel)>,
    pub(crate) reconnect_at: Option<Instant>,
    log: Vec<String>,
}

impl Pair {
    /// Both ends, about to connect.
    pub(crate) fn new(dialect: Dialect, weather: Weather, wanted: Channels) -> Self {
        Self {
            dialect,
            now: Instant::default(),
            device: DeviceSession::new(codec(dialect), wanted),
            hub: None,
            requests: BTreeMap::new(),
            calls: BTreeMap::new(),
            commands: Vec::new(),
            arrived: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            seen: BTreeMap::new(),
            late_answers: 0,
            desired: 1,
            known: None,
            newest_known: 0,
            changes: 0,
            gaps: 0,
            refreshes: 0,
            subscribes: 0,
            connections: 0,
            renewals: 0,
            lifetime: None,
            session: Session::Resume,
            completes: true,
            abandons: false,
            answers: true,
            uncompleted: Vec::new(),
            wanted,
            link: Link::new(weather),
            kept: None,
            valid_until: None,
            repeats: BTreeMap::new(),
            reconnect_at: Some(Instant::default()),
            log: vec![format!("{dialect:?}")],
        }
    }

    /// Both ends, ready.
    pub(crate) fn connected(dialect: Dialect, weather: Weather) -> Self {
        let mut pair = Self::new(dialect, weather, ALL);
        while !pair.device.is_ready() {
            assert!(pair.step(), "there is a way to be ready\n{}", pair.log());
        }
        pair
    }

    /// The device is another program from now on, which knows nothing of the one before.
    pub(crate) fn reboot_device(&mut self, wanted: Channels) {
        self.cut();
        self.wanted = wanted;
        self.device = DeviceSession::new(codec(self.dialect), wanted);
        self.repeats.clear();
    }

    pub(crate) fn want(&mut self, channels: Channels) {
        self.wanted = self.wanted.union(channels);
        self.device.want(channels);
        self.device_transmits();
    }

    pub(crate) fn get_twin(&mut self, timeout: Duration) -> Result<Ticket, SendError> {
        let mut out = [0; 256];
        let (ticket, packet) = self.device.get_twin(self.now, timeout, &mut out)?;
        self.asked(ticket, Parcel::new(&packet));
        Ok(ticket)
    }

    pub(crate) fn report(&mut self, timeout: Duration) -> Result<Ticket, SendError> {
        let mut out = [0; 256];
        let (ticket, packet) = self.device.report(self.now, timeout, b"{}", None, &mut out)?;
        self.asked(ticket, Parcel::new(&packet));
        Ok(ticket)
    }

    /// Sends the telemetry message of that number.
    pub(crate) fn send(&mut self, number: u32, qos: Qos) -> Result<Option<AckToken>, SendError> {
        let mut out = [0; 256];
        let payload = number.to_be_bytes();
        let telemetry = Telemetry { payload: &payload, qos, ..Telemetry::default() };
        let (token, packet) = self.device.send_telemetry(&telemetry, &mut out)?;
        let parcel = Parcel::new(&packet);
        if let Some(token) = token {
            let free = self.repeats.insert(token, (number, parcel.clone())).is_none();
            assert!(free, "{token:?} names two messages\n{}", self.log());
        }
        self.carry(End::Hub, parcel);
        Ok(token)
    }

    pub(crate) fn call(&mut self, timeout: Duration) -> Result<Call, SendError> {
        let mut out = [0; 256];
        let hub = self.hub.as_mut().ok_or(SendError::NotReady)?;
        let (ticket, packet) = hub.call(self.now, timeout, "reboot", b"{}", &mut out)?;
        let parcel = Parcel::new(&packet);
        let call = (self.connections, ticket);
        assert!(self.calls.insert(call, Vec::new()).is_none(), "{call:?} twice\n{}", self.log());
        self.carry(End::Device, parcel);
        Ok(call)
    }

    /// Puts a command into the hub's queue.
    pub(crate) fn enqueue(&mut self) {
        self.commands.push(Queued::default());
        self.deliver();
    }

    /// Somebody changes the desired properties, and the hub tells the device if it can.
    pub(crate) fn change_desired(&mut self) -> Result<(), SendError> {
        self.desired += 1;
        let mut out = [0; 256];
        let hub = self.hub.as_mut().ok_or(SendError::NotReady)?;
        let change = DesiredChanged { version: self.desired, patch: b"{}", qos: Qos::AtLeastOnce };
        let parcel = Parcel::new(&hub.desired_changed(&change, &mut out)?);
        self.carry(End::Device, parcel);
        Ok(())
    }

    /// The device says that it dealt with the commands which it has kept.
    pub(crate) fn complete_all(&mut self) {
        for token in core::mem::take(&mut self.uncompleted) {
            self.settle(token, Verdict::Complete);
        }
    }

    pub(crate) fn settle(&mut self, token: AckToken, verdict: Verdict) {
        let mut out = [0; 64];
        let parcel = Parcel::new(&self.device.settle(token, verdict, &mut out).unwrap());
        self.carry(End::Hub, parcel);
    }

    /// Lets everything happen that will happen by itself within `span`.
    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now.after(span);
        while self.next().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// From now on the link is good.
    pub(crate) fn calm(&mut self) {
        self.link.calm();
    }

    /// The connection breaks now.
    pub(crate) fn cut(&mut self) {
        self.note("cut");
        self.link.close();
        self.device.handle_disconnect();
        self.device_times_out();
        assert!(!self.device.is_ready());
        self.lose_hub();
        self.uncompleted.clear();
        self.known = None;
        self.reconnect_at = Some(self.now.after(ms(500)));
    }

    pub(crate) fn log(&self) -> String {
        self.log.join("\n")
    }

    /// The next thing that happens; `false` when nothing ever will.
    fn step(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.now = self.now.max(next);
        if self.link.is_cut(self.now) {
            self.cut();
        } else if self.reconnect_at.take_if(|at| *at <= self.now).is_some() {
            self.connect();
        } else if let Some((end, parcel)) = self.link.receive(self.now) {
            self.note(&format!("{end:?} receives {parcel:?}"));
            match end {
                End::Device => self.device_receives(&parcel),
                End::Hub => self.hub_receives(&parcel),
            }
        }
        self.device_times_out();
        self.hub_times_out();
        self.device_transmits();
        true
    }

    fn next(&self) -> Option<Instant> {
        let device = self.device.poll_timeout().map(|(at, _)| at);
        let hub = self.hub.as_ref().and_then(HubSession::poll_timeout).map(|(at, _)| at);
        [device, hub, self.link.next(), self.reconnect_at].into_iter().flatten().min()
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        EPOCH.after(ms(self.now.as_millis()))
    }

    fn connect(&mut self) {
        self.link.open(self.now);
        let timestamp = self.timestamp();
        let valid_until = self.lifetime.map(|lifetime| timestamp.after(lifetime));
        self.valid_until = valid_until;
        let hello = Hello {
            introduction: Introduction { host: "hub1.azure-devices.net", client_agent: None, model_id: None },
            proof: self.proof(),
            valid_until,
            session: self.session,
            keep_alive_s: 60,
            will: None,
            packet_len_max: None,
            seed: Seed::new(self.connections.into()),
        };
        let mut out = [0; 512];
        let now = Now { instant: self.now, timestamp };
        let parcel = Parcel::new(&self.device.connect(now, &hello, &mut out).unwrap());
        self.carry(End::Hub, parcel);
    }

    /// In the previews a signature, which the hub of a pair does not look at; no other is ever asked for.
    fn proof(&self) -> Proof<'static> {
        match self.valid_until {
            Some(_) if self.dialect == Dialect::Classic => Proof::Token("a token"),
            Some(_) => Proof::Signature(self.signature()),
            None => Proof::None,
        }
    }

    pub(crate) fn signature(&self) -> Signature<'static> {
        let expiry_ms = self.valid_until.expect("only what expires is signed").as_millis();
        Signature { terms: Terms { expiry_ms, at_ms: None, policy: None }, code: [7; 32] }
    }

    pub(crate) fn carry(&mut self, to: End, parcel: Parcel) {
        self.note(&format!("to {to:?}: {parcel:?}"));
        self.link.send(self.now, to, parcel);
    }

    pub(crate) fn note(&mut self, what: &str) {
        /// Lines of a log that are worth reading.
        const LINES_MAX: usize = 2000;
        if self.log.len() < LINES_MAX {
            self.log.push(format!("{:>8} {what}", self.now.as_millis()));
        }
    }
}
