use core::time::Duration;

use iothub_proto::Instant;

use crate::clock::Clock;

/// What a method's handler is told beside the argument.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Which method was called.
    pub name: String,
    deadline: Instant,
    clock: Clock,
}

impl Invocation {
    pub(super) fn new(name: String, deadline: Instant, clock: Clock) -> Self {
        Self { name, deadline, clock }
    }

    /// When the handler is dropped and the caller told so: [`Options::call_timeout`](crate::Options::call_timeout)
    /// after the call has come. How long the caller waits no dialect says; it may be less.
    pub fn deadline(&self) -> tokio::time::Instant {
        self.clock.on_runtime(self.deadline)
    }

    /// How long that is from now.
    pub fn remaining(&self) -> Duration {
        self.deadline.since(self.clock.now())
    }
}
