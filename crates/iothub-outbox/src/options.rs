use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::CivilClock;
use crate::loss::Loss;

/// How much an outbox holds, and what happens to what it has no room for.
#[derive(Clone)]
pub struct OutboxOptions {
    pub(crate) bytes_max: u64,
    pub(crate) messages_max: u64,
    pub(crate) age_max: Option<Duration>,
    pub(crate) overflow: Overflow,
    pub(crate) on_loss: Option<OnLoss>,
    pub(crate) clock: CivilClock,
}

type OnLoss = Arc<dyn Fn(&Loss) + Send + Sync>;

/// What happens when there is no room for a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest of the lowest priority are dropped, as many as are needed, unless theirs is higher than that of the
    /// new message. What was given out and is not settled is not dropped.
    #[default]
    DropOldest,
    /// The new message is refused.
    RefuseNew,
}

impl OutboxOptions {
    /// How much is held, unless [`Self::bytes_max`] says otherwise, in bytes.
    pub const BYTES_MAX: u64 = 64 * 1024 * 1024;
    /// How many messages are held, unless [`Self::messages_max`] says otherwise.
    pub const MESSAGES_MAX: u64 = 1_000_000;

    /// The oldest give way to the newest, of whatever age, when one of the limits above is reached.
    pub const fn new() -> Self {
        Self {
            bytes_max: Self::BYTES_MAX,
            messages_max: Self::MESSAGES_MAX,
            age_max: None,
            overflow: Overflow::DropOldest,
            on_loss: None,
            clock: CivilClock::System,
        }
    }

    /// How much is held: the [sizes](crate::Record::size) of all messages together, in bytes. The file may be up to
    /// some megabytes and several times as long, and does not shrink.
    #[must_use]
    pub const fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// How many messages are held.
    #[must_use]
    pub const fn messages_max(mut self, messages: u64) -> Self {
        self.messages_max = messages;
        self
    }

    /// Drops what is older than that, within a minute or so. Ages are told by the [clock](Self::clock); what was stored before
    /// 2020 by a clock that was not set has no age. What was stored by a clock that has gone back since becomes old by that much
    /// later, and so does what waits behind it.
    #[must_use]
    pub const fn age_max(mut self, age: Duration) -> Self {
        self.age_max = Some(age);
        self
    }

    /// What happens when there is no room.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Takes the date and time from there, and not from the system's clock: for a machine that knows them better, and for
    /// tests. `read` is called for each commit, by the thread that keeps the file, which waits for it. A time before 1970 is
    /// taken for 1970; so is that of a call that panics.
    #[must_use]
    pub fn clock(mut self, read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = CivilClock::Given(Arc::new(read));
        self
    }

    /// Is told of each message that is dropped, when it is gone from the file. It is called by the thread that keeps the
    /// file, which waits for it.
    #[must_use]
    pub fn on_loss(mut self, told: impl Fn(&Loss) + Send + Sync + 'static) -> Self {
        self.on_loss = Some(Arc::new(told));
        self
    }
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for OutboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes_max, messages_max, age_max, overflow, on_loss: _, clock: _ } = self;
        f.debug_struct("OutboxOptions")
            .field("bytes_max", bytes_max)
            .field("messages_max", messages_max)
            .field("age_max", age_max)
            .field("overflow", overflow)
            .finish_non_exhaustive()
    }
}
