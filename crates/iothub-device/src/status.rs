use core::time::Duration;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iothub_proto::FailureClass;
use tokio::sync::{broadcast, watch};

use crate::connect_error::ConnectError;
use crate::listeners::Listeners;

/// How a device stands with its hub.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// Not connected yet: the first attempt is under way.
    Connecting,
    /// Connected, and subscribed to everything that was asked for.
    Connected,
    /// Not connected; the next attempt comes by itself.
    #[non_exhaustive]
    Disconnected {
        /// What ended the connection, or the last attempt to make one.
        cause: Arc<ConnectError>,
        /// What that is, as far as it decides about the next attempt.
        class: FailureClass,
        /// What whoever looks after the device should do, as a sentence.
        advice: Cow<'static, str>,
        /// How many failures there were in a row: 1 when a connection that held has ended, and one more with each
        /// attempt since that failed.
        failures: u32,
        /// How long after that the next attempt begins.
        retry_in: Duration,
    },
    /// Not connected, and never again: make a new [`Device`](crate::Device).
    Closed {
        /// What cannot be mended by trying again; `None` after [`Device::close`](crate::Device::close).
        cause: Option<Arc<ConnectError>>,
    },
}

impl ConnectionStatus {
    /// What whoever looks after the device should do, as a sentence; `None` where there is nothing to be done.
    pub fn advice(&self) -> Option<&str> {
        match self {
            Self::Disconnected { advice, .. } => Some(advice),
            Self::Closed { cause } => cause.as_ref().map(|cause| cause.class().advice()),
            Self::Connecting | Self::Connected => None,
        }
    }
}

/// Watches a device's [`ConnectionStatus`]: the latest, not each. [`StatusChanges`] has each.
#[derive(Clone, Debug)]
pub struct StatusWatch(watch::Receiver<ConnectionStatus>);

impl StatusWatch {
    /// The status now.
    pub fn current(&self) -> ConnectionStatus {
        self.0.borrow().clone()
    }

    /// Waits for a status that was not seen yet, and returns it; `None` when there will be no other.
    ///
    /// A status that was soon followed by another may be skipped. Cancel-safe.
    pub async fn changed(&mut self) -> Option<ConnectionStatus> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }

    /// Waits until the device is connected, or never will be. Cancel-safe.
    pub async fn connected_or_closed(&mut self) -> ConnectionStatus {
        self.wait_for(|status| match status {
            ConnectionStatus::Connected | ConnectionStatus::Closed { .. } => true,
            ConnectionStatus::Connecting | ConnectionStatus::Disconnected { .. } => false,
        })
        .await
    }

    pub(crate) async fn closed(&mut self) -> ConnectionStatus {
        self.wait_for(|status| matches!(status, ConnectionStatus::Closed { .. })).await
    }

    /// What is there now counts as seen.
    pub(crate) fn mark_seen(&mut self) {
        self.0.mark_unchanged();
    }

    async fn wait_for(&mut self, which: impl FnMut(&ConnectionStatus) -> bool) -> ConnectionStatus {
        match self.0.wait_for(which).await {
            Ok(status) => status.clone(),
            // The driver is gone without a last word: the runtime is shutting down.
            Err(_) => ConnectionStatus::Closed { cause: None },
        }
    }
}

/// Every change of a device's [`ConnectionStatus`], in order.
#[derive(Debug)]
pub struct StatusChanges {
    /// The status when this was made, until it is fetched.
    first: Option<ConnectionStatus>,
    /// `None` once the device is closed.
    news: Option<broadcast::Receiver<ConnectionStatus>>,
}

/// One of [`StatusChanges`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StatusChange {
    /// How the device stood from then on.
    pub status: ConnectionStatus,
    /// How many changes before this one are lost, because more than [`StatusChanges::WAITING`] of them were waiting.
    pub skipped: u64,
}

impl StatusChanges {
    /// How many changes wait to be fetched; then the oldest are dropped, and counted.
    pub const WAITING: usize = 64;

