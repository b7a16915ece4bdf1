use iothub_codec::{Command, Properties, Qos, SystemProperty};
use iothub_proto::{AckToken, Delivery, Now, SendError};

use crate::call::compose;
use crate::change::Change;
use crate::effect::{Effect, Effects, PacketBuf};
use crate::hub::Hub;
use crate::key::from_base64;
use crate::queue::QueuedCommand;
use crate::registry::Key;
use crate::timers::Due;

impl Hub {
    /// Sends what waits for a device, as far as it listens and the window of its connection allows.
    pub(crate) fn deliver(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        self.expire_commands(now, key, effects);
        while let Some((command, again)) = self.next_command(key) {
            let payload = from_base64(&command.payload).unwrap_or_default();
            let delivery = again.map_or(Delivery::First, Delivery::Again);
            match self.send_command(key, &command, &payload, delivery, effects) {
                Ok(Some(token)) => {
                    if let Some(entry) = self.registry.get_mut(key) {
                        entry.queue.sent(command.sequence, token);
                    }
                }
                // At QoS 0 there is nothing to wait for.
                Ok(None) => {
                    let change = Change::CommandRemoved { key: key.clone(), sequence: command.sequence };
                    self.record(change, effects);
                }
                Err(_) => break,
            }
        }
    }

    pub(crate) fn command_completed(&mut self, now: Now, key: &Key, token: AckToken, effects: &mut Effects) {
        let sequence = self.registry.get(key).and_then(|entry| entry.queue.in_flight(token));
        if let Some(sequence) = sequence {
            self.record(Change::CommandRemoved { key: key.clone(), sequence }, effects);
            self.deliver(now, key, effects);
        }
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
            self.record(Change::CommandRemoved { key: key.clone(), sequence }, effects);
        }
    }

    fn next_command(&self, key: &Key) -> Option<(QueuedCommand, Option<AckToken>)> {
        let next = self.registry.get(key)?.queue.next()?;
        Some((next.command.clone(), next.again))
    }

    fn send_command(
        &mut self,
        key: &Key,
        command: &QueuedCommand,
        payload: &[u8],
        delivery: Delivery,
        effects: &mut Effects,
    ) -> Result<Option<AckToken>, SendError> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let system: Vec<(SystemProperty, &str)> = command.system_properties();
        let application: Vec<(&str, &str)> =
            command.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let message = Command {
            payload,
            properties: Properties::new(&system, &application),
            // The session puts in what the device has subscribed at.
            qos: Qos::AtLeastOnce,
        };
        let sent = match self.serving_device(key) {
            None => Err(SendError::NotReady),
            Some((id, serving)) => compose(&mut scratch, |out| {
                let (token, packet) = serving.session.command(&message, delivery, out)?;
                Ok((id, token, PacketBuf::new(&packet).expect("a command is a PUBLISH")))
            }),
        };
        self.scratch = scratch;
        let (id, token, packet) = sent?;
        effects.push(Effect::Send { connection: id, packet });
        Ok(token)
    }
}
