use iothub_codec::{
    Ack, AuthStep, Channels, Codec, Command, DesiredChanged, Detail, Dialect, Introduction, MethodCall,
    Operation, Outcome, Proof, PropertySection, Publish, Qos, Reply, RequestId, Signature, Status, Telemetry,
    Terms, ToHub, TwinGet, TwinPatch,
};

use super::open::Open;
use super::steps::Steps;
use super::{REQUESTS, ROOM};
use crate::backoff::Seed;
use crate::device::{DeviceEvent, DeviceSession, Hello};
use crate::error::{PeerError, SendError};
use crate::outcomes::{FilterRefusal, Granted};
use crate::packet::{AckToken, Limits, Packet, Session};
use crate::refusal::{Refusal, RefusalReason};
use crate::requests::Ticket;
use crate::time::{Instant, Now, Timestamp};
use crate::verdict::Verdict;
use crate::window::Window;

/// A device's session, and what is known of it.
pub(super) struct Device<'d> {
    session: DeviceSession<'d, REQUESTS>,
    codec: Codec<'d>,
    dialect: Dialect,
    now: Instant,
    /// CONNACK has come, and the connection has not ended.
    connected: bool,
    requests: Open<Ticket, REQUESTS>,
    unacknowledged: Open<AckToken, 16>,
    /// Commands of this connection that are to be settled.
    unsettled: Open<AckToken, 64>,
    /// The version that the application was told last.
    known: Option<u64>,
    /// How many filters the last SUBSCRIBE had.
    filters: usize,
    /// The request that the packet answers which is being taken in.
    answers: u32,
    /// The request that was sent last.
    asked: u32,
    last: Option<Ticket>,
}

impl<'d> Device<'d> {
    pub(super) fn new(codec: Codec<'d>, dialect: Dialect) -> Self {
        let wanted =
            Channels::COMMANDS.union(Channels::METHODS).union(Channels::REPLIES).union(Channels::DESIRED);
        Self {
            session: DeviceSession::new(codec, wanted),
            codec,
            dialect,
            now: Instant::from_millis(1),
            connected: false,
            requests: Open::new(),
            unacknowledged: Open::new(),
            unsettled: Open::new(),
            known: None,
            filters: 0,
            answers: 0,
            asked: 0,
            last: None,
        }
    }

    pub(super) fn run(mut self, steps: &mut Steps<'_>) {
        while !steps.is_over() {
            match steps.below(16) {
                0 => self.connect(steps),
                1 => self.disconnect(),
                2..=5 => self.ask(steps),
                6 => self.settle(steps),
                7 => self.now = self.now.after(steps.wait()),
                8 => self.transmit(),
                _ => self.hear(steps),
            }
            self.time();
        }
        self.disconnect();
        self.time();
        assert_eq!(self.requests.len(), 0, "each request has ended");
    }

    fn connect(&mut self, steps: &mut Steps<'_>) {
        let now = Now { instant: self.now, timestamp: Timestamp::from_secs(1_900_000_000) };
        let until = now.timestamp.after(steps.wait());
        let signed = self.dialect != Dialect::Classic && steps.flag();
        let hello = Hello {
            introduction: Introduction { host: "hub1", client_agent: None, model_id: None },
            proof: if signed { Proof::Signature(signature(until)) } else { Proof::None },
            valid_until: steps.flag().then_some(until),
            session: if steps.flag() { Session::Resume } else { Session::Fresh },
            keep_alive_s: 60,
            will: None,
            packet_len_max: None,
            seed: Seed::new(steps.byte().into()),
        };
        let mut out = [0; ROOM];
        let packet = self.session.connect(now, &hello, &mut out);
        assert!(matches!(packet, Ok(Packet::Connect(_))), "{packet:?}");
        self.ended();
        // Where nothing goes wrong at the beginning, more can later.
        if steps.below(4) > 0 {
            let session = if steps.flag() { Session::Resume } else { Session::Fresh };
            let receive_maximum = 1 + u16::from(steps.below(20));
            self.takes(&Packet::Connected { session, limits: Limits { receive_maximum, ..Limits::CLASSIC } });
            self.transmit();
            if !self.session.is_ready() {
                self.grant(self.filters, usize::MAX);
            }
            assert!(self.session.is_ready());
        }
    }

