use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A bounded queue between the driver, which never waits, and the application.
///
/// It differs from a channel in that the driver can empty it: what came over a connection that is gone can
/// no longer be answered.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    content: Mutex<Content<T>>,
    arrived: Notify,
    closed: Notify,
}

#[derive(Debug)]
struct Content<T> {
    items: VecDeque<T>,
    capacity: usize,
    closed: bool,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let content = Content { items: VecDeque::new(), capacity, closed: false };
        Self { content: Mutex::new(content), arrived: Notify::new(), closed: Notify::new() }
    }

    /// Gives the item back when there is no room.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut content = self.lock();
        if content.closed || content.items.len() >= content.capacity {
            return Err(item);
        }
        content.items.push_back(item);
        drop(content);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next item; `None` when the mailbox is closed and empty. Cancel-safe.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            // Made before looking, so that what arrives in between is not slept through; and in line from then on, because
            // two that arrive before anybody is in line wake one.
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            {
                let mut content = self.lock();
                if let Some(item) = content.items.pop_front() {
                    return Some(item);
                }
                if content.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// Returns when the mailbox is closed. Cancel-safe.
    pub(crate) async fn closed(&self) {
        let closed = self.closed.notified();
        if !self.lock().closed {
            closed.await;
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().items.clear();
    }

    pub(crate) fn close(&self) {
        let mut content = self.lock();
        content.closed = true;
        content.items.clear();
        drop(content);
        self.arrived.notify_waiters();
        self.closed.notify_waiters();
    }

    /// Nothing panics while holding the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Content<T>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn items_come_in_order_and_a_full_mailbox_gives_the_next_one_back() {
        let mailbox = Mailbox::new(2);
        assert_eq!([1, 2, 3].map(|item| mailbox.push(item)), [Ok(()), Ok(()), Err(3)]);
        assert_eq!(mailbox.next().await, Some(1));
        assert_eq!(mailbox.push(3), Ok(()));
        assert_eq!([mailbox.next().await, mailbox.next().await], [Some(2), Some(3)]);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_an_item_and_by_the_end() {
        let mailbox = Arc::new(Mailbox::new(2));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let mailbox = Arc::clone(&mailbox);
                tokio::spawn(async move { mailbox.next().await })
            })
            .collect();
        tokio::task::yield_now().await;
        mailbox.push('a').unwrap();
        mailbox.push('b').unwrap();
        let mut got = Vec::new();
        let mut readers = readers.into_iter();
        for reader in readers.by_ref().take(2) {
            got.push(reader.await.unwrap());
        }
        mailbox.close();
        got.push(readers.next().unwrap().await.unwrap());
        assert_eq!(got, [Some('a'), Some('b'), None]);
        assert_eq!(mailbox.push('c'), Err('c'), "closed is closed");
    }

    #[tokio::test]
    async fn what_was_cleared_is_not_read() {
        let mailbox = Mailbox::new(2);
        mailbox.push('a').unwrap();
        mailbox.clear();
        mailbox.push('b').unwrap();
        assert_eq!(mailbox.next().await, Some('b'));
    }
}
