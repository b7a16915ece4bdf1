use std::borrow::Cow;
use std::collections::VecDeque;

use iothub_codec::{Dialect, SystemProperty};
use iothub_proto::{AckToken, Timestamp};
use serde::{Deserialize, Serialize};

/// The commands that wait for one device, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Queue {
    commands: VecDeque<Waiting>,
    last_sequence: u64,
}

/// A command as it was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedCommand {
    /// Numbers the commands of one device, from 1.
    pub sequence: u64,
    /// When it was taken in, in milliseconds since 1970.
    pub enqueued_ms: u64,
    /// When it is dropped if it was not completed, in milliseconds since 1970.
    pub expires_ms: u64,
    /// System properties by their names on the wire of the service side.
    pub system: Vec<(String, String)>,
    /// The application's properties.
    pub properties: Vec<(String, String)>,
    /// The payload, in base64.
    pub payload: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    command: QueuedCommand,
    /// Lasts as long as connections do.
    #[serde(skip)]
    delivery: Delivered,
    /// How often it was sent and came to nothing. Only what devices gave back themselves is recorded.
    returned: u32,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Delivered {
    /// It was not sent.
    #[default]
    Never,
    /// It is on its way over the present connection.
    InFlight(AckToken),
    /// It was sent over a connection that ended before the acknowledgement.
    Before(AckToken),
    /// The device has fetched it, and may settle it under this number until then.
    Locked { lock: u64, until: Timestamp },
}

/// A command to be sent now, and the token under which it went out before.
pub(crate) struct Next<'a> {
    pub(crate) command: &'a QueuedCommand,
    pub(crate) again: Option<AckToken>,
    /// How often it was sent before.
    pub(crate) returned: u32,
}

impl Queue {
    /// Most commands of one device at a time.
    pub(crate) const CAPACITY: usize = 50;

    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn is_as_new(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        self.last_sequence + 1
    }

    pub(crate) fn push(&mut self, command: QueuedCommand) {
        self.last_sequence = self.last_sequence.max(command.sequence);
        self.commands.push_back(Waiting { command, delivery: Delivered::Never, returned: 0 });
    }