    /// The next change; first of all the status as it was when this was made. `None` when the device is closed, after
    /// [`ConnectionStatus::Closed`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<StatusChange> {
        if let Some(status) = self.first.take() {
            return Some(StatusChange { status, skipped: 0 });
        }
        let news = self.news.as_mut()?;
        let mut skipped = 0;
        loop {
            match news.recv().await {
                Ok(status) => return Some(StatusChange { status, skipped }),
                // Nothing is awaited between this and the next change, which is there: no count is lost with it.
                Err(broadcast::error::RecvError::Lagged(count)) => skipped += count,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Where the driver says how the device stands.
pub(crate) struct Announcer {
    latest: watch::Sender<ConnectionStatus>,
    board: Arc<StatusBoard>,
}

/// What the handles of a device see of it.
#[derive(Debug)]
pub(crate) struct StatusBoard(Mutex<Board>);

#[derive(Debug)]
struct Board {
    status: ConnectionStatus,
    news: Listeners<ConnectionStatus>,
}

impl Announcer {
    /// Of a device that is connecting.
    pub(crate) fn new() -> (Self, StatusWatch, Arc<StatusBoard>) {
        let status = ConnectionStatus::Connecting;
        let (latest, watch) = watch::channel(status.clone());
        let news = Listeners::new(StatusChanges::WAITING);
        let board = Arc::new(StatusBoard(Mutex::new(Board { status, news })));
        (Self { latest, board: Arc::clone(&board) }, StatusWatch(watch), board)
    }

    /// Says so, unless it was said already.
    pub(crate) fn connected(&self) {
        // A connection that was only replaced has been connected all the time.
        if !matches!(*self.latest.borrow(), ConnectionStatus::Connected) {
            self.announce(ConnectionStatus::Connected);
        }
    }

    pub(crate) fn announce(&self, status: ConnectionStatus) {
        self.latest.send_replace(status.clone());
        self.board.lock().post(status);
    }
}

/// A task that ends without a last word leaves nobody connected.
impl Drop for Announcer {
    fn drop(&mut self) {
        if !matches!(*self.latest.borrow(), ConnectionStatus::Closed { .. }) {
            self.announce(ConnectionStatus::Closed { cause: None });
        }
        self.board.lock().news.close();
    }
}

impl StatusBoard {
    /// Every change from now on.
    pub(crate) fn changes(&self) -> StatusChanges {
        let mut board = self.lock();
        let news = board.news.listen();
        StatusChanges { first: Some(board.status.clone()), news }
    }

    /// Nothing panics while holding the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn post(&mut self, status: ConnectionStatus) {
        self.status = status.clone();
        self.news.tell(status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disconnected(failures: u32) -> ConnectionStatus {
        ConnectionStatus::Disconnected {
            cause: Arc::new(ConnectError::ClosedByHub),
            class: FailureClass::Lost,
            advice: Cow::Borrowed("Wait."),
            failures,
            retry_in: Duration::ZERO,
        }
    }

    fn failures(change: Option<StatusChange>) -> (Option<u32>, u64) {
        let change = change.expect("the device is not closed");
        let ConnectionStatus::Disconnected { failures, .. } = change.status else {
            return (None, change.skipped);
        };
        (Some(failures), change.skipped)
    }

    #[tokio::test]
    async fn every_change_comes_in_order_after_the_status_now() {
        let (announcer, _, board) = Announcer::new();
        announcer.announce(disconnected(1));
        let mut changes = board.changes();
        for count in 2..=64 {
            announcer.announce(disconnected(count));
        }
        for count in 1..=64 {
            assert_eq!(failures(changes.next().await), (Some(count), 0));
        }
        announcer.announce(ConnectionStatus::Closed { cause: None });
        drop(announcer);
        assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Closed { .. }));
        assert!(changes.next().await.is_none());
        let mut late = board.changes();
        assert!(matches!(late.next().await.unwrap().status, ConnectionStatus::Closed { .. }));
        assert!(late.next().await.is_none(), "there is nothing after the end");
    }

    #[tokio::test]
    async fn what_is_not_fetched_in_time_is_counted() {
        let (announcer, _, board) = Announcer::new();
        let mut changes = board.changes();
        for count in 1..=100 {
            announcer.announce(disconnected(count));
        }
        assert_eq!(failures(changes.next().await), (None, 0), "the status when it was made");
        assert_eq!(failures(changes.next().await), (Some(37), 36));
        assert_eq!(failures(changes.next().await), (Some(38), 0));
    }

    #[tokio::test]
    async fn a_connection_that_is_only_replaced_is_no_change() {
        let (announcer, mut watch, board) = Announcer::new();
        announcer.connected();
        watch.mark_seen();
        let mut changes = board.changes();
        announcer.connected();
        assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Connected));
        announcer.announce(disconnected(1));
        assert_eq!(failures(changes.next().await), (Some(1), 0), "there was no other change");
        assert!(matches!(watch.changed().await, Some(ConnectionStatus::Disconnected { .. })));
    }

    #[tokio::test]
    async fn who_ends_without_a_last_word_has_closed() {
        let (announcer, mut watch, board) = Announcer::new();
        announcer.connected();
        let mut changes = board.changes();
        drop(announcer);
        assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Connected));
        assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Closed { cause: None }));
        assert!(changes.next().await.is_none());
        assert!(matches!(watch.closed().await, ConnectionStatus::Closed { cause: None }));
    }
}
