use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iothub_proto::Instant;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};

use super::queue::{Outgoing, Queue, Room};
use crate::bell::Bell;
use crate::metrics::Meter;

/// The application's end: takes messages while there is room.
#[derive(Clone, Debug)]
pub(crate) struct LaneEntry(Arc<Shared>);

/// The driver's end. Dropped, it ends all that waits.
#[derive(Debug)]
pub(crate) struct Lane(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Rung when a message comes after the driver has found none, and when something has to be ended earlier than all
    /// that was there before.
    bell: Bell,
    /// Room that is left. Whoever waits for some gets it in the order in which they came.
    messages: Semaphore,
    bytes: Semaphore,
    bytes_max: usize,
    meter: Meter,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    Now,
    EverAgain,
}

/// Room for one message. Dropped, it is given back.
pub(crate) struct Reserved<'l> {
    entry: &'l LaneEntry,
    message: SemaphorePermit<'l>,
    bytes: SemaphorePermit<'l>,
}

/// Both ends, with room for so many messages and bytes.
pub(crate) fn lane(messages_max: usize, bytes_max: usize, bell: Bell, meter: Meter) -> (LaneEntry, Lane) {
    let messages_max = messages_max.clamp(1, Semaphore::MAX_PERMITS);
    let bytes_max = bytes_max.clamp(1, u32::MAX as usize);
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        bell,
        messages: Semaphore::new(messages_max),
        bytes: Semaphore::new(bytes_max),
        bytes_max,
        meter,
    });
    (LaneEntry(Arc::clone(&shared)), Lane(shared))
}

impl LaneEntry {
    /// Room for a message of that size, if there is some now. One that is longer than all of it gets all.
    pub(crate) fn try_reserve(&self, size: usize) -> Result<Reserved<'_>, NoRoom> {
        let message = self.0.messages.try_acquire()?;
        let bytes = self.0.bytes.try_acquire_many(self.permits(size))?;
        Ok(Reserved { entry: self, message, bytes })
    }

    /// The same, as soon as there is room. Cancel-safe. `None` when there will never be any.
    pub(crate) async fn reserve(&self, size: usize) -> Option<Reserved<'_>> {
        let message = self.0.messages.acquire().await.ok()?;
        let bytes = self.0.bytes.acquire_many(self.permits(size)).await.ok()?;
        Some(Reserved { entry: self, message, bytes })
    }

    /// There is at least one, so that messages without a payload wait for room, too.
    fn permits(&self, size: usize) -> u32 {
        u32::try_from(size.clamp(1, self.0.bytes_max)).unwrap_or(u32::MAX)
    }
}

impl Reserved<'_> {
    /// Puts the message at the end of the queue.
    pub(crate) fn put(self, outgoing: Outgoing) {
        let Self { entry: LaneEntry(shared), message, bytes } = self;
        let room = Room { messages: message.num_permits(), bytes: bytes.num_permits() };
        // Before it can be taken out again, which is told as well.
        shared.meter.tell(|metrics| metrics.queue_grew(room.messages, room.bytes));
        let mut queue = shared.queue();
        // The driver may have gone in between; then the outcome is that of the report which is dropped here.
        if shared.messages.is_closed() {
            drop(queue);
            shared.meter.tell(|metrics| metrics.queue_shrank(room.messages, room.bytes));
            return;
        }
        let earliest = queue.earliest();
        queue.push(outgoing, room);
        let wakes = queue.take_awaited() || queue.earliest() != earliest;
        drop(queue);
        message.forget();
        bytes.forget();
        if wakes {
            shared.bell.ring();
        }
    }
}

impl Lane {
    /// The next message, if one waits. Otherwise the bell is rung when there is one.
    pub(crate) fn try_recv(&self) -> Option<Outgoing> {
        let (outgoing, room) = self.0.queue().pop()?;
        self.0.give_back(room);
        Some(outgoing)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.queue().len()
    }

    /// Ends what has waited for too long.
    pub(crate) fn expire(&self, now: Instant) {
        let room = self.0.queue().expire(now);
        self.0.give_back(room);
    }

    /// Gives back what is kept elsewhere, such as in an outbox, where it may be overtaken.
    pub(crate) fn hand_back(&self) {
        let room = self.0.queue().hand_back();
        self.0.give_back(room);
    }

    /// When to call [`Self::expire`].
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.0.queue().earliest()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        self.0.messages.close();
        self.0.bytes.close();
        let waiting = core::mem::take(&mut *queue);
        drop(queue);
        let Room { messages, bytes } = waiting.taken();
        self.0.meter.tell(|metrics| metrics.queue_shrank(messages, bytes));
        drop(waiting);
    }
}

impl Shared {
    /// Nothing panics while holding the lock, so a poisoned one is as good as any.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, room: Room) {
        if room.messages > 0 {
            self.messages.add_permits(room.messages);
            self.bytes.add_permits(room.bytes);
            self.meter.tell(|metrics| metrics.queue_shrank(room.messages, room.bytes));
        }
    }
}

