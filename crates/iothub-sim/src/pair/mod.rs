//! A device, its hub, and the connections between them. Each concern has a file.

mod app;
mod calm;
mod delivering;
mod device_end;
mod hearing;
mod hub_end;
mod setting;
mod storm;
mod truth;

use core::time::Duration;

use iothub_codec::Dialect;
use iothub_mqtt::{Client, Server};
use iothub_proto::{HubSession, Instant, Timestamp};

use crate::aliasing::Aliasing;
use crate::chance::Chance;
use crate::ledger::{Ledger, Property};
use crate::link::{Arrival, End, Link, Weather};
use calm::Calm;
use device_end::DeviceEnd;
use hub_end::HubEnd;
use setting::Setting;
use storm::Storm;
use truth::Truth;

/// Most requests that a device has open.
const REQUESTS: usize = 4;
/// Most method calls that a hub has open.
const CALLS: usize = 3;
/// When the civil clock begins.
const EPOCH: Timestamp = Timestamp::from_secs(1_900_000_000);
/// Longest packet that either end writes, without its payload.
const PACKET_LEN_MAX: usize = 1024;

pub(crate) struct Pair {
    setting: Setting,
    now: Instant,
    device: DeviceEnd,
    hub: HubEnd,
    /// The newest is the last.
    connections: Vec<Connection>,
    truth: Truth,
    storm: Storm,
    calm: Calm,
    chance: Chance,
    /// When something happens next: to find out takes as long as much that happens.
    next: Option<Instant>,
    /// Bytes that have arrived and are looked at.
    arrived: Vec<u8>,
}

/// A connection, until both ends have closed it.
struct Connection {
    number: u32,
    link: Link,
    /// There if the device gives numbers to topics.
    aliasing: Option<Aliasing>,
    /// Whether the device has not closed it.
    held_by_device: bool,
    /// The hub's end, until that has closed it.
    serving: Option<Box<Serving>>,
}

struct Serving {
    server: Server,
    /// There once CONNECT was accepted.
    session: Option<HubSession<CALLS>>,
    opened: Instant,
}

/// Most connections of one device that its hub may have not given up yet.
const CONNECTIONS_MAX: usize = 64;

impl Pair {
    pub(crate) fn new(name: &'static str, dialect: Dialect, calm_at: Instant, mut chance: Chance) -> Self {
        let setting = Setting::of_chance(name, dialect, &mut chance);
        Self {
            now: Instant::default(),
            device: DeviceEnd::new(&setting, &mut chance),
            hub: HubEnd::default(),
            connections: Vec::new(),
            truth: Truth::new(),
            storm: Storm::new(calm_at, &mut chance),
            calm: Calm::new(calm_at, &setting),
            chance,
            next: Some(Instant::default()),
            arrived: Vec::new(),
            setting,
        }
    }

    /// When something happens next; `None` when all is said and done.
    pub(crate) const fn next(&self) -> Option<Instant> {
        self.next
    }

    fn look_ahead(&self) -> Option<Instant> {
        if self.calm.is_over() {
            return None;
        }
        let arrivals = self.connections.iter().flat_map(|connection| {
            let device = connection.link.next(End::Device).map(|at| self.device.awake(at));
            [device, connection.link.next(End::Hub)].into_iter().flatten()
        });
        let hub = self.connections.iter().filter_map(Connection::hub_deadline);
        arrivals
            .chain(hub)
            .chain(self.hub.deadline())
            .chain(self.device.deadline())
            .chain([self.storm.next(), self.calm.next()].into_iter().flatten())
            .min()
    }

    /// Lets everything happen that happens now.
    pub(crate) fn step(&mut self, now: Instant, ledger: &mut Ledger) {
        self.now = now;
        self.weather_changes(ledger);
        self.deliver_bytes(ledger);
        self.device_times_out(ledger);
        self.hub_times_out(ledger);
        self.device_transmits(ledger);
        self.flush(ledger);
        self.connections.retain(|connection| connection.held_by_device || connection.serving.is_some());
        let count = self.connections.len();
        if count > CONNECTIONS_MAX {
            ledger.breaks(self.setting.name, Property::Bounded, || format!("{count} connections"));
        }
        self.calm_goes_on(ledger);
        self.next = self.look_ahead();
    }

