//! What is asked of a pair, and what goes wrong meanwhile.

use core::time::Duration;

use iothub_codec::{Dialect, Qos, Telemetry, TwinPart};
use iothub_proto::{Instant, Packet, SendError};

use super::app::Asked;
use super::truth::{Command, Message, Report};
use super::{PACKET_LEN_MAX, Pair};
use crate::chance::Chance;
use crate::fault::Fault;
use crate::ledger::{Ledger, Property};
use crate::link::End;

/// When something is asked for and something goes wrong, until it is calm; and how often the hub is difficult, in
/// percent.
pub(super) struct Storm {
    ends: Instant,
    work_at: Option<Instant>,
    fault_at: Option<Instant>,
    work_ms: (u64, u64),
    fault_ms: (u64, u64),
    pub(super) busy: u64,
    pub(super) dropped: u64,
    pub(super) late: u64,
    pub(super) refuses: u64,
}

impl Storm {
    pub(super) fn new(ends: Instant, chance: &mut Chance) -> Self {
        let work = [1_000, 3_000, 6_000][chance.index(3)];
        let fault = [5_000, 15_000, 40_000][chance.index(3)];
        let mut storm = Self {
            ends,
            work_at: Some(Instant::default()),
            fault_at: None,
            work_ms: (0, work),
            fault_ms: (0, fault),
            busy: [0, 10, 30][chance.index(3)],
            dropped: [0, 0, 10][chance.index(3)],
            late: [0, 10, 40][chance.index(3)],
            refuses: [0, 5, 20][chance.index(3)],
        };
        if chance.happens(90) {
            storm.fault_at = storm.unless_over(Instant::default().after(chance.millis(storm.fault_ms)));
        }
        storm
    }

    pub(super) fn next(&self) -> Option<Instant> {
        [self.work_at, self.fault_at].into_iter().flatten().min()
    }

    /// The hub is not difficult any longer.
    pub(super) const fn ends(&mut self) {
        (self.busy, self.dropped, self.late, self.refuses) = (0, 0, 0, 0);
    }

    fn unless_over(&self, at: Instant) -> Option<Instant> {
        (at < self.ends).then_some(at)
    }
}

impl Pair {
    pub(super) fn weather_changes(&mut self, ledger: &mut Ledger) {
        if self.storm.fault_at.take_if(|at| *at <= self.now).is_some() {
            let next = self.now.after(self.chance.millis(self.storm.fault_ms));
            self.storm.fault_at = self.storm.unless_over(next);
            self.something_goes_wrong(ledger);
        }
        if self.storm.work_at.take_if(|at| *at <= self.now).is_some() {
            let next = self.now.after(self.chance.millis(self.storm.work_ms));
            self.storm.work_at = self.storm.unless_over(next);
            self.something_is_asked(ledger);
        }
    }

    fn something_goes_wrong(&mut self, ledger: &mut Ledger) {
        let fault = match self.chance.below(16) {
            0..4 => Fault::Cut,
            4..7 => Fault::HalfOpen,
            7..9 => Fault::Stall,
            9..11 => Fault::Unreachable,
            11 | 12 => Fault::DeviceCrash,
            13 => Fault::DeviceRestart,
            14 => Fault::Sleep,
            _ => return self.device_says_goodbye(ledger),
        };
        let (now, weather) = (self.now, self.setting.weather);
        let Some(at) = self.current() else { return };
        let until = now.after(self.chance.millis(AWAY_MS));
        if fault != Fault::Unreachable {
            ledger.fault(self.setting.name, fault);
        }
        let link = &mut self.connections[at].link;
        match fault {
            Fault::Cut => link.cut(now, &weather, &mut self.chance),
            Fault::HalfOpen => {
                let ends = [&[End::Device, End::Hub][..], &[End::Device], &[End::Hub]];
                link.darken(ends[self.chance.index(3)], &mut self.chance);
            }
            Fault::Stall => {
                let to = if self.chance.happens(50) { End::Device } else { End::Hub };
                link.stall(now, to, &mut self.chance);
            }
            Fault::Unreachable => {
                link.cut(now, &weather, &mut self.chance);
                self.device.unreachable_until = Some(until);
            }
            Fault::Sleep => self.device.asleep_until = Some(until),
            Fault::DeviceCrash | Fault::DeviceRestart => {
                self.device_goes_down(fault, at, until, ledger);
            }
            Fault::HubCrash
            | Fault::HubRestart
            | Fault::Busy
            | Fault::Refused
            | Fault::Dropped
            | Fault::LateAnswer
            | Fault::Repeated
            | Fault::TakeOver => {}
        }
    }

    fn device_goes_down(&mut self, fault: Fault, at: usize, until: Instant, ledger: &mut Ledger) {
        if self.chance.happens(50) {
            // Its power fails, and nobody closes the connection.
            self.connections[at].link.darken(&[End::Device, End::Hub], &mut self.chance);
        }
        self.device_closes(ledger);
        self.device.connect_at = Some(until);
        if fault == Fault::DeviceCrash {
            self.device.crash(&self.setting, &mut self.chance);
        } else {
            self.device.asleep_until = Some(until);
        }
    }

    /// The hub goes down, and comes back at some time.
    pub(crate) fn restart_hub(&mut self, now: Instant, remembers: bool, down: Duration, ledger: &mut Ledger) {
        self.now = now;
        self.hub.down_until = Some(now.after(down));
        for at in 0..self.connections.len() {
            if self.connections[at].serving.is_some() && self.chance.happens(30) {
                self.connections[at].link.darken(&[End::Device, End::Hub], &mut self.chance);
            }
            self.hub_closes(at, ledger);
        }
        if !remembers {
            self.hub.kept = None;
            self.truth.commands.iter_mut().for_each(|command| command.sent = None);
        }
        self.next = Some(now);
    }

