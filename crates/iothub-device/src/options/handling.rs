use core::time::Duration;

use super::Options;

/// How many handlers run at a time, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handling {
    pub(crate) calls_at_once: usize,
    pub(crate) call_timeout: Duration,
    pub(crate) commands_at_once: usize,
}

impl Default for Handling {
    fn default() -> Self {
        Self {
            calls_at_once: Options::CALLS_AT_ONCE,
            call_timeout: Options::CALL_TIMEOUT,
            commands_at_once: Options::COMMANDS_AT_ONCE,
        }
    }
}

/// What handlers of methods, commands and inputs may take.
impl Options {
    /// Method handlers that run at a time, unless [`Self::calls_at_once`] says otherwise.
    pub const CALLS_AT_ONCE: usize = 8;
    /// How long a method handler may take, unless [`Self::call_timeout`] says otherwise: as long as a caller can wait
    /// at most.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(300);
    /// Command handlers that run at a time, unless [`Self::commands_at_once`] says otherwise.
    pub const COMMANDS_AT_ONCE: usize = 1;

    /// How many method handlers run at a time, at least 1; further calls
    /// [wait](Self::waiting_calls). It is one limit for all of
    /// [`Device::on_method`](crate::Device::on_method) and [`Device::on_any_method`](crate::Device::on_any_method).
    #[must_use]
    pub fn calls_at_once(mut self, count: usize) -> Self {
        self.handling.calls_at_once = count;
        self
    }

    /// How long after a call has come its handler is dropped, and the caller told
    /// [`MethodResponse::OVERRUN`](crate::MethodResponse::OVERRUN). How long the caller waits, 5 to 300 seconds, the
    /// device is not told.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.handling.call_timeout = timeout;
        self
    }

    /// How many handlers of [`Device::on_command`](crate::Device::on_command) run at a time, at least 1, and how many of
    /// [`Device::on_input`](crate::Device::on_input); further messages [wait](Self::waiting_commands). With one, messages
    /// are handled in their order.
    #[must_use]
    pub fn commands_at_once(mut self, count: usize) -> Self {
        self.handling.commands_at_once = count;
        self
    }
}
