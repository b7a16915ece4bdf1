use iothub_codec::{
    Ack, AuthStep, Channels, Codec, Command, DesiredChanged, Detail, Dialect, Filters, Identity,
    Introduction, Operation, Outcome, Proof, Properties, Publish, Qos, Reply, RequestId, Signature, Status,
    SystemProperty, Telemetry, Terms, TwinGet, TwinPatch,
};

use super::open::Open;
use super::steps::Steps;
use super::{REQUESTS, ROOM};
use crate::error::SendError;
use crate::hub::{Delivery, Dismissal, HubEvent, HubSession, Received};
use crate::packet::{AckToken, Opening, Packet, Session};
use crate::requests::Ticket;
use crate::time::{Instant, Timestamp};

/// A hub's session, and what is known of it.
pub(super) struct Hub<'d> {
    session: HubSession<REQUESTS>,
    codec: Codec<'d>,
    dialect: Dialect,
    now: Instant,
    calls: Open<Ticket, REQUESTS>,
    unacknowledged: Open<AckToken, 16>,
    /// AUTH came and was not answered.
    renewing: bool,
    /// The call that the packet answers which is being taken in.
    answers: u32,
    last: Option<Ticket>,
}

impl<'d> Hub<'d> {
    pub(super) fn new(codec: Codec<'d>, dialect: Dialect, identity: Identity<'_>) -> Self {
        let who = Introduction { host: "hub1", client_agent: None, model_id: None };
        let mut room = [0; ROOM];
        let connect = codec.encode_connect(&who, &Proof::None, &mut room);
        let opening = Opening {
            session: Session::Resume,
            session_expiry_s: Some(u32::MAX),
            ..Opening::new(connect.expect("there is room"))
        };
        let (session, _) = HubSession::accept(dialect, identity, &opening, None, 1);
        Self {
            session,
            codec,
            dialect,
            now: Instant::from_millis(1),
            calls: Open::new(),
            unacknowledged: Open::new(),
            renewing: false,
            answers: 0,
            last: None,
        }
    }

    pub(super) fn run(mut self, steps: &mut Steps<'_>) {
        if steps.below(4) > 0 {
            let all = [Channels::METHODS, Channels::COMMANDS, Channels::DESIRED, Channels::REPLIES];
            self.subscribe(all.into_iter().fold(Channels::NONE, Channels::union));
        }
        while !steps.is_over() {
            match steps.below(8) {
                0 => self.now = self.now.after(steps.wait()),
                1..=3 => self.say(steps),
                4 => self.say_of_itself(steps),
                _ => self.hear(steps),
            }
            self.time();
        }
        self.now = self.now.after(LONG);
        self.time();
        assert_eq!(self.calls.len(), 0, "each call has ended");
    }