    /// The first command that is not on its way.
    pub(crate) fn next(&self) -> Option<Next<'_>> {
        self.commands.iter().find_map(|waiting| {
            let again = match waiting.delivery {
                Delivered::Never => None,
                Delivered::Before(token) => Some(token),
                Delivered::InFlight(_) | Delivered::Locked { .. } => return None,
            };
            Some(Next { command: &waiting.command, again, returned: waiting.returned })
        })
    }

    pub(crate) fn sent(&mut self, sequence: u64, token: AckToken) {
        if let Some(waiting) = self.find(sequence) {
            waiting.delivery = Delivered::InFlight(token);
        }
    }

    /// The command that was on its way under that token.
    pub(crate) fn in_flight(&self, token: AckToken) -> Option<u64> {
        let flying = Delivered::InFlight(token);
        self.commands.iter().find(|waiting| waiting.delivery == flying).map(|w| w.command.sequence)
    }

    /// Gives the device the first command that it does not have yet, under a lock.
    pub(crate) fn lock(&mut self, lock: u64, until: Timestamp) -> Option<(&QueuedCommand, u32)> {
        let free =
            |waiting: &&mut Waiting| matches!(waiting.delivery, Delivered::Never | Delivered::Before(_));
        let waiting = self.commands.iter_mut().find(free)?;
        waiting.delivery = Delivered::Locked { lock, until };
        Some((&waiting.command, waiting.returned))
    }

    /// The command under that lock.
    pub(crate) fn locked(&self, lock: u64) -> Option<u64> {
        let is_it = |waiting: &&Waiting| matches!(waiting.delivery, Delivered::Locked { lock: held, .. } if held == lock);
        self.commands.iter().find(is_it).map(|waiting| waiting.command.sequence)
    }

    /// The commands whose locks have ended.
    pub(crate) fn unlocked(&self, now: Timestamp) -> Vec<u64> {
        let has_ended =
            |waiting: &&Waiting| matches!(waiting.delivery, Delivered::Locked { until, .. } if until <= now);
        self.commands.iter().filter(has_ended).map(|waiting| waiting.command.sequence).collect()
    }

    /// The connection is gone: what was on its way is to be sent again.
    pub(crate) fn recall(&mut self) {
        for waiting in &mut self.commands {
            if let Delivered::InFlight(token) = waiting.delivery {
                waiting.delivery = Delivered::Before(token);
                waiting.returned += 1;
            }
        }
    }

    /// The device does not want it now.
    pub(crate) fn give_back(&mut self, sequence: u64) {
        if let Some(waiting) = self.find(sequence) {
            waiting.delivery = Delivered::Never;
            waiting.returned += 1;
        }
    }

    /// How often a command was sent and came to nothing.
    pub(crate) fn returned(&self, sequence: u64) -> u32 {
        let waiting = self.commands.iter().find(|waiting| waiting.command.sequence == sequence);
        waiting.map_or(0, |waiting| waiting.returned)
    }

    /// A session was begun afresh: tokens of the old one mean nothing any longer.
    pub(crate) fn forget_tokens(&mut self) {
        for waiting in &mut self.commands {
            if !matches!(waiting.delivery, Delivered::Locked { .. }) {
                waiting.delivery = Delivered::Never;
            }
        }
    }

    pub(crate) fn remove(&mut self, sequence: u64) {
        self.commands.retain(|waiting| waiting.command.sequence != sequence);
    }

    /// The commands whose time is over. What is on its way does not expire.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<u64> {
        let over = |command: &&QueuedCommand| command.expires_ms <= now.as_millis();
        self.resting().filter(over).map(|command| command.sequence).collect()
    }

    /// When the first command expires that is not on its way, or the first lock ends.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let due = |waiting: &Waiting| match waiting.delivery {
            Delivered::InFlight(_) => None,
            Delivered::Locked { until, .. } => Some(until),
            Delivered::Never | Delivered::Before(_) => {
                Some(Timestamp::from_millis(waiting.command.expires_ms))
            }
        };
        self.commands.iter().filter_map(due).min()
    }

    fn resting(&self) -> impl Iterator<Item = &QueuedCommand> {
        self.commands
            .iter()
            .filter(|waiting| matches!(waiting.delivery, Delivered::Never | Delivered::Before(_)))
            .map(|waiting| &waiting.command)
    }

    /// Every command, how often it was sent before, and whether the device has it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&QueuedCommand, u32, bool)> {
        self.commands.iter().map(|waiting| {
            let is_out = matches!(waiting.delivery, Delivered::InFlight(_) | Delivered::Locked { .. });
            (&waiting.command, waiting.returned, is_out)
        })
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&QueuedCommand> {
        self.commands.iter().map(|waiting| &waiting.command).find(|command| command.sequence == sequence)
    }

    fn find(&mut self, sequence: u64) -> Option<&mut Waiting> {
        self.commands.iter_mut().find(|waiting| waiting.command.sequence == sequence)
    }
}

