use std::collections::BTreeMap;

use iothub_model::CommandOutcome;
use serde::{Deserialize, Serialize};

use crate::commands::QueuedCommand;
use crate::registry::Key;

/// A command that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Whom it was for.
    pub key: Key,
    /// The command.
    pub command: QueuedCommand,
    /// What became of it.
    pub outcome: CommandOutcome,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often it was sent before that.
    pub deliveries: u32,
}

/// The latest commands that came to nothing, for whoever looks for them. The oldest make room.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadLetters {
    letters: BTreeMap<u64, DeadLetter>,
    last: u64,
    bytes: usize,
}

impl DeadLetters {
    /// Most that are kept.
    pub(crate) const CAPACITY: usize = 1_000;
    /// Most bytes that are kept.
    pub(crate) const BYTES_MAX: usize = 16 * 1024 * 1024;

    /// The number of the next one.
    pub(crate) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn add(&mut self, number: u64, letter: DeadLetter) {
        self.last = self.last.max(number);
        self.bytes += letter.command.footprint();
        if let Some(same) = self.letters.insert(number, letter) {
            self.bytes -= same.command.footprint();
        }
        while self.letters.len() > Self::CAPACITY || self.bytes > Self::BYTES_MAX {
            let Some((_, oldest)) = self.letters.pop_first() else { break };
            self.bytes -= oldest.command.footprint();
        }
    }

    /// Those for a device or module, the oldest first.
    pub(crate) fn of(&self, key: &Key) -> impl Iterator<Item = &DeadLetter> {
        self.letters.values().filter(move |letter| letter.key == *key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &DeadLetter)> {
        self.letters.iter().map(|(number, letter)| (*number, letter))
    }

    /// Forgets those for a device or module.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.letters.retain(|_, letter| letter.key != *key);
        self.bytes = self.letters.values().map(|letter| letter.command.footprint()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(device: &str, len: usize) -> DeadLetter {
        let command = QueuedCommand {
            sequence: 1,
            enqueued_ms: 0,
            expires_ms: 0,
            system: Vec::new(),
            properties: Vec::new(),
            payload: "A".repeat(len),
        };
        let key = Key { device: device.into(), module: None };
        DeadLetter { key, command, outcome: CommandOutcome::Expired, at_ms: 0, deliveries: 0 }
    }

    #[test]
    fn the_oldest_make_room_by_number_and_by_length() {
        let mut letters = DeadLetters::default();
        letters.add(letters.next_number(), letter("first", 1));
        for _ in 0..DeadLetters::CAPACITY {
            letters.add(letters.next_number(), letter("d", 1));
        }
        assert_eq!(letters.iter().count(), DeadLetters::CAPACITY);
        assert_eq!(letters.of(&Key { device: "first".into(), module: None }).count(), 0);
        for _ in 0..1_000 {
            letters.add(letters.next_number(), letter("long", 64 * 1024));
            letters.add(letters.last, letter("long", 64 * 1024));
        }
        assert!(letters.iter().count() < 260 && letters.bytes <= DeadLetters::BYTES_MAX);
        letters.forget(&Key { device: "long".into(), module: None });
        assert_eq!((letters.iter().count(), letters.bytes), (0, 0));
    }
}