    /// A call or a command.
    fn say(&mut self, steps: &mut Steps<'_>) {
        let mut out = [0; ROOM];
        if steps.flag() {
            let listens = self.session.subscriptions().granted_method("rotate").is_some();
            return match self.session.call(self.now, steps.wait(), "rotate", steps.some(), &mut out) {
                Ok((ticket, packet)) => {
                    assert!(listens);
                    readable(self.codec, &packet);
                    assert!(self.last.replace(ticket) < Some(ticket), "{ticket:?} is used again");
                    self.calls.begin(ticket);
                }
                Err(SendError::NotSubscribed) => assert!(!listens),
                Err(error) => {
                    assert_eq!(error, SendError::TooManyOpen { limit: REQUESTS });
                    assert_eq!(self.calls.len(), REQUESTS);
                }
            };
        }
        let delivery = match AckToken::new(u16::from(steps.byte() & 0x1F)) {
            Some(token) if steps.flag() => Delivery::Again(token),
            _ => Delivery::First,
        };
        let listens = self.session.subscriptions().granted(Channels::COMMANDS);
        let command =
            Command { payload: steps.some(), properties: properties(self.dialect), ..Command::default() };
        match self.session.command(&command, delivery, &mut out) {
            Ok((token, packet)) => {
                assert_eq!(listens, Some(if token.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce }));
                readable(self.codec, &packet);
                token.into_iter().for_each(|token| self.unacknowledged.begin(token));
            }
            Err(SendError::NotSubscribed) => assert_eq!(listens, None),
            Err(error) => {
                let taken = matches!(delivery, Delivery::Again(token) if self.unacknowledged.has(token));
                let full = matches!(error, SendError::WindowFull { limit } if self.unacknowledged.len() >= limit.into());
                assert!(taken || full, "{error:?}");
            }
        }
    }

    /// What awaits no answer.
    fn say_of_itself(&mut self, steps: &mut Steps<'_>) {
        let mut out = [0; ROOM];
        match steps.below(4) {
            0 => {
                let listens = self.session.subscriptions().granted(Channels::DESIRED).is_some();
                let change =
                    DesiredChanged { version: steps.byte().into(), patch: b"{}", qos: Qos::AtMostOnce };
                let sent = self.session.desired_changed(&change, &mut out);
                assert_eq!(sent.is_ok(), listens, "{sent:?}");
            }
            1 => {
                let reply = Reply::new(RequestId::from_u32(steps.byte().into()), Status::SUCCESS);
                let _ = self.session.reply(Operation::TwinGet, &reply, &mut out);
            }
            2 => {
                let renewed = self.session.renewed(self.now.after(steps.wait()), &mut out);
                assert_eq!(renewed.is_ok(), self.renewing, "{renewed:?}");
                self.renewing = false;
            }
            _ => {
                let said = self.session.dismiss(&Dismissal::TakenOver, &mut out);
                assert_eq!(said.is_ok(), self.dialect == Dialect::Preview5, "{said:?}");
            }
        }
    }

    /// A packet of the device, as good as any or as bad.
    fn hear(&mut self, steps: &mut Steps<'_>) {
        let mut out = [0; ROOM];
        let token = AckToken::new(steps.below(24).into()).unwrap_or(AckToken::FIRST);
        match steps.below(6) {
            0 => {
                let channels = [Channels::METHODS, Channels::COMMANDS, Channels::DESIRED, Channels::REPLIES];
                self.subscribe(channels[usize::from(steps.below(4))]);
            }
            1 => {
                let mut wire = [0; 64];
                let name = steps.some();
                wire[1] = u8::try_from(name.len()).unwrap_or(0);
                wire[2..2 + name.len()].copy_from_slice(name);
                if let Ok(filters) = Filters::from_unsubscribe(&wire[..2 + name.len()]) {
                    self.takes(&Packet::Unsubscribe { token, filters });
                }
            }
            2 => {
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
            3 => {
                let until = Timestamp::from_secs(1_900_000_000);
                let terms = Terms { expiry_ms: until.as_millis(), at_ms: None, policy: None };
                let step = AuthStep::Renew(Signature { terms, code: [7; 32] });
                if let Ok(auth) = self.codec.encode_auth(&step, &mut out) {
                    self.takes(&Packet::Auth(auth));
                }
            }
            4 => self.takes(&Packet::Disconnect(Ack { reason_code: steps.byte(), ..Ack::SUCCESS })),
            _ => self.hear_message(steps, token),
        }
    }

    fn subscribe(&mut self, channels: Channels) {
        let mut out = [0; ROOM];
        let filters = self.codec.filters(channels, &mut out).expect("there is room");
        // There is no SUBSCRIBE without a filter.
        if !filters.is_empty() {
            self.takes(&Packet::Subscribe { token: AckToken::FIRST, filters });
        }
    }

    fn hear_message(&mut self, steps: &mut Steps<'_>, token: AckToken) {
        let mut out = [0; ROOM];
        let number = u32::from(steps.below(24));
        let request = RequestId::from_u32(number);
        self.answers = number;
        let publish = match steps.below(5) {
            0 => self.codec.encode(&Telemetry { payload: steps.some(), ..Telemetry::default() }, &mut out),
            1 => self.codec.encode(&TwinGet::new(request), &mut out),
            2 => self.codec.encode(&TwinPatch { request, patch: steps.some(), if_version: None }, &mut out),
            3 => {
                let code = steps.flag().then_some(200);
                let status = if steps.flag() { Status::SUCCESS } else { Status::TARGET_UNAVAILABLE };
                let reply = Reply { code, ..Reply::new(request, status) };
                self.codec.encode_reply(Operation::Method("rotate"), &reply, &mut out)
            }
            _ => {
                let Ok(topic) = core::str::from_utf8(steps.some()) else { return };
                Ok(Publish::new(topic, b"x"))
            }
        };
        let Ok(publish) = publish else { return };
        let ack = (publish.qos == Qos::AtLeastOnce).then_some(token);
        self.takes(&Packet::Publish { ack, publish });
    }

    fn takes(&mut self, packet: &Packet<'_>) {
        // A hub closes the connection of a device that breaks the rules; here it goes on, as what it does then must
        // be no worse.
        let Ok(event) = self.session.handle_packet(self.now, packet) else { return };
        match event {
            HubEvent::Received { ack, message } => {
                assert!(matches!(packet, Packet::Publish { ack: its, .. } if *its == ack));
                if let Received::Answer { ticket, .. } | Received::Declined { ticket, .. } = message {
                    assert_eq!(
                        ticket.request(),
                        RequestId::from_u32(self.answers),
                        "the answer to another call"
                    );
                    assert!(self.calls.end(ticket), "{ticket:?} ends and is not open");
                }
            }
            HubEvent::Unreadable { .. } => assert_eq!(self.dialect, Dialect::Preview5),
            HubEvent::Settled { token, .. } => assert!(self.unacknowledged.end(token), "{token:?}"),
            HubEvent::LateAck { token } => assert!(!self.unacknowledged.has(token), "{token:?}"),
            HubEvent::AuthStep { .. } => {
                assert!(!self.renewing);
                self.renewing = true;
            }
            HubEvent::Subscribed { granted, .. } => assert!(granted.iter().len() > 0),
            HubEvent::Unsubscribed { removed, .. } => assert_eq!(removed.iter().len(), 1),
            HubEvent::Goodbye | HubEvent::GaveUp { .. } => {}
            HubEvent::Unanswered { .. } | HubEvent::Expired => panic!("by a packet"),
        }
    }

    fn time(&mut self) {
        let mut events = 0;
        while let Some(event) = self.session.handle_timeout(self.now) {
            if let HubEvent::Unanswered { ticket } = event {
                assert!(self.calls.end(ticket), "{ticket:?} ends and is not open");
            }
            events += 1;
            assert!(events <= REQUESTS + 1, "no end of events");
        }
        if let Some((at, why)) = self.session.poll_timeout() {
            assert!(at > self.now, "{why} was due");
        }
    }
}

/// What a hub sends, a device can read.
fn readable(codec: Codec<'_>, packet: &Packet<'_>) {
    if let Packet::Publish { publish, .. } = packet {
        assert!(codec.decode_to_device(publish).is_ok(), "{publish:?}");
    }
}

/// What every command of that dialect has.
fn properties(dialect: Dialect) -> Properties<'static> {
    const SYSTEM: &[(SystemProperty, &str)] = &[
        (SystemProperty::SequenceNumber, "1"),
        (SystemProperty::EnqueuedTime, "1900000000000"),
        (SystemProperty::DeliveryCount, "0"),
        (SystemProperty::Expiry, "1900000600000"),
    ];
    let count =
        [(Dialect::Preview311, 4), (Dialect::Preview5, 3)].into_iter().find(|(its, _)| *its == dialect);
    count.map_or(Properties::default(), |(_, count)| Properties::new(&SYSTEM[..count], &[]))
}

/// Longer than any call here may take.
const LONG: core::time::Duration = core::time::Duration::from_secs(60);