    fn disconnect(&mut self) {
        self.session.handle_disconnect();
        self.ended();
        assert!(!self.session.is_ready());
    }

    /// The connection has ended, if there was one.
    fn ended(&mut self) {
        self.connected = false;
        self.unsettled.clear();
        self.known = None;
    }

    fn ask(&mut self, steps: &mut Steps<'_>) {
        let (mut out, wait) = ([0; ROOM], steps.wait());
        let ready = self.session.is_ready();
        let asked = match steps.below(5) {
            0 => {
                self.session.get_twin(self.now, wait, &mut out).map(|(ticket, packet)| (Some(ticket), packet))
            }
            1 => self
                .session
                .report(self.now, wait, steps.some(), None, &mut out)
                .map(|(ticket, packet)| (Some(ticket), packet)),
            2 => {
                let qos = if steps.flag() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
                let telemetry = Telemetry { payload: steps.some(), qos, ..Telemetry::default() };
                let full = self.unacknowledged.len();
                let room = self.session.telemetry_room();
                self.session
                    .send_telemetry(&telemetry, &mut out)
                    .inspect(|(token, _)| token.iter().for_each(|token| self.unacknowledged.begin(*token)))
                    .inspect_err(|error| {
                        if let SendError::WindowFull { limit } = error {
                            assert!(full >= usize::from(*limit) && room == 0);
                        }
                    })
                    .map(|(_, packet)| (None, packet))
            }
            3 => {
                let request = RequestId::from_u32(steps.below(24).into());
                let reply = self.session.reply(request, "rotate", 200, steps.some(), &mut out);
                assert_eq!(reply.is_ok(), self.connected, "{reply:?}");
                return;
            }
            _ => {
                let channels = [Channels::METHODS, Channels::COMMANDS, Channels::DESIRED, Channels::NONE];
                self.session.want(channels[usize::from(steps.below(4))]);
                return;
            }
        };
        match asked {
            Ok((ticket, packet)) => {
                assert!(ready, "{packet:?} before all is ready");
                if let Some(ticket) = ticket {
                    assert!(self.last.replace(ticket) < Some(ticket), "{ticket:?} is used again");
                    self.requests.begin(ticket);
                }
                self.sends(&packet);
            }
            Err(SendError::NotReady) => assert!(!ready),
            Err(SendError::TooManyOpen { limit }) => assert_eq!(self.requests.len(), limit),
            Err(error) => assert!(matches!(error, SendError::WindowFull { .. }), "{error:?}"),
        }
    }

    fn settle(&mut self, steps: &mut Steps<'_>) {
        let Some(token) = AckToken::new(steps.below(24).into()) else { return };
        let verdict = [Verdict::Complete, Verdict::Abandon, Verdict::Reject][usize::from(steps.below(3))];
        let sayable = verdict == Verdict::Complete || self.dialect == Dialect::Preview5;
        let mut out = [0; ROOM];
        let settled = self.session.settle(token, verdict, &mut out).is_ok();
        let awaited = self.connected && self.unsettled.has(token) && sayable;
        assert_eq!(settled, awaited, "{token:?} {verdict:?}");
        if settled {
            self.unsettled.end(token);
        }
    }

    /// What a device sends, a hub can read.
    fn sends(&mut self, packet: &Packet<'_>) {
        let Packet::Publish { publish, .. } = packet else { return };
        match self.codec.decode_to_hub(publish) {
            Ok(ToHub::TwinGet(TwinGet { request, .. }) | ToHub::TwinPatch(TwinPatch { request, .. })) => {
                self.asked = request.as_u32().expect("a session numbers its requests");
            }
            Ok(ToHub::Telemetry(_) | ToHub::Reply(_)) => {}
            Err(error) => panic!("{publish:?}: {error}"),
        }
    }

