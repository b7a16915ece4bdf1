use iothub_codec::{Command, Properties, Qos, Status};
use iothub_model::{CommandOutcome, FeedbackRecord, FeedbackWanted};
use iothub_proto::{AckToken, Delivery, Now, SendError};

use crate::change::Change;
use crate::commands::{DeadLetter, QueuedCommand};
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::key::from_base64;
use crate::notice::{Level, Notice};
use crate::packet::PacketBuf;
use crate::pickup::KeptRecord;
use crate::registry::Key;
use crate::rule::Rule;
use crate::timers::Due;
use crate::twin::date;

/// A command as it goes out.
struct Shipment {
    command: QueuedCommand,
    delivery: Delivery,
    returned: u32,
}

impl Hub {
    /// Sends what waits for a device, as far as it listens and the window of its connection allows.
    pub(crate) fn deliver(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        if !self.has_room() {
            // What becomes of them could not be recorded. They are looked at when there is room.
            return;
        }
        self.expire_commands(now, key, effects);
        while let Some(shipment) = self.next_command(key) {
            let sequence = shipment.command.sequence;
            match self.send_command(key, &shipment, effects) {
                Ok(Some(token)) => {
                    if let Some(entry) = self.registry.get_mut(key) {
                        entry.queue.sent(sequence, token);
                    }
                }
                // At QoS 0 there is nothing to wait for.
                Ok(None) => self.finish_command(now, key, sequence, CommandOutcome::Success, effects),
                // It would keep up all those behind it.
                Err(error @ (SendError::TooLarge { .. } | SendError::Encode(_))) => {
                    let why = format!("command {sequence} cannot be sent: {error}");
                    self.log_command(Level::Warn, key, "command dropped", why, effects);
                    self.finish_command(now, key, sequence, CommandOutcome::Rejected, effects);
                }
                Err(_) => break,
            }
        }
    }

    pub(crate) fn command_completed(&mut self, now: Now, key: &Key, token: AckToken, effects: &mut Effects) {
        let Some(sequence) = self.command_in_flight(key, token) else { return };
        self.finish_command(now, key, sequence, CommandOutcome::Success, effects);
        self.deliver(now, key, effects);
    }

    /// The device does not want it now: it is delivered again, but not for ever.
    pub(crate) fn command_abandoned(&mut self, now: Now, key: &Key, token: AckToken, effects: &mut Effects) {
        let Some(sequence) = self.command_in_flight(key, token) else { return };
        self.give_back_command(now, key, sequence, effects);
        self.deliver(now, key, effects);
    }

    /// A command came back: it is for the next delivery, if there may be one.
    pub(crate) fn give_back_command(&mut self, now: Now, key: &Key, sequence: u64, effects: &mut Effects) {
        self.record(Change::CommandAbandoned { key: key.clone(), sequence }, effects);
        let returned = self.registry.get(key).map_or(0, |entry| entry.queue.returned(sequence));
        if returned >= self.config.commands.deliveries_max() {
            let why = format!("command {sequence} was delivered {returned} times, and not completed");
            self.log_command(Level::Warn, key, "command dropped", why, effects);
            self.finish_command(now, key, sequence, CommandOutcome::DeliveryCountExceeded, effects);
        }
    }

    /// The device never wants it.
    pub(crate) fn command_rejected(
        &mut self,
        now: Now,
        key: &Key,
        (token, status): (AckToken, Status),
        effects: &mut Effects,
    ) {
        let Some(sequence) = self.command_in_flight(key, token) else { return };
        let why = format!("command {sequence} was rejected by the device with status {status}");
        self.log_command(Level::Warn, key, "command dropped", why, effects);
        self.finish_command(now, key, sequence, CommandOutcome::Rejected, effects);
        self.deliver(now, key, effects);
    }

    /// Sees to it that a command is looked at again when its time is over.
    pub(crate) fn command_watch(&mut self, now: Now, key: &Key) {
        let Some(due) = self.registry.get(key).and_then(|entry| entry.queue.next_due()) else {
            return;
        };
        let left = due.since(now.timestamp);
        self.timers.set(now.instant.after(left), Due::Command(key.clone()));
    }

    /// The same for every device: for a hub that begins with commands from its record.
    pub(crate) fn watch_commands(&mut self, now: Now) {
        let waiting: Vec<Key> = self.with_commands().cloned().collect();
        for key in waiting {
            self.command_watch(now, &key);
        }
    }

    /// For whom commands wait.
    pub(crate) fn with_commands(&self) -> impl Iterator<Item = &Key> {
        self.registry.iter().filter(|(_, entry)| entry.queue.len() > 0).map(|(key, _)| key)
    }

    pub(crate) fn command_due(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        // What comes back from a lock may go to a connection.
        self.deliver(now, key, effects);
        if self.has_room() {
            self.command_watch(now, key);
        }
    }

