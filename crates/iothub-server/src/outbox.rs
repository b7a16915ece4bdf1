use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use iothub_hub::PacketBuf;
use tokio::sync::Notify;

/// What the hub has to say to one device, between the hub and the task that writes it.
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
    packets_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Waiting {
    packets: VecDeque<PacketBuf>,
    bytes: usize,
    ending: Option<Ending>,
}

/// Why nothing more will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The hub closes the connection, after what waits.
    Closed,
    /// More waits than may: the device does not read.
    Overflow,
    /// The hub cannot go on.
    Failed,
}

impl Outbox {
    pub(crate) fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Notify::new(), packets_max, bytes_max }
    }

    /// Adds a packet; nothing once there is an end.
    pub(crate) fn push(&self, packet: PacketBuf) {
        let mut waiting = self.waiting();
        if waiting.ending.is_some() {
            return;
        }
        let bytes = waiting.bytes + packet.footprint();
        if waiting.packets.len() == self.packets_max || bytes > self.bytes_max {
            *waiting = Waiting { ending: Some(Ending::Overflow), ..Waiting::default() };
        } else {
            waiting.bytes = bytes;
            waiting.packets.push_back(packet);
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Nothing more will come. The first reason counts.
    pub(crate) fn end(&self, ending: Ending) {
        self.waiting().ending.get_or_insert(ending);
        self.changed.notify_one();
    }

    /// The next packet, or else why there will be none.
    pub(crate) fn pop(&self) -> Result<Option<PacketBuf>, Ending> {
        let mut waiting = self.waiting();
        let Some(packet) = waiting.packets.pop_front() else {
            if waiting.packets.capacity() > Self::KEPT_MAX {
                waiting.packets = VecDeque::new();
            }
            return waiting.ending.map_or(Ok(None), Err);
        };
        waiting.bytes -= packet.footprint();
        Ok(Some(packet))
    }

    /// Returns when something has changed since it returned last.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for more packets than this is given back once there are none.
    const KEPT_MAX: usize = 16;
}

#[cfg(test)]
mod tests {
    use super::*;
    use iothub_hub::AckBuf;
    use iothub_proto::AckToken;

    const ACK: PacketBuf = PacketBuf::Ack(AckToken::FIRST, AckBuf::SUCCESS);

    #[test]
    fn what_waits_comes_before_the_end() {
        let outbox = Outbox::new(2, 1000);
        outbox.push(ACK);
        outbox.end(Ending::Closed);
        outbox.push(ACK);
        assert_eq!(outbox.pop(), Ok(Some(ACK)));
        assert_eq!(outbox.pop(), Err(Ending::Closed));
    }

    #[test]
    fn more_than_may_wait_is_the_end_at_once() {
        let rows = [("packets", Outbox::new(2, 1000)), ("bytes", Outbox::new(1000, 2 * ACK.footprint()))];
        for (what, outbox) in rows {
            outbox.push(ACK);
            outbox.push(ACK);
            outbox.pop().unwrap();
            outbox.push(ACK);
            assert!(outbox.pop().is_ok(), "{what}");
            outbox.push(ACK);
            outbox.push(ACK);
            assert_eq!(outbox.pop(), Err(Ending::Overflow), "{what}");
        }
    }
}
