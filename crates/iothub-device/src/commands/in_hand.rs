use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use iothub_proto::AckToken;

/// Goes with a message from the mailbox to whoever deals with it, and is dropped when that is done.
#[derive(Debug)]
pub(crate) struct InHand(Arc<AtomicBool>);

impl InHand {
    /// Somebody has taken it out of the mailbox.
    pub(super) fn taken(self) -> Self {
        self.0.store(true, Ordering::Relaxed);
        self
    }
}

/// The messages of a connection that are being dealt with. Delivered again, they would be dealt with twice.
#[derive(Debug, Default)]
pub(crate) struct MessagesInHand(Vec<(AckToken, Weak<AtomicBool>)>);

impl MessagesInHand {
    /// Takes note of one that has come. The session bounds how many there are.
    pub(crate) fn arrived(&mut self, ack: Option<AckToken>) -> InHand {
        let in_hand = InHand(Arc::default());
        if let Some(token) = ack {
            self.0.retain(|(_, other)| other.strong_count() > 0);
            self.0.push((token, Arc::downgrade(&in_hand.0)));
        }
        in_hand
    }

    /// The hub was told what became of one.
    pub(crate) fn settled(&mut self, token: AckToken) {
        self.0.retain(|(other, _)| *other != token);
    }

    /// All that is left is the hub's to deliver again.
    pub(crate) fn disconnected(&mut self) {
        self.0.clear();
    }

    /// Whether somebody deals with one, who may yet settle it.
    pub(crate) fn are_there(&self) -> bool {
        let is_taken = |(_, taken): &(AckToken, Weak<AtomicBool>)| {
            taken.upgrade().is_some_and(|taken| taken.load(Ordering::Relaxed))
        };
        self.0.iter().any(is_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_hand_from_when_it_is_taken_until_it_is_settled_or_dropped() {
        let (first, second) = (AckToken::new(1).unwrap(), AckToken::new(2).unwrap());
        let mut messages = MessagesInHand::default();
        let one = messages.arrived(Some(first));
        assert!(!messages.are_there(), "it waits in the mailbox");
        let one = one.taken();
        assert!(messages.are_there());
        let other = messages.arrived(Some(second)).taken();
        messages.settled(first);
        assert!(messages.are_there());
        drop(other);
        assert!(!messages.are_there(), "nobody can settle it any more");
        drop(one);
        let at_qos_0 = messages.arrived(None).taken();
        assert!(!messages.are_there(), "it is not delivered again");
        let third = messages.arrived(Some(first)).taken();
        messages.disconnected();
        assert!(!messages.are_there());
        drop((at_qos_0, third));
    }
}
