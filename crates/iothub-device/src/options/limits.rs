use core::time::Duration;

use super::Options;

/// How long things take at most, and how many wait.
impl Options {
    /// How long an operation may take, unless [`Self::operation_timeout`] says otherwise.
    pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long connecting may take, unless [`Self::connect_timeout`] says otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
    /// Method calls that wait for the application, unless [`Self::waiting_calls`] says otherwise.
    pub const WAITING_CALLS: usize = 16;
    /// Commands that wait for the application, unless [`Self::waiting_commands`] says otherwise.
    pub const WAITING_COMMANDS: usize = 16;
    /// Desired changes that wait for the application, unless [`Self::waiting_changes`] says otherwise.
    pub const WAITING_CHANGES: usize = 16;

    /// How long connecting may take, from the name's look-up to the last subscription. As long the hub may take for a
    /// subscription later on.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long each operation may take, waiting for a connection included.
    #[must_use]
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// How many method calls wait for the application; further ones are answered with
    /// [`MethodResponse::BUSY`](crate::MethodResponse::BUSY).
    #[must_use]
    pub fn waiting_calls(mut self, count: usize) -> Self {
        self.waiting_calls = count;
        self
    }

    /// How many commands, and how many input messages, wait for the application; further ones are left
    /// to be delivered again.
    #[must_use]
    pub fn waiting_commands(mut self, count: usize) -> Self {
        self.waiting_commands = count;
        self
    }

    /// How many desired changes wait for the application; then the oldest are dropped.
    #[must_use]
    pub fn waiting_changes(mut self, count: usize) -> Self {
        self.waiting_changes = count;
        self
    }
}
