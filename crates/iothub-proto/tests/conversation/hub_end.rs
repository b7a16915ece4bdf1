//! The hub's end of the pair: its application, and what a hub remembers between connections.

use iothub_codec::{
    Channels, Command, Dialect, Operation, Properties, Reply, Status, SystemProperty, open_connect,
};
use iothub_proto::{
    AckToken, Delivery, HubEvent, HubSession, Packet, Received, SendError, Ticket, Timestamp, Verdict,
};

use crate::link::End;
use crate::pair::{CALLS, Ending, Pair};
use crate::parcel::Parcel;

/// A command in the hub's queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queued {
    /// Each time that it went out: on which connection, under which token, and whether marked as repeated.
    pub(crate) sent: Vec<(u32, AckToken, bool)>,
    pub(crate) completed: u32,
    /// How often the device gave it back.
    pub(crate) abandoned: u32,
}

impl Pair {
    pub(crate) fn hub_receives(&mut self, parcel: &Parcel) {
        let packet = parcel.packet();
        if let Packet::Connect(opening) = packet {
            let (dialect, claim) = open_connect(&opening.connect).unwrap();
            assert_eq!(dialect, self.dialect);
            self.connections += 1;
            let (kept, first_call) = (self.kept.take(), self.connections * 1000);
            let (mut hub, answer) = HubSession::accept(dialect, claim.identity, &opening, kept, first_call);
            if let Some(valid_until) = self.valid_until {
                hub.expire_at(self.now.after(valid_until.since(self.timestamp())));
            }
            self.hub = Some(hub);
            self.carry(End::Device, Parcel::new(&answer));
            return self.deliver();
        }
        let hub = self.hub.as_mut().expect("CONNECT comes first");
        match hub.handle_packet(self.now, &packet) {
            Ok(event) => self.on_hub_event(&event, parcel),
            Err(error) => panic!("the device broke the rules: {error}\n{}", self.log()),
        }
    }

    pub(crate) fn hub_times_out(&mut self) {
        let mut events = 0;
        while let Some(event) = self.hub.as_mut().and_then(|hub| hub.handle_timeout(self.now)) {
            events += 1;
            assert!(events <= CALLS, "more than were open\n{}", self.log());
            let HubEvent::Unanswered { ticket } = event else { panic!("{event:?}\n{}", self.log()) };
            self.note(&format!("hub: {event:?}"));
            self.call_ended(ticket, Ending::TimedOut);
        }
        if let Some((at, why)) = self.hub.as_ref().and_then(HubSession::poll_timeout) {
            assert!(at > self.now, "{why} was due and not dealt with\n{}", self.log());
        }
    }

    fn on_hub_event(&mut self, event: &HubEvent<'_>, parcel: &Parcel) {
        match *event {
            HubEvent::Received { ack, message } => {
                let again = matches!(parcel, Parcel::Publish { duplicate: true, .. });
                let answer = matches!(message, Received::Answer { .. } | Received::LateAnswer);
                if !again && !answer {
                    self.must_be_subscribed();
                }
                self.on_message(&message);
                if let Some(token) = ack {
                    self.carry(End::Device, Parcel::new(&HubSession::<CALLS>::acknowledge(token)));
                }
            }
            HubEvent::Subscribed { token, granted, channels, .. } => {
                self.subscribes += 1;
                self.carry(End::Device, Parcel::SubAck { token, granted });
                if channels.contains(Channels::COMMANDS) {
                    self.deliver();
                }
            }
            HubEvent::Unsubscribed { token, removed } => {
                self.carry(End::Device, Parcel::UnsubAck { token, removed })
            }
            HubEvent::Settled { token, verdict, .. } => {
                if verdict == Verdict::Abandon {
                    return self.abandoned(token);
                }
                let command = self.under_way(token);
                command.completed += 1;
                self.deliver();
            }
            HubEvent::LateAck { token } => panic!("{token:?} completed twice"),
            HubEvent::AuthStep { signature } => {
                let until = Timestamp::from_millis(signature.terms.expiry_ms).since(self.timestamp());
                let mut out = [0; 64];
                let hub = self.hub.as_mut().expect("it received");
                let parcel = Parcel::new(&hub.renewed(self.now.after(until), &mut out).unwrap());
                self.carry(End::Device, parcel);
            }
            HubEvent::Goodbye | HubEvent::GaveUp { .. } => self.lose_hub(),
            HubEvent::Unanswered { .. } | HubEvent::Expired => panic!("by a packet"),
            HubEvent::Unreadable { .. } => panic!("{event:?}\n{}", self.log()),
        }
    }

    /// Before it has every channel, a device sends nothing of its own.
    fn must_be_subscribed(&self) {
        let hub = self.hub.as_ref().expect("it received");
        for channel in self.wanted.iter() {
            assert!(self.hears(hub, channel), "something came before {channel:?}\n{}", self.log());
        }
    }

