use std::collections::VecDeque;

use iothub_proto::Instant;

use super::deadline::{Deadline, Earliest};
use super::delivery::Report;
use crate::message::Message;

/// A message on its way to the driver.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) message: Message,
    pub(crate) report: Report,
    /// Without one it waits for as long as it takes.
    pub(crate) deadline: Option<Deadline>,
}

impl Outgoing {
    /// Says that its time is over.
    pub(crate) fn expire(self) {
        if let Some(deadline) = self.deadline {
            self.report.end(Err(deadline.outcome()));
        }
    }

    /// Ends what is not to be sent any more; `None` then.
    pub(crate) fn still_wanted(self, now: Instant) -> Option<Self> {
        if self.report.is_given_up() {
            return None;
        }
        if self.deadline.is_some_and(|deadline| deadline.is_over(now)) {
            self.expire();
            return None;
        }
        Some(self)
    }
}

/// Messages that wait to be sent, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    earliest: Earliest,
    /// Whether the last that wanted one has found none.
    is_awaited: bool,
}

#[derive(Debug)]
struct Waiting {
    outgoing: Outgoing,
    room: Room,
}

/// What a message takes up in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Queue {
    pub(super) fn push(&mut self, outgoing: Outgoing, room: Room) {
        self.earliest.add(outgoing.deadline);
        self.waiting.push_back(Waiting { outgoing, room });
    }

    /// The oldest, and the room that it leaves. Without one, it is awaited.
    pub(super) fn pop(&mut self) -> Option<(Outgoing, Room)> {
        let oldest = self.waiting.pop_front().map(|Waiting { outgoing, room }| (outgoing, room));
        self.is_awaited = oldest.is_none();
        oldest
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a message is awaited, which is said once.
    pub(super) fn take_awaited(&mut self) -> bool {
        core::mem::take(&mut self.is_awaited)
    }

    /// Ends all that have waited for too long, and says what room they leave.
    pub(super) fn expire(&mut self, now: Instant) -> Room {
        if !self.earliest.is_over(now) {
            return Room::default();
        }
        let left = self.keep(|outgoing| outgoing.still_wanted(now));
        self.earliest = self.waiting.iter().map(|waiting| waiting.outgoing.deadline).collect();
        left
    }

    /// Gives all back that are kept elsewhere, and says what room they leave.
    pub(super) fn hand_back(&mut self) -> Room {
        self.keep(|outgoing| Some(outgoing).filter(|outgoing| !outgoing.report.is_kept()))
    }

    fn keep(&mut self, which: impl Fn(Outgoing) -> Option<Outgoing>) -> Room {
        let mut left = Room::default();
        let waiting = core::mem::take(&mut self.waiting);
        self.waiting = waiting
            .into_iter()
            .filter_map(|Waiting { outgoing, room }| match which(outgoing) {
                Some(outgoing) => Some(Waiting { outgoing, room }),
                None => {
                    left += room;
                    None
                }
            })
            .collect();
        left
    }

    /// What all that wait take up.
    pub(super) fn taken(&self) -> Room {
        self.waiting.iter().fold(Room::default(), |mut taken, waiting| {
            taken += waiting.room;
            taken
        })
    }

    /// When to call [`Self::expire`].
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest.get()
    }
}

impl core::ops::AddAssign for Room {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::delivery::Unheard;
    use super::*;
    use crate::metrics::Meter;

    const ROOM: Room = Room { messages: 1, bytes: 10 };

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    #[tokio::test]
    async fn what_has_waited_too_long_ends_and_the_others_keep_their_order() {
        let mut queue = Queue::default();
        let mut deliveries = Vec::new();
        for (name, after) in [("a", Some(5)), ("b", None), ("c", Some(2)), ("d", Some(9))] {
            let (report, delivery) = Report::new(Unheard::SentAllTheSame, Meter::default());
            let deadline = after.map(|after| Deadline::new(at(0), Duration::from_secs(after)));
            queue.push(Outgoing { message: Message::new(name), report, deadline }, ROOM);
            deliveries.push((name, delivery));
        }
        for (now, earliest, left, ended) in
            [(1, 2, 0, &[][..]), (2, 5, 1, &["c"]), (4, 5, 0, &[]), (6, 9, 1, &["a"])]
        {
            let room = queue.expire(at(now));
            assert_eq!(room, Room { messages: left, bytes: 10 * left }, "at {now} s");
            assert_eq!(queue.earliest(), Some(at(earliest)), "at {now} s");
            for name in ended {
                let (_, delivery) = deliveries.iter_mut().find(|(other, _)| other == name).unwrap();
                assert!(matches!(delivery.await, Err(crate::SendError::TimedOut { .. })), "{name}");
            }
        }
        let order: Vec<_> = core::iter::from_fn(|| queue.pop()).map(|(out, _)| out.message.payload).collect();
        assert_eq!(order, ["b", "d"]);
    }

    #[tokio::test]
    async fn a_message_without_a_listener_goes_out_unless_it_was_to_be_given_up() {
        for (unheard, wanted) in [(Unheard::SentAllTheSame, true), (Unheard::GivenUp, false)] {
            let (report, delivery) = Report::new(unheard, Meter::default());
            let outgoing = Outgoing { message: Message::new("a"), report, deadline: None };
            drop(delivery);
            assert_eq!(outgoing.still_wanted(at(0)).is_some(), wanted, "{unheard:?}");
        }
    }
}
