mod call;
mod handlers;
mod invocation;
mod memory;
mod response;

use std::sync::Arc;

use crate::answering::Answering;
use crate::inboxes::Inboxes;

pub use call::MethodCall;
pub use invocation::Invocation;
pub use response::MethodResponse;

pub(crate) use call::ArrivedCall;
pub(crate) use handlers::{Handlers, Terms};
pub(crate) use memory::{Arrival, CallAnswer, CallMemory, OpenCall};

/// The direct methods that the back end calls, as they come.
///
/// Made by [`Device::methods`](crate::Device::methods). It does not keep the device connected: when the
/// last [`Device`](crate::Device) is gone, [`Self::next`] says so. Of several, each call reaches one.
#[derive(Clone, Debug)]
pub struct Methods {
    inboxes: Arc<Inboxes>,
    answering: Answering,
}

impl Methods {
    pub(crate) fn new(inboxes: Arc<Inboxes>, answering: Answering) -> Self {
        Self { inboxes, answering }
    }

    /// Waits for the next call; `None` when the device is closed. Cancel-safe.
    ///
    /// Calls of a connection that is gone are not given out, because the hub has given up on them. While
    /// as many calls wait as [`Options::waiting_calls`](crate::Options::waiting_calls) allows, further
    /// ones are answered with [`MethodResponse::BUSY`]. A call that is delivered twice is given out once, and its answer
    /// repeated.
    pub async fn next(&mut self) -> Option<MethodCall> {
        let arrived = self.inboxes.calls.next().await?;
        Some(MethodCall::new(arrived, self.answering.clone()))
    }

    /// Returns when the device is closed.
    pub(crate) async fn closed(&self) {
        self.inboxes.calls.closed().await;
    }
}
