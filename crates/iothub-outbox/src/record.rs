use core::fmt;

use bytes::Bytes;

/// A message as the application gives it. What the bytes mean is the application's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which messages go first.
    pub priority: Priority,
    /// What is said about the message, such as its properties.
    pub head: Bytes,
    /// The message.
    pub body: Bytes,
}

impl Record {
    /// A message of normal priority about which nothing is said.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// The same with another priority.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same with something said about it.
    #[must_use]
    pub fn head(mut self, head: impl Into<Bytes>) -> Self {
        self.head = head.into();
        self
    }

    /// What counts towards [`OutboxOptions::bytes_max`](crate::OutboxOptions::bytes_max), in bytes: head, body, and what
    /// each message takes up besides.
    pub fn size(&self) -> u64 {
        Self::size_of(self.head.len(), self.body.len())
    }

    /// The size of one with so long a head and body.
    pub(crate) fn size_of(head: usize, body: usize) -> u64 {
        u64::try_from(head + body + Self::OVERHEAD).unwrap_or(u64::MAX)
    }

    /// What a message takes up besides head and body, in bytes.
    pub const OVERHEAD: usize = 64;
}

/// Which messages go first, and are dropped last: the greater ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    /// What may wait, and is dropped first.
    pub const LOW: Self = Self(64);
    /// What nothing else is said of.
    pub const NORMAL: Self = Self(128);
    /// What overtakes the others.
    pub const HIGH: Self = Self(192);
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// Names a message of one outbox. Keys are in the order in which messages go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// 255 less the priority.
    rank: u8,
    sequence: u64,
}

impl Key {
    pub(crate) const fn new(priority: Priority, sequence: u64) -> Self {
        Self { rank: u8::MAX - priority.0, sequence }
    }

    pub(crate) const fn from_parts((rank, sequence): (u8, u64)) -> Self {
        Self { rank, sequence }
    }

    pub(crate) const fn parts(self) -> (u8, u64) {
        (self.rank, self.sequence)
    }

    /// The priority of the message.
    pub const fn priority(self) -> Priority {
        Priority(u8::MAX - self.rank)
    }

    /// Counts the messages of the outbox in the order in which they were stored, from 0. It is given once, also when
    /// the message is gone.
    pub const fn sequence(self) -> u64 {
        self.sequence
    }
}

/// A message that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// When it was stored, in milliseconds since 1970-01-01T00:00:00Z by the clock of then.
    pub stored_ms: u64,
    /// What was stored.
    pub record: Record,
}

/// Tells outboxes apart: a number that was drawn when the file was made. Together with [`Key::sequence`] it names a
/// message for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutboxId {
    pub(crate) high: u64,
    pub(crate) low: u64,
}

/// 32 hexadecimal digits.
impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}
