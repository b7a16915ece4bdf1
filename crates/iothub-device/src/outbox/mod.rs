//! Messages that outlast connections, the process, and the power: feature `outbox`.
//!
//! An [`Outbox`] keeps what is stored in it in a file, and a device that has it ([`Options::outbox`](crate::Options::outbox))
//! sends it whenever there is a connection: the highest [`Priority`] first, and among them the oldest. A message is gone
//! from the file when the hub has acknowledged it, so it arrives at least once; each has a message id by which a back end
//! can tell one that comes again. When a connection breaks, what was sent over it and not acknowledged goes out first over
//! the next; everything else takes its place among what was stored since.
//!
//! ```no_run
//! use iothub_device::outbox::{Outbox, OutboxOptions, Priority};
//! use iothub_device::{Device, Message, Options};
//!
//! # async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
//! let limits = OutboxOptions::new().bytes_max(16 * 1024 * 1024).on_loss(|loss| eprintln!("lost: {:?}", loss.reason));
//! let outbox = Outbox::open("outbox.redb", limits)?;
//! // Connects when it can; storing does not wait for that.
//! let device = Device::start(options.outbox(outbox.clone()));
//! outbox.store(Message::new(r#"{"t":21.5}"#)).await?;
//! outbox.store_as(Priority::HIGH, Message::new(r#"{"alarm":"smoke"}"#)).await?;
//! # drop(device);
//! # Ok(()) }
//! ```

mod depth;
mod feeder;
mod letter;

pub use iothub_outbox::{
    Contents, Key, Loss, LossReason, Losses, OpenError, OutboxOptions, Overflow, Priority, StoreError,
};

use std::path::Path;

use crate::message::Message;
pub(crate) use feeder::{Feeder, Ticket};

/// Messages that are kept in a file until a hub has acknowledged them. Cheap to clone.
///
/// One device sends them. Without one, such as before its first connection, they are stored all the same.
#[derive(Clone, Debug)]
pub struct Outbox(iothub_outbox::Outbox);

impl Outbox {
    /// How much of what waits is in memory, in bytes, besides what is on its way to the hub.
    pub const READ_AHEAD: u64 = iothub_outbox::Outbox::READ_AHEAD;

    /// Opens the outbox in that file, or begins one, and looks at all of it: this takes time and blocks.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: also when another process has it open.
    pub fn open(path: impl AsRef<Path>, options: OutboxOptions) -> Result<Self, OpenError> {
        iothub_outbox::Outbox::open(path, options).map(Self)
    }

    /// Stores a message of normal priority, and returns when it is durable. Dropped before it returns, the message may
    /// or may not be.
    ///
    /// Callers who do so at the same time share one commit. The message is sent at least once, also if it says at most
    /// once; without a [`Message::message_id`] it gets one. How long it waits is for
    /// [`OutboxOptions::age_max`] to say, and not for [`Message::deadline`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]; [`StoreError::TooLarge`] also for what no hub takes.
    pub async fn store(&self, message: Message) -> Result<Key, StoreError> {
        self.store_as(Priority::NORMAL, message).await
    }

    /// The same with another priority. What is on its way to the hub already, up to two [windows](crate::Options::window)
    /// of messages, is not overtaken.
    ///
    /// # Errors
    ///
    /// As for [`Self::store`].
    pub async fn store_as(&self, priority: Priority, message: Message) -> Result<Key, StoreError> {
        let (size, limit) = (message.size(), Message::SIZE_MAX);
        if size > limit {
            let long = |len| u64::try_from(len).unwrap_or(u64::MAX);
            return Err(StoreError::TooLarge { size: long(size), limit: long(limit) });
        }
        self.0.store(letter::seal(message, priority)).await
    }

    /// What it holds, as of the last commit: with what is on its way, and with what was acknowledged within the last
    /// second.
    pub fn contents(&self) -> Contents {
        self.0.contents()
    }

    /// Waits until it holds something else than that, and says what; `None` when the outbox is closed. Cancel-safe.
    pub async fn changed_from(&self, contents: Contents) -> Option<Contents> {
        self.0.changed_from(contents).await
    }

    /// Waits until everything in it was acknowledged, or the outbox is closed. Cancel-safe. A device that is closed, or
    /// has given up, sends nothing: who waits for both looks at [`Device::status`](crate::Device::status).
    pub async fn emptied(&self) {
        self.0.emptied().await;
    }

    /// The message that was lost, as far as it can be read.
    pub fn lost_message(loss: &Loss) -> Option<Message> {
        letter::open(&loss.entry.record).ok()
    }

    /// Closes the file, and returns when others can open it. A device that has it sends no more from it.
    pub async fn close(self) {
        self.0.close().await;
    }
}
