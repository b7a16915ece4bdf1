use super::Options;
use crate::conversation::WINDOW_MAX;

/// How much telemetry is on its way, and how much waits for that.
impl Options {
    /// Messages that may be unacknowledged, unless [`Self::window`] says otherwise.
    pub const WINDOW: u16 = 16;
    /// Most messages that may be unacknowledged.
    pub const WINDOW_MAX: u16 = WINDOW_MAX as u16;
    /// Messages that wait to be sent, unless [`Self::waiting_messages`] says otherwise.
    pub const WAITING_MESSAGES: usize = 128;
    /// Bytes that wait to be sent, unless [`Self::waiting_bytes`] says otherwise.
    pub const WAITING_BYTES: usize = 1024 * 1024;

    /// How many messages may be on their way without an acknowledgement: from 1, each after the one before, to
    /// [`Self::WINDOW_MAX`]. With more of them, more messages a second go over a connection on which acknowledgements
    /// take long, and as many may arrive a second time after it breaks. Over MQTT 5 a hub may ask for less.
    ///
    /// Where more wait than there is room for, they go out together: when a quarter of the window is acknowledged, or 16 are,
    /// whichever is less.
    #[must_use]
    pub fn window(mut self, messages: u16) -> Self {
        self.window = messages.clamp(1, Self::WINDOW_MAX);
        self
    }

    /// How many messages wait to be sent before [`Device::send`] and [`Device::enqueue`] wait for room.
    ///
    /// [`Device::send`]: crate::Device::send
    /// [`Device::enqueue`]: crate::Device::enqueue
    #[must_use]
    pub fn waiting_messages(mut self, count: usize) -> Self {
        self.waiting_messages = count;
        self
    }

    /// How many bytes wait to be sent before they wait for room: the [sizes](crate::Message::size) of all messages
    /// together. One message that is longer than all of this waits alone.
    #[must_use]
    pub fn waiting_bytes(mut self, count: usize) -> Self {
        self.waiting_bytes = count;
        self
    }

    /// Sends what is in the outbox, besides what is sent otherwise: up to two [windows](Self::window) of its messages
    /// wait or are on their way at a time. What has not been acknowledged when the device is closed stays in it.
    #[cfg(feature = "outbox")]
    #[must_use]
    pub fn outbox(mut self, outbox: crate::outbox::Outbox) -> Self {
        self.outbox = Some(outbox);
        self
    }
}
