//! What a hub sends by itself: commands, calls, desired changes, and answers that took their time.

use core::time::Duration;

use iothub_codec::{
    Command, DesiredChanged, Dialect, Operation, Properties, Qos, Reply, Status, SystemProperty, TwinPart,
};
use iothub_proto::{Delivery, Packet, SendError, Ticket};

use super::app::METHOD;
use super::hub_end::Answer;
use super::truth::Call;
use super::{PACKET_LEN_MAX, Pair, Serving};
use crate::document::Document;
use crate::fault::Fault;
use crate::ledger::{Ledger, Property};

impl Pair {
    /// Lets what the hub does by itself happen on the connection that it has, if it has one.
    pub(super) fn with_serving<T>(
        &mut self,
        does: impl FnOnce(&mut Self, &mut Serving, u32) -> T,
    ) -> Option<T> {
        let at = self.served()?;
        let number = self.connections[at].number;
        let mut serving = self.connections[at].serving.take()?;
        let done = does(self, &mut serving, number);
        self.connections[at].serving = Some(serving);
        Some(done)
    }

    /// Plays the queue: what went out before goes first, under its old token.
    pub(super) fn deliver(&mut self, serving: &mut Serving, connection: u32, ledger: &mut Ledger) {
        for again in [true, false] {
            for number in 0..self.truth.commands.len() {
                let command = &self.truth.commands[number];
                let here = command.sent.is_some_and(|(on, _)| on == connection);
                if command.done || here || command.sent.is_some() != again {
                    continue;
                }
                let delivery = command.sent.map_or(Delivery::First, |(_, token)| Delivery::Again(token));
                if !self.send_command(serving, connection, number, delivery, ledger) {
                    return;
                }
            }
        }
    }

    /// Whether another may follow.
    fn send_command(
        &mut self,
        serving: &mut Serving,
        connection: u32,
        number: usize,
        delivery: Delivery,
        ledger: &mut Ledger,
    ) -> bool {
        let Some(session) = &mut serving.session else { return false };
        let payload = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        let properties = command_properties(self.setting.dialect);
        let command = Command { payload: &payload, properties, ..Command::default() };
        let mut out = [0; PACKET_LEN_MAX];
        match session.command(&command, delivery, &mut out) {
            Ok((Some(token), packet)) => {
                let again = matches!(&packet, Packet::Publish { publish, .. } if publish.duplicate);
                if again != matches!(delivery, Delivery::Again(_)) {
                    ledger.breaks(self.setting.name, Property::Rules, || "DUP is not as it is".to_owned());
                }
                self.truth.commands[number].sent = Some((connection, token));
                self.truth.commands[number].said = None;
                self.hub_sends(serving, &packet, ledger);
                true
            }
            Err(SendError::WindowFull { .. } | SendError::NotSubscribed) => false,
            other => {
                ledger.breaks(self.setting.name, Property::Rules, || format!("command {number}: {other:?}"));
                false
            }
        }
    }

    /// Calls the method of the device; whether the call went out.
    pub(super) fn call(&mut self, timeout: Duration, ledger: &mut Ledger) -> Result<(), SendError> {
        let number = self.truth.calls.len();
        let called = self.with_serving(|pair, serving, connection| {
            let session = serving.session.as_mut().ok_or(SendError::NotReady)?;
            let (text, mut out) = (number.to_string(), [0; PACKET_LEN_MAX]);
            let (ticket, packet) = session.call(pair.now, timeout, METHOD, text.as_bytes(), &mut out)?;
            let open = Some((connection, ticket, pair.now.after(timeout)));
            let open_before =
                |call: &Call| call.open.is_some_and(|(on, other, _)| (on, other) == (connection, ticket));
            if pair.truth.calls.iter().any(open_before) {
                ledger.breaks(pair.setting.name, Property::EndsOnce, || format!("{ticket:?} is open twice"));
            }
            pair.truth.calls.push(Call { open, seen: false });
            if pair.is_dropped(ledger) {
                return Ok(());
            }
            pair.hub_sends(serving, &packet, ledger);
            Ok(())
        });
        called.unwrap_or(Err(SendError::NotReady))
    }

