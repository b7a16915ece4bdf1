use iothub_server::{Edition, Options};

use crate::hub::TestHub;

/// Says how a [`TestHub`] is made: comes from [`TestHub::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs before it is started"]
pub struct TestHubBuilder {
    pub(crate) options: Options,
    pub(crate) durable: bool,
}

impl TestHubBuilder {
    pub(crate) fn new() -> Self {
        Self { options: Options::free_ports(), durable: false }
    }

    /// Keeps everything on disk, in a folder that goes with the hub. Otherwise it is kept in memory, which also outlives
    /// [`TestHub::restart`], but for events that nobody has read.
    pub const fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Allows as much, and as fast, as that edition of Azure's.
    pub const fn edition(mut self, edition: Edition) -> Self {
        self.options.edition = edition;
        self
    }

    /// Changes whatever else a hub can be told.
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Starts the hub.
    ///
    /// # Panics
    ///
    /// When it does not start, with the reason: a test is of no use then.
    pub async fn start(self) -> TestHub {
        TestHub::begin(self, iothub_server::Reach::Ports).await
    }

    /// Starts the hub without sockets: devices reach it by [`TestHub::connect`], and it goes by the runtime's time, which
    /// `#[tokio::test(start_paused = true)]` turns as fast as it can. It is kept in memory.
    ///
    /// # Panics
    ///
    /// When it does not start, with the reason.
    pub async fn start_without_sockets(mut self) -> TestHub {
        self.durable = false;
        TestHub::begin(self, iothub_server::Reach::Door).await
    }
}