impl From<TryAcquireError> for NoRoom {
    fn from(error: TryAcquireError) -> Self {
        match error {
            TryAcquireError::NoPermits => Self::Now,
            TryAcquireError::Closed => Self::EverAgain,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::time::Duration;
    use std::sync::OnceLock;

    use super::super::delivery::{Delivery, Report, Unheard};
    use super::*;
    use crate::error::SendError;
    use crate::message::Message;
    use crate::metrics::Metrics;

    fn message(name: &'static str) -> (Outgoing, Delivery) {
        let (report, delivery) = Report::new(Unheard::SentAllTheSame, Meter::default());
        (Outgoing { message: Message::new(name), report, deadline: None }, delivery)
    }

    fn put(entry: &LaneEntry, name: &'static str) -> Result<Delivery, NoRoom> {
        let (outgoing, delivery) = message(name);
        entry.try_reserve(outgoing.message.size())?.put(outgoing);
        Ok(delivery)
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_messages_and_for_so_many_bytes() {
        for (messages, bytes, names, taken) in [
            (2, 100, &["a", "b", "c"][..], 2),
            (9, 4, &["aa", "bb", "c"], 2),
            (9, 4, &["", "", "", "", ""], 4),
            // Longer than all room, it has all of it.
            (9, 4, &["aaaaaaaa", "b"], 1),
            (0, 0, &["a", "b"], 1),
        ] {
            let (entry, lane) = lane(messages, bytes, Bell::default(), Meter::default());
            let outcomes: Vec<_> = names.iter().map(|name| put(&entry, name)).collect();
            let full = outcomes.iter().position(Result::is_err);
            assert_eq!(full, Some(taken), "{names:?}");
            lane.try_recv().unwrap();
            assert!(put(&entry, "").is_ok(), "one less leaves room");
        }
    }

    #[tokio::test]
    async fn it_is_rung_for_the_first_message_after_there_was_none() {
        let bell = Bell::default();
        let (entry, lane) = lane(9, 100, bell.clone(), Meter::default());
        let rings = async || tokio::time::timeout(Duration::ZERO, bell.rung()).await.is_ok();
        let _first = put(&entry, "a");
        assert!(!rings().await, "nobody has asked for one yet");
        assert!(lane.try_recv().is_some() && lane.try_recv().is_none());
        let _second = put(&entry, "b");
        assert!(rings().await);
        let _third = put(&entry, "c");
        assert!(!rings().await, "it was said already that there are some");
        assert!(lane.try_recv().is_some(), "and one is left");
        let _fourth = put(&entry, "d");
        assert!(!rings().await);
    }

    #[tokio::test]
    async fn whoever_waits_for_room_gets_it_in_turn_and_who_gives_up_leaves_it() {
        let (entry, lane) = lane(1, 100, Bell::default(), Meter::default());
        let _first = put(&entry, "a");
        let mut impatient = Box::pin(entry.reserve(1));
        let mut patient = Box::pin(entry.reserve(1));
        assert!(futures_poll(&mut impatient).is_none() && futures_poll(&mut patient).is_none());
        drop(impatient);
        lane.try_recv().unwrap();
        let (outgoing, _delivery) = message("b");
        patient.await.unwrap().put(outgoing);
        assert_eq!(lane.try_recv().unwrap().message.payload, "b");
    }

    #[tokio::test]
    async fn what_waits_ends_with_the_driver() {
        let (entry, lane) = lane(2, 100, Bell::default(), Meter::default());
        let waiting = put(&entry, "a").unwrap();
        let reserved = entry.try_reserve(1).unwrap();
        let (late, late_delivery) = message("late");
        drop(lane);
        reserved.put(late);
        assert_eq!((waiting.await, late_delivery.await), (Err(SendError::Closed), Err(SendError::Closed)));
        assert!(matches!(entry.try_reserve(1), Err(NoRoom::EverAgain)));
        assert!(entry.reserve(1).await.is_none());
    }

    /// Takes out what it can as soon as it is told that there is more.
    #[derive(Default)]
    struct Eager {
        lane: OnceLock<Lane>,
        taken: AtomicUsize,
    }

    impl Metrics for Eager {
        fn queue_grew(&self, _messages: usize, _bytes: usize) {
            self.taken
                .fetch_add(usize::from(self.lane.get().unwrap().try_recv().is_some()), Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn what_is_told_to_have_left_was_told_to_have_come() {
        let eager = Arc::new(Eager::default());
        let (entry, lane) = lane(2, 100, Bell::default(), Meter::new(Arc::<Eager>::clone(&eager)));
        assert!(eager.lane.set(lane).is_ok());
        let _delivery = put(&entry, "a").unwrap();
        assert_eq!(eager.taken.load(Ordering::Relaxed), 0, "it is told before anybody can take it");
        assert!(eager.lane.get().unwrap().try_recv().is_some());
    }

    /// Polls once, without being woken.
    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
        match core::pin::Pin::new(future).poll(&mut cx) {
            core::task::Poll::Ready(output) => Some(output),
            core::task::Poll::Pending => None,
        }
    }
}