    /// Bytes that have arrived go to the ends.
    fn deliver_bytes(&mut self, ledger: &mut Ledger) {
        let mut at = 0;
        while at < self.connections.len() {
            for end in [End::Hub, End::Device] {
                if end == End::Device && self.device.awake(self.now) > self.now {
                    continue;
                }
                self.deliver_to(at, end, ledger);
            }
            at += 1;
        }
    }

    fn deliver_to(&mut self, at: usize, end: End, ledger: &mut Ledger) {
        let mut bytes = core::mem::take(&mut self.arrived);
        loop {
            bytes.clear();
            let link = &mut self.connections[at].link;
            let Some(arrival) = link.receive(self.now, end, &mut bytes) else { break };
            match (end, arrival) {
                (End::Hub, Arrival::Bytes) => self.hub_receives(at, &bytes, ledger),
                (End::Hub, Arrival::End) => self.hub_closes(at, ledger),
                (End::Device, Arrival::Bytes) => self.device_receives(at, &bytes, ledger),
                (End::Device, Arrival::End) => self.device_closes(ledger),
            }
        }
        self.arrived = bytes;
    }

    /// What waits at either end goes onto its link, as far as there is room.
    fn flush(&mut self, ledger: &mut Ledger) {
        let (now, weather) = (self.now, self.setting.weather);
        for connection in &mut self.connections {
            if connection.held_by_device {
                connection.send_to_hub(&mut self.device.client, (now, &weather), &mut self.chance);
            }
            if let Some(serving) = &mut connection.serving {
                while let Some(bytes) = serving.server.poll_bytes() {
                    let len = connection.link.send((now, End::Device), bytes, &weather, &mut self.chance);
                    serving.server.consume(len);
                    if len == 0 {
                        break;
                    }
                }
            }
        }
        let waiting = self.device.client.poll_bytes().map_or(0, <[u8]>::len);
        if waiting > WAITING_MAX {
            ledger.breaks(self.setting.name, Property::Bounded, || format!("{waiting} bytes wait"));
        }
    }

    /// The connection that the device has now.
    fn current(&self) -> Option<usize> {
        self.connections.iter().position(|connection| connection.held_by_device)
    }

    /// The connection on which the hub has a session, unless it is just being looked at.
    fn served(&self) -> Option<usize> {
        self.hub.serves.and_then(|number| self.connections.iter().position(|other| other.number == number))
    }

    fn timestamp(&self) -> Timestamp {
        EPOCH.after(self.now.since(Instant::default()))
    }
}

impl Connection {
    /// What the device's MQTT has to send, as far as there is room.
    fn send_to_hub(&mut self, client: &mut Client, (now, weather): (Instant, &Weather), chance: &mut Chance) {
        let Self { link, aliasing, .. } = self;
        let Some(aliasing) = aliasing else {
            while let Some(bytes) = client.poll_bytes() {
                let len = link.send((now, End::Hub), bytes, weather, chance);
                client.consume(len);
                if len == 0 {
                    return;
                }
            }
            return;
        };
        loop {
            if aliasing.ready().is_empty() {
                let Some(bytes) = client.poll_bytes() else { return };
                let len = bytes.len();
                aliasing.write(bytes, chance);
                client.consume(len);
            }
            let len = link.send((now, End::Hub), aliasing.ready(), weather, chance);
            aliasing.consume(len);
            if len == 0 {
                return;
            }
        }
    }

    fn hub_deadline(&self) -> Option<Instant> {
        let serving = self.serving.as_ref()?;
        let session = serving.session.as_ref().and_then(HubSession::poll_timeout);
        let hello = serving.session.is_none().then(|| serving.opened.after(HELLO_WITHIN));
        let server = serving.server.poll_timeout();
        [session, server].into_iter().flatten().map(|(at, _)| at).chain(hello).min()
    }
}

/// How long a hub waits for CONNECT.
const HELLO_WITHIN: Duration = Duration::from_secs(30);
/// Most bytes that a device leaves waiting: its window of messages and what it asks for, each of the longest here.
const WAITING_MAX: usize = 64 * PACKET_LEN_MAX;