    /// Ends locks and commands whose time is over.
    pub(crate) fn expire_commands(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        let Some(entry) = self.registry.get(key) else { return };
        for sequence in entry.queue.unlocked(now.timestamp) {
            self.give_back_command(now, key, sequence, effects);
        }
        let Some(entry) = self.registry.get(key) else { return };
        for sequence in entry.queue.expired(now.timestamp) {
            self.finish_command(now, key, sequence, CommandOutcome::Expired, effects);
        }
    }

    fn command_in_flight(&self, key: &Key, token: AckToken) -> Option<u64> {
        self.registry.get(key)?.queue.in_flight(token)
    }

    /// A command has come to its end: whoever asked is told, and what came to nothing is kept.
    pub(crate) fn finish_command(
        &mut self,
        now: Now,
        key: &Key,
        sequence: u64,
        outcome: CommandOutcome,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.registry.get(key) else { return };
        let Some(command) = entry.queue.get(sequence).cloned() else { return };
        let deliveries = entry.queue.returned(sequence);
        let generation = entry.record.generation_id.clone();
        self.record(Change::CommandRemoved { key: key.clone(), sequence }, effects);
        self.give_feedback(now, (key, generation), &command, outcome, effects);
        match outcome {
            CommandOutcome::Success | CommandOutcome::Purged => {}
            CommandOutcome::Expired | CommandOutcome::DeliveryCountExceeded | CommandOutcome::Rejected => {
                let (key, at_ms) = (key.clone(), now.timestamp.as_millis());
                let letter = Box::new(DeadLetter { key, command, outcome, at_ms, deliveries });
                let number = self.dead_letters.next_number();
                self.record(Change::DeadLettered { number, letter }, effects);
            }
        }
    }

    fn give_feedback(
        &mut self,
        now: Now,
        (key, generation): (&Key, String),
        command: &QueuedCommand,
        outcome: CommandOutcome,
        effects: &mut Effects,
    ) {
        let wanted = command.system("iothub-ack").and_then(|wanted| wanted.parse().ok());
        let wanted: FeedbackWanted = wanted.unwrap_or_default();
        let Some(id) = command.system("message-id").filter(|_| wanted.includes(outcome)) else { return };
        let record = FeedbackRecord {
            original_message_id: id.into(),
            enqueued_time_utc: date(now.timestamp),
            status_code: outcome,
            description: outcome.as_str().into(),
            device_id: key.device.clone(),
            device_generation_id: generation,
        };
        let expires_ms = now.timestamp.after(self.config.commands.feedback_ttl()).as_millis();
        let (number, feedback) = (self.feedback.next_number(), KeptRecord { record, expires_ms });
        self.record(Change::FeedbackAdded { number, feedback }, effects);
    }

    fn log_command(
        &mut self,
        level: Level,
        key: &Key,
        what: &'static str,
        why: String,
        effects: &mut Effects,
    ) {
        let peer = self.registry.get(key).and_then(|entry| self.peer(entry.connection?));
        let (who, rule) = (Some(key.to_string()), Some(Rule::DroppedCommand));
        effects.push(Effect::Log(Notice { level, peer, who, what, rule, why }));
    }

    fn next_command(&self, key: &Key) -> Option<Shipment> {
        let next = self.registry.get(key)?.queue.next()?;
        Some(Shipment {
            command: next.command.clone(),
            delivery: next.again.map_or(Delivery::First, Delivery::Again),
            returned: next.returned,
        })
    }

    fn send_command(
        &mut self,
        key: &Key,
        shipment: &Shipment,
        effects: &mut Effects,
    ) -> Result<Option<AckToken>, SendError> {
        let Some((id, serving)) = self.serving_device(key) else { return Err(SendError::NotReady) };
        let dialect = serving.origin.dialect;
        let Shipment { command, delivery, returned } = shipment;
        let payload = from_base64(&command.payload).unwrap_or_default();
        let system = command.system_properties(dialect, *returned);
        let system: Vec<_> = system.iter().map(|(property, value)| (*property, value.as_ref())).collect();
        let application: Vec<(&str, &str)> =
            command.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let message = Command {
            payload: &payload,
            properties: Properties::new(&system, &application),
            // The session puts in what the device has subscribed at.
            qos: Qos::AtLeastOnce,
        };
        let mut sent = None;
        let written = self.written(id, |session, out| {
            let (token, packet) = session.command(&message, *delivery, out)?;
            sent = token;
            Ok(PacketBuf::new(&packet).expect("a command is a PUBLISH"))
        });
        let packet = written.unwrap_or(Err(SendError::NotReady))?;
        effects.push(Effect::Send { connection: id, packet });
        Ok(sent)
    }
}