    fn on_message(&mut self, message: &Received<'_>) {
        let (operation, request, version) = match *message {
            Received::Telemetry(telemetry) => {
                let number = u32::from_be_bytes(telemetry.payload.try_into().unwrap());
                *self.arrived.entry(number).or_default() += 1;
                return;
            }
            Received::Answer { ticket, code, .. } => {
                assert_eq!(code, 200);
                return self.call_ended(ticket, Ending::Answered);
            }
            Received::Declined { .. } => panic!("nothing is declined"),
            Received::LateAnswer => {
                self.late_answers += 1;
                return;
            }
            Received::TwinGet(get) => (Operation::TwinGet, get.request, None),
            Received::TwinPatch(patch) => (Operation::TwinPatch, patch.request, Some(7)),
        };
        let twin = format!(r#"{{"desired":{{"$version":{}}},"reported":{{"$version":6}}}}"#, self.desired);
        let payload = if version.is_none() { twin.as_bytes() } else { &[] };
        let reply = Reply { version, payload, ..Reply::new(request, Status::SUCCESS) };
        let mut out = [0; 256];
        let hub = self.hub.as_ref().expect("it received");
        let parcel = Parcel::new(&hub.reply(operation, &reply, &mut out).unwrap());
        self.carry(End::Device, parcel);
    }

    /// The device wants the command again: it goes out as one that never did.
    fn abandoned(&mut self, token: AckToken) {
        let command = self.under_way(token);
        command.abandoned += 1;
        command.sent.clear();
        self.deliver();
    }

    fn under_way(&mut self, token: AckToken) -> &mut Queued {
        let connection = self.connections;
        let has_it = |queued: &&mut Queued| {
            queued.completed == 0
                && queued.sent.last().is_some_and(|(on, last, _)| (*on, *last) == (connection, token))
        };
        self.commands.iter_mut().find(has_it).expect("it was sent, and is not completed")
    }

    fn call_ended(&mut self, ticket: Ticket, ending: Ending) {
        let call = (self.connections, ticket);
        self.calls.get_mut(&call).expect("nothing ends that did not begin").push(ending);
    }

    /// The hub's end of the connection is over: its calls are, and its subscriptions are kept or not.
    pub(crate) fn lose_hub(&mut self) {
        let Some(hub) = self.hub.take() else { return };
        self.kept = hub.kept();
        for ((connection, _), endings) in &mut self.calls {
            if *connection == self.connections && endings.is_empty() {
                endings.push(Ending::Lost);
            }
        }
    }

    /// Plays the hub's queue: commands that went out before go first, under their old tokens.
    pub(crate) fn deliver(&mut self) {
        let connection = self.connections;
        for number in 0..self.commands.len() {
            let Some(hub) = self.hub.as_mut() else { return };
            let queued = &mut self.commands[number];
            if queued.completed > 0 || queued.sent.last().is_some_and(|(on, _, _)| *on == connection) {
                continue;
            }
            let payload = u32::try_from(number).unwrap().to_be_bytes();
            let command = Command {
                payload: &payload,
                properties: command_properties(self.dialect),
                ..Command::default()
            };
            let mut out = [0; 256];
            match hub.command(&command, queued.delivery(), &mut out) {
                Ok((token, packet)) => {
                    let token = token.expect("the codec asks for QoS 1");
                    let parcel = Parcel::new(&packet);
                    let Parcel::Publish { duplicate, .. } = parcel else { panic!("{parcel:?}") };
                    queued.sent.push((connection, token, duplicate));
                    self.carry(End::Device, parcel);
                }
                Err(SendError::WindowFull { .. } | SendError::NotSubscribed) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// What every command of that dialect has.
pub(crate) fn command_properties(dialect: Dialect) -> Properties<'static> {
    const PREVIEW5: &[(SystemProperty, &str)] = &[
        (SystemProperty::SequenceNumber, "1"),
        (SystemProperty::EnqueuedTime, "1900000000000"),
        (SystemProperty::DeliveryCount, "0"),
    ];
    const PREVIEW311: &[(SystemProperty, &str)] = &[
        (SystemProperty::SequenceNumber, "1"),
        (SystemProperty::EnqueuedTime, "1900000000000"),
        (SystemProperty::DeliveryCount, "0"),
        (SystemProperty::Expiry, "1900000600000"),
    ];
    let properties = [(Dialect::Preview311, PREVIEW311), (Dialect::Preview5, PREVIEW5)];
    let of_it = properties.into_iter().find(|(its, _)| *its == dialect);
    of_it.map_or(Properties::default(), |(_, system)| Properties::new(system, &[]))
}

impl Queued {
    fn delivery(&self) -> Delivery {
        match self.sent.last() {
            None => Delivery::First,
            Some((_, token, _)) => Delivery::Again(*token),
        }
    }
}
