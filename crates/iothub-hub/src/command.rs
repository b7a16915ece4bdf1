use iothub_codec::{Command, Properties, Qos, Status};
use iothub_proto::{AckToken, Delivery, Now, SendError};

use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::key::from_base64;
use crate::notice::{Level, Notice};
use crate::packet::PacketBuf;
use crate::queue::{Queue, QueuedCommand};
use crate::registry::Key;
use crate::rule::Rule;
use crate::timers::Due;

/// A command as it goes out.
struct Shipment {
    command: QueuedCommand,
    delivery: Delivery,
    returned: u32,
}

impl Hub {
    /// Sends what waits for a device, as far as it listens and the window of its connection allows.
    pub(crate) fn deliver(&mut self, now: Now, key: &Key, effects: &mut Effects) {
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
                Ok(None) => self.remove_command(key, sequence, effects),
                // It would keep up all those behind it.
                Err(error @ (SendError::TooLarge { .. } | SendError::Encode(_))) => {
                    let why = format!("command {sequence} cannot be sent: {error}");
                    self.log_command(Level::Warn, key, "command dropped", why, effects);
                    self.remove_command(key, sequence, effects);
                }
                Err(_) => break,
            }
        }
    }

    pub(crate) fn command_completed(&mut self, now: Now, key: &Key, token: AckToken, effects: &mut Effects) {
        let Some(sequence) = self.command_in_flight(key, token) else { return };
        self.remove_command(key, sequence, effects);
        self.deliver(now, key, effects);
    }

    /// The device does not want it now: it is delivered again, but not for ever.
    pub(crate) fn command_abandoned(&mut self, now: Now, key: &Key, token: AckToken, effects: &mut Effects) {
        let Some(sequence) = self.command_in_flight(key, token) else { return };
        self.record(Change::CommandAbandoned { key: key.clone(), sequence }, effects);
        let returned = self.registry.get(key).map_or(0, |entry| entry.queue.returned(sequence));
        if returned >= Queue::DELIVERIES_MAX {
            let why = format!("command {sequence} was delivered {returned} times, and given back");
            self.log_command(Level::Warn, key, "command dropped", why, effects);
            self.remove_command(key, sequence, effects);
        }
        self.deliver(now, key, effects);
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
        self.remove_command(key, sequence, effects);
        self.deliver(now, key, effects);
    }

    /// Sees to it that a command is looked at again when its time is over.
    pub(crate) fn command_watch(&mut self, now: Now, key: &Key) {
        let Some(expires) = self.registry.get(key).and_then(|entry| entry.queue.next_expiry()) else {
            return;
        };
        let left = expires.since(now.timestamp);
        self.timers.set(now.instant.after(left), Due::Command(key.clone()));
    }

    /// The same for every device: for a hub that begins with commands from its record.
    pub(crate) fn watch_commands(&mut self, now: Now) {
        let waiting: Vec<Key> = self
            .registry
            .iter()
            .filter(|(_, entry)| entry.queue.len() > 0)
            .map(|(key, _)| key.clone())
            .collect();
        for key in waiting {
            self.command_watch(now, &key);
        }
    }

    pub(crate) fn command_due(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        self.expire_commands(now, key, effects);
        self.command_watch(now, key);
    }

    fn expire_commands(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        let Some(entry) = self.registry.get(key) else { return };
        for sequence in entry.queue.expired(now.timestamp) {
            self.remove_command(key, sequence, effects);
        }
    }

    fn command_in_flight(&self, key: &Key, token: AckToken) -> Option<u64> {
        self.registry.get(key)?.queue.in_flight(token)
    }

    fn remove_command(&mut self, key: &Key, sequence: u64, effects: &mut Effects) {
        self.record(Change::CommandRemoved { key: key.clone(), sequence }, effects);
    }

    fn log_command(
        &mut self,
        level: Level,
        key: &Key,
        what: &'static str,
        why: String,
        effects: &mut Effects,
    ) {
        let peer = self.registry.get(key).and_then(|entry| self.peer(entry.presence.connection?));
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
