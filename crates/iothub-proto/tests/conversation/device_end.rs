//! The device's end of the pair: its application, and the transport that repeats what was not acknowledged.

use iothub_codec::{Channels, Command, Dialect};
use iothub_proto::{AckToken, DeviceEvent, HubSession, Now, Ticket, Verdict};

use crate::link::End;
use crate::pair::{CALLS, Ending, Pair, REQUESTS, is_open};
use crate::parcel::Parcel;

/// More than a session can owe: sixteen acknowledgements and a subscription.
const OWED_MAX: usize = 20;

impl Pair {
    pub(crate) fn device_receives(&mut self, parcel: &Parcel) {
        match self.device.handle_packet(self.now, &parcel.packet()) {
            Ok(Some(event)) => self.on_device_event(&event),
            Ok(None) => {}
            Err(error) => panic!("the hub broke the rules: {error}\n{}", self.log()),
        }
        if let Parcel::Connected { .. } = parcel {
            self.repeat_unacknowledged();
        }
    }

    /// What the transport does: QoS 1 messages of an earlier connection go out again.
    fn repeat_unacknowledged(&mut self) {
        let again: Vec<Parcel> = self.repeats.values().map(|(_, parcel)| parcel.clone()).collect();
        for parcel in again {
            self.carry(End::Hub, parcel.again());
        }
    }

    pub(crate) fn device_transmits(&mut self) {
        let mut out = [0; 512];
        for _ in 0..OWED_MAX {
            let Some(packet) = self.device.poll_transmit(&mut out).unwrap() else { return };
            let parcel = Parcel::new(&packet);
            self.carry(End::Hub, parcel);
        }
        panic!("there is no end to what is owed\n{}", self.log());
    }

    pub(crate) fn device_times_out(&mut self) {
        let mut events = 0;
        while let Some(event) = self.device.handle_timeout(self.now) {
            self.on_device_event(&event);
            events += 1;
            assert!(events <= REQUESTS + 2, "more than the requests, a renewal and a twin\n{}", self.log());
        }
        if let Some((at, why)) = self.device.poll_timeout() {
            assert!(at > self.now, "{why} was due and not dealt with\n{}", self.log());
        }
    }

    fn on_device_event(&mut self, event: &DeviceEvent<'_>) {
        self.note(&format!("device: {event:?}"));
        match *event {
            DeviceEvent::Ready => {
                let hub = self.hub.as_ref().expect("ready with a hub");
                for channel in self.wanted.iter() {
                    assert!(self.hears(hub, channel), "ready without {channel:?}\n{}", self.log());
                }
            }
            DeviceEvent::ConnectRefused { .. }
            | DeviceEvent::SubscribeRefused { .. }
            | DeviceEvent::Disconnected { .. }
            | DeviceEvent::NotRenewed
            | DeviceEvent::SendRefused { .. }
            | DeviceEvent::NotModified { .. } => {
                panic!("this hub refuses nothing\n{}", self.log())
            }
            DeviceEvent::RenewSoon => self.renew(),
            DeviceEvent::Renewed => self.renewals += 1,
            DeviceEvent::Twin { ticket, version, .. } => {
                // Changes that it contains are not told again.
                if self.known.is_some() && version > self.known {
                    self.knows(version.expect("more than something"));
                }
                self.ended(ticket, Ending::Answered);
            }
            DeviceEvent::Reported { ticket, .. } => {
                self.ended(ticket, Ending::Answered);
            }
            DeviceEvent::Refused { ticket, .. } => self.ended(ticket, Ending::Refused),
            DeviceEvent::TimedOut { ticket } => self.ended(ticket, Ending::TimedOut),
            DeviceEvent::Lost { ticket } => self.ended(ticket, Ending::Lost),
            DeviceEvent::Sent { token } => {
                let (number, _) = self.repeats.remove(&token).expect("the session asserts that it is open");
                *self.acknowledged.entry(number).or_default() += 1;
            }
            DeviceEvent::Command { command, ack } => self.on_command(&command, ack),
            DeviceEvent::Input { .. } => panic!("no module"),
            DeviceEvent::Method(call) => {
                if self.answers {
                    let mut out = [0; 256];
                    let packet = self.device.reply(call.request, call.name, 200, b"{}", &mut out);
                    let parcel = Parcel::new(&packet.unwrap());
                    self.carry(End::Hub, parcel);
                }
            }
            DeviceEvent::DesiredChanged(change) => {
                self.changes += 1;
                let known = self.known.expect("nothing is told before it is known what it changes");
                assert_eq!(change.version, known + 1, "in order, and each once\n{}", self.log());
                self.knows(change.version);
            }
            DeviceEvent::DesiredMissed { known, version } => {
                self.gaps += 1;
                assert_eq!(self.known.take(), Some(known), "{}", self.log());
                assert!(version > known + 1, "nothing is missing\n{}", self.log());
            }
            DeviceEvent::DesiredCurrent { version, .. } => {
                self.refreshes += 1;
                self.knows(version);
            }
            DeviceEvent::DesiredUnavailable { .. } => assert_eq!(self.known, None, "{}", self.log()),
        }
    }

    fn on_command(&mut self, command: &Command<'_>, ack: Option<AckToken>) {
        let number = u32::from_be_bytes(command.payload.try_into().unwrap());
        *self.seen.entry(number).or_default() += 1;
        let Some(token) = ack else { return };
        if self.abandons && self.seen[&number] == 1 {
            self.settle(token, Verdict::Abandon);
        } else if self.completes {
            self.settle(token, Verdict::Complete);
        } else {
            self.uncompleted.push(token);
        }
    }

    fn renew(&mut self) {
        let valid_until = self.valid_until.expect("only what expires is renewed");
        assert!(self.timestamp() < valid_until, "too late\n{}", self.log());
        if self.dialect == Dialect::Preview5 {
            self.valid_until = self.lifetime.map(|lifetime| self.timestamp().after(lifetime));
            let (now, signature) = (Now { instant: self.now, timestamp: self.timestamp() }, self.signature());
            let mut out = [0; 128];
            let parcel = Parcel::new(&self.device.renew(now, &signature, &mut out).unwrap());
            return self.carry(End::Hub, parcel);
        }
        self.renewals += 1;
        self.cut();
        self.reconnect_at = Some(self.now);
    }

    /// Versions never go back for who listens.
    fn knows(&mut self, version: u64) {
        assert!(version >= self.newest_known, "back to {version}\n{}", self.log());
        assert!(version <= self.desired, "of the future\n{}", self.log());
        self.newest_known = version;
        self.known = Some(version);
    }

    /// Whether the hub sends on that channel.
    pub(crate) fn hears(&self, hub: &HubSession<CALLS>, channel: Channels) -> bool {
        is_open(self.dialect, channel) || hub.subscriptions().granted(channel).is_some()
    }

    fn ended(&mut self, ticket: Ticket, ending: Ending) {
        self.requests.get_mut(&ticket).expect("nothing ends that did not begin").push(ending);
    }

    pub(crate) fn asked(&mut self, ticket: Ticket, parcel: Parcel) {
        assert!(self.requests.insert(ticket, Vec::new()).is_none(), "{ticket:?} twice\n{}", self.log());
        self.carry(End::Hub, parcel);
    }
}
