//! What goes wrong between a hub and its devices, as a test wants it.

mod acknowledgements;
mod interposed;
mod refusal;
mod script;
mod stream;

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iothub_device::RefusalReason;
use tokio::io::AsyncRead;

use crate::clock;
use crate::wire::Entrance;
use script::{Number, Script};

pub(crate) use interposed::Interposed;
pub(crate) use stream::Faulty;

/// Says what goes wrong on a way between devices and their hub: comes from [`TestHub::faults`](crate::TestHub::faults) for
/// all ways to a hub together, and from [`Proxy::faults`](crate::Proxy::faults) for one. Each call takes effect at once,
/// for the connections that are there and for those that follow, unless it says otherwise.
///
/// The first half acts on bytes, below TLS where there is TLS. The second half acts on MQTT, in the hub, behind TLS and
/// WebSocket, for all devices: called for one [`Proxy`](crate::Proxy), it does nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
    /// Where the hub is that these are of, if they are of one.
    entrance: Entrance,
}

/// # Bytes
impl Faults {
    /// Ends all connections, as if a cable was cut: without a goodbye on any layer.
    pub fn cut(&self) {
        self.script().cut();
    }

    /// Does so once that many more bytes have passed, in both directions and over all connections together.
    pub fn cut_after(&self, bytes: u64) {
        self.script().cut_after(bytes);
    }

    /// Nothing passes in either direction for that long, and nobody is told. Then everything goes on.
    pub fn stall_for(&self, duration: Duration) {
        self.script().stall_until(Some(clock::now() + duration));
    }

    /// The same until [`Self::calm`].
    pub fn stall(&self) {
        self.script().stall_until(None);
    }

    /// The connections that are there are never heard of again, and never end: what is sent is swallowed. Only
    /// those that come later work.
    pub fn half_open(&self) {
        self.script().half_open();
    }

    /// Everything arrives that much later.
    pub fn delay(&self, latency: Duration) {
        self.script().delay(latency);
    }

    /// Everything arrives a byte at a time.
    pub fn byte_by_byte(&self) {
        self.script().byte_by_byte();
    }

    /// Lets no further connection come about. Those that are there go on.
    pub fn refuse_connections(&self) {
        self.script().refuse_connections_until(None);
    }

    /// The same for a time.
    pub fn refuse_connections_for(&self, duration: Duration) {
        self.script().refuse_connections_until(Some(clock::now() + duration));
    }

    /// Whatever goes on goes wrong no longer. What was cut or swallowed stays so.
    pub fn calm(&self) {
        self.script().calm();
        self.throttle(0);
    }
}

/// # MQTT
impl Faults {
    /// Answers the next `times` CONNECTs with that reason, in the place of the hub. MQTT 3.1.1 can say five reasons; for
    /// another, the connection just ends.
    pub fn refuse_connects(&self, times: u32, reason: RefusalReason) {
        self.script().refuse_connects(times, reason);
    }

    /// Has the hub refuse the next `times` messages and twin requests of all devices, as if each was one too many in its
    /// time. It says so as it says it beyond the quotas of an [edition](crate::TestHubBuilder::edition): with status 429, or
    /// 0501 in the previews, and of telemetry by the end of the connection where there is no other way, as over MQTT 3.1.1.
    /// Of several calls the last counts; 0 is for none any longer. A hub that [starts again](crate::TestHub::restart) knows
    /// of it no longer, and to one that is down it does nothing.
    pub fn throttle(&self, times: u32) {
        if let Some(door) = self.entrance.door() {
            door.throttle(times);
        }
    }

    /// Ends all connections, and lets nobody in again with a token, or signature, that a device has connected with so far:
    /// as if their time was over. New ones count; and so do, after [`Self::calm`], the others.
    pub fn expire_tokens(&self) {
        self.script().expire_tokens();
    }

    /// Holds each PUBACK of the hub back for that long. Other packets may overtake it.
    pub fn acknowledge_after(&self, delay: Duration) {
        self.script().acknowledge_after(delay);
    }

    /// Of so many messages that the hub sends at QoS 0 one is lost, the last: answers about twins and, as clients subscribe
    /// to them, desired changes and method calls. 1 for all, 0 for none.
    pub fn lose_one_of(&self, messages: u32) {
        self.script().lose_one_of(messages);
    }

    /// Cuts the connection in the place of the next PUBACK: the hub has the message, and the device cannot know.
    pub fn lose_next_acknowledgement(&self) {
        self.script().lose_next_acknowledgement();
    }
}

/// # What was done
impl Faults {
    /// How many connections were ended or swallowed so far.
    pub fn broken(&self) -> u64 {
        self.script().broken()
    }

    /// How many messages of the hub were lost so far, as [`Self::lose_one_of`] says.
    pub fn lost(&self) -> u64 {
        self.script().lost()
    }

    /// How many connections there are. Those that were swallowed count until one of their ends gives up.
    pub fn connections(&self) -> usize {
        self.script().connections()
    }
}

impl Faults {
    /// Whether a further connection may come about.
    pub(crate) fn admits(&self) -> bool {
        self.script().admits(clock::now())
    }

    /// A connection's stream, with everything that goes wrong.
    pub(crate) fn over<S: AsyncRead + Send + Unpin + 'static>(&self, stream: S) -> Faulty<S> {
        Faulty::new(stream, self.clone())
    }

    /// Where the hub is to be put that these are of.
    pub(crate) const fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    fn open(&self) -> Number {
        self.script().open()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        // Nothing in a script can panic half-way.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestHub;

    #[tokio::test]
    async fn nothing_is_left_of_a_hub_that_is_dropped() {
        for hub in [TestHub::start().await, TestHub::start_without_sockets().await] {
            let script = Arc::downgrade(&hub.faults().script);
            drop(hub);
            let is_gone = async {
                while script.strong_count() > 0 {
                    tokio::task::yield_now().await;
                }
            };
            let left = tokio::time::timeout(Duration::from_secs(10), is_gone).await;
            assert!(left.is_ok(), "the hub is still there");
        }
    }
}