    fn transmit(&mut self) {
        let mut out = [0; ROOM];
        while let Ok(Some(packet)) = self.session.poll_transmit(&mut out) {
            assert!(self.connected, "{packet:?} without a connection");
            if let Packet::Subscribe { filters, .. } = packet {
                self.filters = filters.iter().count();
            }
            self.sends(&packet);
        }
    }

    /// SUBACK for so many filters, one of which may be refused.
    fn grant(&mut self, count: usize, refused: usize) {
        let mut granted = Granted::EMPTY;
        for nth in 0..count {
            let outcome = if nth == refused { Err(FilterRefusal::Unspecified) } else { Ok(Qos::AtMostOnce) };
            assert!(granted.push(outcome));
        }
        self.takes(&Packet::SubAck { token: Window::<0>::RESERVED, granted });
    }

    /// A packet of the hub, as good as any or as bad.
    fn hear(&mut self, steps: &mut Steps<'_>) {
        let mut out = [0; ROOM];
        let token = AckToken::new(steps.below(24).into());
        match (steps.below(24), token) {
            (0, _) => self.takes(&Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC }),
            (1, _) => {
                let count = if steps.flag() { steps.below(7).into() } else { self.filters };
                self.grant(count, steps.below(16).into());
            }
            (2..=7, Some(token)) => {
                let refused = Status::from_code(u16::from(steps.byte()) << 8);
                let status = if steps.below(4) > 0 { Status::SUCCESS } else { refused };
                let token = self.unacknowledged.any().filter(|_| steps.below(4) > 0).unwrap_or(token);
                if let Ok(ack) = self.codec.encode_ack(&Outcome::new(status), Detail::FULL, &mut out) {
                    if steps.flag() {
                        self.takes(&Packet::Ack { token, ack });
                    }
                    self.takes(&Packet::Ack { token, ack });
                }
            }
            (8, _) => self.takes(&Packet::Refused(Refusal::new(RefusalReason::Busy))),
            (9, _) => {
                let ack = Ack { reason_code: steps.byte(), properties: PropertySection::EMPTY };
                self.takes(&Packet::Disconnect(ack));
            }
            (10, _) => {
                let until = Timestamp::from_secs(1_900_000_000).after(steps.wait());
                let now = Now { instant: self.now, timestamp: Timestamp::from_secs(1_900_000_000) };
                if steps.flag() {
                    let renewed = self.session.renew(now, &signature(until), &mut out).is_ok();
                    assert!(!renewed || self.connected && self.dialect == Dialect::Preview5);
                } else if let Ok(auth) = self.codec.encode_auth(&AuthStep::Renewed, &mut out) {
                    self.takes(&Packet::Auth(auth));
                }
            }
            _ => self.hear_message(steps, token),
        }
    }

    fn hear_message(&mut self, steps: &mut Steps<'_>, ack: Option<AckToken>) {
        let mut out = [0; ROOM];
        let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let number = if steps.flag() { self.asked } else { steps.below(24).into() };
        let request = RequestId::from_u32(number);
        // Mostly about where the last was.
        let version = match self.known {
            Some(known) if steps.below(8) > 0 => (known + u64::from(steps.below(4))) % 200,
            Some(_) | None => steps.below(200).into(),
        };
        let twin = twin(version);
        let publish = match steps.below(5) {
            0 => self.codec.encode(&Command { payload: steps.some(), qos, ..Command::default() }, &mut out),
            1 => self.codec.encode(&MethodCall::new(request, "rotate", steps.some()), &mut out),
            2 => self.codec.encode(&DesiredChanged { version, patch: b"{}", qos }, &mut out),
            kind => {
                let status = if steps.flag() { Status::SUCCESS } else { Status::THROTTLED };
                let reply = Reply {
                    version: steps.flag().then_some(version),
                    payload: if steps.below(8) > 0 { &twin } else { b"{}" },
                    ..Reply::new(request, status)
                };
                let operation = if kind == 3 { Operation::TwinGet } else { Operation::TwinPatch };
                self.codec.encode_reply(operation, &reply, &mut out)
            }
        };
        let Ok(publish) = publish else { return };
        self.answers = number;
        self.takes(&Packet::Publish { ack, publish: Publish { qos, ..publish } });
    }

    fn takes(&mut self, packet: &Packet<'_>) {
        match self.session.handle_packet(self.now, packet) {
            Ok(event) => {
                if matches!(packet, Packet::Connected { .. }) {
                    assert!(!self.connected);
                    self.connected = true;
                }
                if let Some(event) = event {
                    self.told(&event);
                }
            }
            Err(error) => {
                assert!(self.connected || matches!(error, PeerError::OutOfPlace { .. }), "{error:?}");
                self.disconnect();
            }
        }
    }

    fn told(&mut self, event: &DeviceEvent<'_>) {
        match *event {
            DeviceEvent::Ready | DeviceEvent::SubscribeRefused { .. } => assert!(self.connected),
            DeviceEvent::ConnectRefused { .. } => assert!(!self.connected),
            DeviceEvent::Disconnected { .. } | DeviceEvent::NotRenewed => self.ended(),
            DeviceEvent::RenewSoon | DeviceEvent::Renewed | DeviceEvent::Method(_) => {}
            DeviceEvent::Input { .. } => panic!("a device that is no module"),
            DeviceEvent::Twin { ticket, version, .. } => {
                self.answered(ticket);
                if let (Some(known), Some(version)) = (self.known, version) {
                    self.known = Some(known.max(version));
                }
            }
            DeviceEvent::NotModified { ticket }
            | DeviceEvent::Reported { ticket, .. }
            | DeviceEvent::Refused { ticket, .. } => self.answered(ticket),
            DeviceEvent::TimedOut { ticket } | DeviceEvent::Lost { ticket } => {
                assert!(self.requests.end(ticket), "{event:?}")
            }
            DeviceEvent::Sent { token } | DeviceEvent::SendRefused { token, .. } => {
                assert!(self.unacknowledged.end(token), "{event:?}");
            }
            DeviceEvent::Command { ack, .. } => {
                if let Some(token) = ack.filter(|token| !self.unsettled.has(*token)) {
                    self.unsettled.begin(token);
                }
            }
            DeviceEvent::DesiredChanged(change) => {
                assert_eq!(self.known.map(|known| known + 1), Some(change.version));
                self.known = Some(change.version);
            }
            DeviceEvent::DesiredMissed { known, version } => {
                assert_eq!(self.known.take(), Some(known));
                assert!(version > known + 1);
            }
            DeviceEvent::DesiredCurrent { version, .. } => self.known = Some(version),
            DeviceEvent::DesiredUnavailable { .. } => assert_eq!(self.known, None),
        }
    }

    fn answered(&mut self, ticket: Ticket) {
        assert_eq!(ticket.request(), RequestId::from_u32(self.answers), "the answer to another request");
        assert!(self.requests.end(ticket), "{ticket:?} ends and is not open");
    }

    fn time(&mut self) {
        let mut events = 0;
        while let Some(event) = self.session.handle_timeout(self.now) {
            self.told(&event);
            events += 1;
            assert!(events <= REQUESTS + 3, "no end of events");
        }
        if let Some((at, why)) = self.session.poll_timeout() {
            assert!(at > self.now, "{why} was due");
        }
    }
}

/// A twin of which nothing is known but a version.
fn twin(version: u64) -> [u8; 28] {
    let mut twin = *br#"{"desired":{"$version":000}}"#;
    for (place, unit) in twin[23..26].iter_mut().zip([100, 10, 1]) {
        *place = b"0123456789"[(version / unit % 10) as usize];
    }
    twin
}

fn signature(until: Timestamp) -> Signature<'static> {
    Signature { terms: Terms { expiry_ms: until.as_millis(), at_ms: None, policy: None }, code: [7; 32] }
}