impl QueuedCommand {
    /// Longest command, payload and properties together, in bytes.
    pub const MAX_LEN: usize = 64 * 1024;
    /// A system property, by its name on the wire of the service side.
    pub(crate) fn system(&self, name: &str) -> Option<&str> {
        self.system.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// Roughly how many bytes it keeps in memory.
    pub(crate) fn footprint(&self) -> usize {
        let texts = self.system.iter().chain(&self.properties);
        let texts = texts.map(|(name, value)| name.len() + value.len() + size_of::<(String, String)>());
        size_of::<Self>() + self.payload.len() + texts.sum::<usize>()
    }

    /// The system properties that a device is told in that dialect, of a command that was sent `returned` times before.
    pub(crate) fn system_properties(
        &self,
        dialect: Dialect,
        returned: u32,
    ) -> Vec<(SystemProperty, Cow<'_, str>)> {
        use SystemProperty::{DeliveryCount, EnqueuedTime, Expiry, SequenceNumber};

        let has = |property: &SystemProperty| dialect.property_name(*property).is_some();
        // What the hub knows by itself, and says where the dialect has a name for it.
        let own = [
            (SequenceNumber, self.sequence),
            (EnqueuedTime, self.enqueued_ms),
            (DeliveryCount, returned.into()),
        ];
        // The classic dialect says when a command expires only if its sender did, as a date.
        let expiry = (dialect != Dialect::Classic).then_some((Expiry, self.expires_ms));
        let own: Vec<_> = own.into_iter().chain(expiry).filter(|(property, _)| has(property)).collect();
        let said = self.system.iter().filter_map(|(name, value)| {
            let property = SystemProperty::ALL.iter().find(|each| each.event_name() == name)?;
            Some((*property, Cow::Borrowed(value.as_str()))).filter(|(property, _)| has(property))
        });
        let said = said.filter(|(property, _)| own.iter().all(|(each, _)| each != property));
        said.chain(own.iter().map(|(property, number)| (*property, number.to_string().into()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(sequence: u64, expires_ms: u64) -> QueuedCommand {
        QueuedCommand {
            sequence,
            enqueued_ms: 0,
            expires_ms,
            system: Vec::new(),
            properties: Vec::new(),
            payload: String::new(),
        }
    }

    #[test]
    fn what_was_in_flight_goes_out_again_first() {
        let mut queue = Queue::default();
        queue.push(command(queue.next_sequence(), 100));
        queue.push(command(queue.next_sequence(), 100));
        queue.sent(1, AckToken::FIRST);
        assert_eq!(queue.next().unwrap().command.sequence, 2);
        assert_eq!(queue.in_flight(AckToken::FIRST), Some(1));
        queue.recall();
        let next = queue.next().unwrap();
        assert_eq!((next.command.sequence, next.again), (1, Some(AckToken::FIRST)));
        queue.forget_tokens();
        assert_eq!(queue.next().unwrap().again, None);
    }

    #[test]
    fn numbers_are_not_used_twice() {
        let mut queue = Queue::default();
        queue.push(command(1, 100));
        queue.remove(1);
        assert_eq!(queue.next_sequence(), 2);
    }

    #[test]
    fn a_command_that_was_fetched_is_nobody_elses_until_its_lock_ends() {
        let mut queue = Queue::default();
        queue.push(command(1, 100));
        queue.push(command(2, 100));
        let until = Timestamp::from_millis(60);
        assert_eq!(queue.lock(7, until).unwrap().0.sequence, 1);
        assert_eq!(queue.next().unwrap().command.sequence, 2, "nor a connection's");
        assert_eq!(queue.lock(8, until).unwrap().0.sequence, 2);
        assert!(queue.lock(9, until).is_none() && queue.next().is_none());
        assert_eq!((queue.locked(7), queue.locked(9)), (Some(1), None));
        queue.forget_tokens();
        assert_eq!(queue.locked(7), Some(1), "another connection does not end it");
        assert!(queue.expired(Timestamp::from_millis(100)).is_empty());
        assert_eq!(queue.next_due(), Some(until));
        assert!(queue.unlocked(Timestamp::from_millis(59)).is_empty());
        assert_eq!(queue.unlocked(until), [1, 2]);
        queue.give_back(1);
        assert_eq!((queue.locked(7), queue.returned(1)), (None, 1));
        assert_eq!(queue.next_due(), Some(until), "that of the other");
    }

    #[test]
    fn what_is_on_its_way_does_not_expire() {
        let mut queue = Queue::default();
        queue.push(command(1, 100));
        queue.push(command(2, 100));
        queue.push(command(3, 200));
        queue.sent(1, AckToken::FIRST);
        assert!(queue.expired(Timestamp::from_millis(99)).is_empty());
        assert_eq!(queue.expired(Timestamp::from_millis(100)), [2]);
    }
}
