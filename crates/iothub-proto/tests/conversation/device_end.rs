//! The device's end of the pair: its application, and the transport that repeats what was not acknowledged.

use iothub_codec::Command;
use iothub_proto::{AckToken, DeviceEvent, Ticket};

use crate::link::End;
use crate::pair::{Ending, Pair, REQUESTS};
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
            let Parcel::Publish { ack, topic, payload, duplicate: _ } = parcel else { unreachable!() };
            self.carry(End::Hub, Parcel::Publish { ack, topic, payload, duplicate: true });
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
            assert!(events <= REQUESTS + 1, "more than the requests and a renewal\n{}", self.log());
        }
        if let Some((at, why)) = self.device.poll_timeout() {
            assert!(at > self.now, "{why} was due and not dealt with\n{}", self.log());
        }
    }

    fn on_device_event(&mut self, event: &DeviceEvent<'_>) {
        self.note(&format!("device: {event:?}"));
        match *event {
            DeviceEvent::Ready => {
                for channel in self.wanted.iter() {
                    let granted = self.hub.as_ref().and_then(|hub| hub.subscriptions().granted(channel));
                    assert!(granted.is_some(), "ready without {channel:?}\n{}", self.log());
                }
            }
            DeviceEvent::ConnectRefused { .. } | DeviceEvent::SubscribeRefused { .. } => {
                panic!("this hub refuses nothing\n{}", self.log())
            }
            DeviceEvent::RenewSoon => self.renew(),
            DeviceEvent::Twin { ticket, .. } | DeviceEvent::Reported { ticket, .. } => {
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
            DeviceEvent::DesiredChanged(change) => self.desired.push(change.version),
        }
    }

    fn on_command(&mut self, command: &Command<'_>, ack: Option<AckToken>) {
        let number = u32::from_be_bytes(command.payload.try_into().unwrap());
        *self.seen.entry(number).or_default() += 1;
        let Some(token) = ack else { return };
        if self.completes {
            let parcel = Parcel::new(&self.device.complete(token).unwrap());
            self.carry(End::Hub, parcel);
        } else {
            self.uncompleted.push(token);
        }
    }

    fn renew(&mut self) {
        let valid_until = self.valid_until.expect("only what expires is renewed");
        assert!(self.timestamp() < valid_until, "too late\n{}", self.log());
        self.renewals += 1;
        self.cut();
        self.reconnect_at = Some(self.now);
    }

    fn ended(&mut self, ticket: Ticket, ending: Ending) {
        self.requests.get_mut(&ticket).expect("nothing ends that did not begin").push(ending);
    }

    pub(crate) fn asked(&mut self, ticket: Ticket, parcel: Parcel) {
        assert!(self.requests.insert(ticket, Vec::new()).is_none(), "{ticket:?} twice\n{}", self.log());
        self.carry(End::Hub, parcel);
    }
}
