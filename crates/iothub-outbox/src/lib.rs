//! A queue of messages on disk, for programs that must deliver what they were given although the network, or the power,
//! is away.
//!
//! [`Outbox::store`] returns when a message is durable; [`Outbox::next`] gives the messages out, those of the highest
//! [`Priority`] first and among them the oldest; and each stays in the file until it is [settled](Outbox::settle) as
//! delivered. A message is delivered at least once: one that was delivered shortly before the power failed is given out
//! again, under the same [`Key`], by which a receiver can tell.
//!
//! ```
//! use iothub_outbox::{Outbox, OutboxOptions, Priority, Record, Settlement};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("iothub-outbox-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("example.redb");
//! let outbox = Outbox::open(&path, OutboxOptions::new())?;
//! outbox.store(Record::new("door closed")).await?;
//! outbox.store(Record::new("fire").priority(Priority::HIGH)).await?;
//!
//! let first = outbox.next().await.ok_or("closed")?;
//! assert_eq!(first.record.body, "fire");
//! // ... deliver it, and then:
//! outbox.settle(first.key, Settlement::Delivered);
//! outbox.close().await;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(()) }
//! ```
//!
//! # What holds
//!
//! * What is stored is in the file, whatever ends the process or the machine from then on. Callers that store at the
//!   same time share one commit.
//! * A file belongs to one process at a time; to others it is [`OpenError::InUse`].
//! * Of messages that are settled up to [`Outbox::UNSETTLED`] may be given out again after a crash, because removing
//!   them waits for other work, and no longer than a second.
//! * Nothing is dropped silently: [`OutboxOptions::on_loss`] is told of each message that is, and
//!   [`Contents::lost`] counts them for as long as there is the file.
//! * In memory there are [`Outbox::READ_AHEAD`] bytes of messages that wait, one more message, those that were given out,
//!   and up to [`Outbox::WAITING`] bytes, or one longer message, that wait for the disk; not the queue.

mod clock;
mod error;
mod keeper;
mod loss;
mod options;
mod outbox;
mod quiet;
mod record;
mod store;
mod window;

pub use error::{OpenError, StoreError};
pub use loss::{Loss, LossReason, Losses};
pub use options::{OutboxOptions, Overflow};
pub use outbox::{Contents, Outbox, Settlement};
pub use record::{Entry, Key, OutboxId, Priority, Record};
