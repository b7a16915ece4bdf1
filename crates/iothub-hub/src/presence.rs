use iothub_proto::{Subscriptions, Timestamp};

use crate::input::ConnectionId;

/// Whether a device is there, as far as the hub knows. Not recorded: after a restart nobody is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence {
    /// The one connection of the device.
    pub(crate) connection: Option<ConnectionId>,
    /// When it last connected or disconnected.
    pub(crate) changed: Option<Timestamp>,
    /// When it last connected, sent or received.
    pub(crate) active: Option<Timestamp>,
    /// What it was subscribed to when its connection ended, if its session outlives that.
    pub(crate) kept: Option<Box<Subscriptions>>,
    /// The model that it said it follows.
    pub(crate) model_id: String,
}