    /// The number of the call that has just ended.
    pub(super) fn call_ended(&mut self, connection: u32, ticket: Ticket, ledger: &mut Ledger) -> Option<u64> {
        let its = |call: &Call| call.open.is_some_and(|(on, open, _)| (on, open) == (connection, ticket));
        let Some(number) = self.truth.calls.iter().position(its) else {
            ledger.breaks(self.setting.name, Property::EndsOnce, || format!("call {ticket:?} is not open"));
            return None;
        };
        self.truth.calls[number].open = None;
        Some(number as u64)
    }

    pub(super) fn calls_are_lost(&mut self, connection: u32) {
        for call in &mut self.truth.calls {
            call.open.take_if(|(on, _, _)| *on == connection);
        }
    }

    /// Somebody changes the desired properties, and the hub tells a device that listens.
    pub(super) fn change_desired(&mut self, ledger: &mut Ledger) {
        let version = self.truth.change();
        ledger.note("hub", || format!("the desired properties are at {version} now"));
        let told = self.with_serving(|pair, serving, _| {
            let session = serving.session.as_mut().ok_or(SendError::NotReady)?;
            let mut text = core::mem::take(&mut pair.hub.text);
            Document::write_patch(version, &mut text);
            let mut out = [0; PACKET_LEN_MAX];
            let change = DesiredChanged { version, patch: text.as_bytes(), qos: Qos::AtLeastOnce };
            let packet = session.desired_changed(&change, &mut out)?;
            if pair.is_dropped(ledger) {
                pair.truth.unseen = true;
            } else {
                pair.hub_sends(serving, &packet, ledger);
                pair.truth.unseen = false;
            }
            pair.hub.text = text;
            Ok(())
        });
        match told {
            None | Some(Ok(()) | Err(SendError::NotSubscribed | SendError::NotReady)) => {}
            Some(Err(error)) => {
                ledger.breaks(self.setting.name, Property::Rules, || format!("a desired change: {error}"));
            }
        }
    }

    pub(super) fn hub_answers_late(&mut self, ledger: &mut Ledger) {
        let now = self.now;
        while let Some(at) = self.hub.late.iter().position(|late| late.at <= now) {
            let late = self.hub.late.swap_remove(at);
            self.with_serving(|pair, serving, _| pair.hub_answers(serving, &late.answer, ledger));
        }
    }

    /// Answers a twin request, unless the device does not listen to answers.
    pub(super) fn hub_answers(&mut self, serving: &mut Serving, answer: &Answer, ledger: &mut Ledger) {
        let Some(session) = &serving.session else { return };
        let mut text = core::mem::take(&mut self.hub.text);
        text.clear();
        let twin = answer.operation == Operation::TwinGet && answer.status.is_success();
        let patch = answer.operation == Operation::TwinPatch && answer.status.is_success();
        let mut version = patch.then_some(answer.reported);
        if twin
            && answer.status != Status::NOT_MODIFIED
            && let Some(document) = self.truth.document(answer.version)
        {
            version = match answer.part {
                TwinPart::Whole => {
                    document.write_twin(answer.version, answer.reported, &mut text);
                    None
                }
                TwinPart::Desired => {
                    document.write_desired(answer.version, &mut text);
                    Some(answer.version)
                }
                TwinPart::Reported => {
                    text = format!(r#"{{"$version":{}}}"#, answer.reported);
                    Some(answer.reported)
                }
            };
        }
        let reply =
            Reply { version, payload: text.as_bytes(), ..Reply::new(answer.request.as_id(), answer.status) };
        let mut out = [0; PACKET_LEN_MAX];
        match session.reply(answer.operation, &reply, &mut out) {
            Err(SendError::NotSubscribed) => {}
            Ok(_) if self.is_dropped(ledger) => {}
            Ok(packet) => self.hub_sends(serving, &packet, ledger),
            Err(error) => {
                ledger.breaks(self.setting.name, Property::Rules, || format!("no answer: {error}"));
            }
        }
        self.hub.text = text;
    }

    /// Whether a message at QoS 0 gets lost.
    fn is_dropped(&mut self, ledger: &mut Ledger) -> bool {
        let dropped = self.chance.happens(self.storm.dropped);
        if dropped {
            ledger.fault(self.setting.name, Fault::Dropped);
        }
        dropped
    }
}

/// What every command of that dialect has.
fn command_properties(dialect: Dialect) -> Properties<'static> {
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