    fn something_is_asked(&mut self, ledger: &mut Ledger) {
        let timeout = self.chance.millis(TIMEOUT_MS);
        // What cannot be done now is not done.
        match self.chance.below(13) {
            0..3 => {
                for _ in 0..1 + self.chance.below(4) {
                    let _ = self.send_telemetry(Qos::AtLeastOnce, ledger);
                }
            }
            3 => {
                let _ = self.send_telemetry(Qos::AtMostOnce, ledger);
            }
            4 => {
                let _ = self.get_twin(timeout, ledger);
            }
            5 | 6 => {
                let _ = self.report(timeout, ledger);
            }
            7 | 8 => {
                let _ = self.call(timeout, ledger);
            }
            9 => self.enqueue(ledger),
            10 => self.device.session.want(self.setting.wanted),
            _ => self.change_desired(ledger),
        }
    }

    pub(super) fn send_telemetry(&mut self, qos: Qos, ledger: &mut Ledger) -> Result<(), SendError> {
        let number = u32::try_from(self.truth.telemetry.len()).unwrap_or(u32::MAX);
        let len = if self.chance.happens(10) { self.chance.index(600) } else { self.chance.index(40) };
        let mut payload = [b'x'; 604];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let telemetry = Telemetry { payload: &payload[..4 + len], qos, ..Telemetry::default() };
        let mut out = [0; PACKET_LEN_MAX];
        let device = &mut self.device;
        let (token, packet) = device.session.send_telemetry(&telemetry, &mut out)?;
        if let Err(error) = device.client.send(self.now, &packet) {
            ledger.breaks(self.setting.name, Property::Rules, || format!("telemetry {number}: {error}"));
        }
        let mut behind = None;
        if let Some(token) = token {
            if device.app.unacknowledged.iter().any(|(open, _)| *open == token) {
                ledger.breaks(self.setting.name, Property::EndsOnce, || format!("{token:?} is open twice"));
            }
            device.app.unacknowledged.push((token, number));
            behind = device.app.last_sent.replace(number);
        }
        ledger.note(self.setting.name, || format!("sends telemetry {number}, {qos:?}"));
        self.truth.telemetry.push(Message { behind, arrived: false, refused: false });
        Ok(())
    }

    pub(super) fn get_twin(&mut self, timeout: Duration, ledger: &mut Ledger) -> Result<(), SendError> {
        let mut out = [0; PACKET_LEN_MAX];
        let (desired, reported) = (self.truth.version(), self.truth.reported);
        // Only that dialect knows sections.
        let (part, least) = match self.chance.below(3) {
            1 if self.setting.dialect == Dialect::Preview311 => (TwinPart::Desired, desired),
            2 if self.setting.dialect == Dialect::Preview311 => (TwinPart::Reported, reported),
            _ => (TwinPart::Whole, desired),
        };
        let known = (part != TwinPart::Whole && self.chance.happens(50)).then_some(least);
        let session = &mut self.device.session;
        let (ticket, packet) = session.get_twin_part(self.now, timeout, part, known, &mut out)?;
        let asked = Asked::Twin { part, least, known };
        self.asks(ticket, asked, &packet, ledger);
        Ok(())
    }

    pub(super) fn report(&mut self, timeout: Duration, ledger: &mut Ledger) -> Result<(), SendError> {
        let number = self.truth.reports.len() as u64;
        let (patch, mut out) = (format!(r#"{{"r0":{number}}}"#), [0; PACKET_LEN_MAX]);
        // What is right now may be overtaken, and the other never is right.
        let either = [self.truth.reported, self.truth.reported + 1000][self.chance.index(2)];
        let if_version = self.chance.happens(40).then_some(either);
        let session = &mut self.device.session;
        let (ticket, packet) = session.report(self.now, timeout, patch.as_bytes(), if_version, &mut out)?;
        self.truth.reports.push(Report { if_version, ..Report::default() });
        self.asks(ticket, Asked::Report { number }, &packet, ledger);
        Ok(())
    }

    fn asks(&mut self, ticket: iothub_proto::Ticket, asked: Asked, packet: &Packet<'_>, ledger: &mut Ledger) {
        let (name, device) = (self.setting.name, &mut self.device);
        ledger.note(name, || format!("asks {ticket:?}: {asked:?}"));
        if let Err(error) = device.client.send(self.now, packet) {
            ledger.breaks(name, Property::Rules, || format!("{asked:?}: {error}"));
        }
        if device.app.asked.iter().any(|(open, _)| *open == ticket) {
            ledger.breaks(name, Property::EndsOnce, || format!("{ticket:?} is open twice"));
        }
        device.app.asked.push((ticket, asked));
    }

    /// Puts a command into the hub's queue.
    pub(super) fn enqueue(&mut self, ledger: &mut Ledger) {
        self.truth.commands.push(Command::default());
        self.with_serving(|pair, serving, connection| pair.deliver(serving, connection, ledger));
    }
}

/// How long something is away, in milliseconds.
const AWAY_MS: (u64, u64) = (100, 30_000);
/// How long requests and calls may take, in milliseconds.
const TIMEOUT_MS: (u64, u64) = (200, 10_000);
