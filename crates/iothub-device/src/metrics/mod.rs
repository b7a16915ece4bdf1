//! What a device tells of its doings in numbers.

mod ending;
mod meter;

use core::time::Duration;

use iothub_proto::FailureClass;

use crate::error::{SendError, TwinError};

pub use ending::{CommandEnding, MethodEnding};
pub(crate) use meter::Meter;

/// Somebody who counts what a device does, for a system of metrics of the application's choice.
///
/// Given to [`Options::metrics`](crate::Options::metrics), shared by as many devices as the application likes. Each method
/// is called when that thing has happened, most of them by the device's task and some by whoever calls the device: none
/// may block or take long, and none may call the device back. Those that are not implemented do nothing, and without any
/// `Metrics` nothing is called. Times are in steps of a millisecond.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use std::sync::Arc;
///
/// use iothub_device::{FailureClass, Metrics, Options};
///
/// #[derive(Default)]
/// struct Outages(AtomicU64);
///
/// impl Metrics for Outages {
///     fn connection_lost(&self, _class: FailureClass) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// # let text = "HostName=h;DeviceId=d;SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// let outages = Arc::new(Outages::default());
/// let options = Options::from_connection_string(text)?.metrics(Arc::clone(&outages));
/// # Ok::<(), iothub_device::OptionsError>(())
/// ```
#[expect(unused_variables, reason = "the names of the arguments say what they are")]
pub trait Metrics: Send + Sync {
    /// The device begins an attempt to connect.
    fn connecting(&self) {}

    /// A connection is ready for everything, so long after its attempt has begun.
    fn connected(&self, after: Duration) {}

    /// A connection that was ready has ended: lost, closed, or about to be replaced by one with new credentials.
    fn disconnected(&self) {}

    /// An attempt has come to nothing.
    fn connect_failed(&self, class: FailureClass) {}

    /// A connection that was ready has ended, and the device did not end it.
    fn connection_lost(&self, class: FailureClass) {}

    /// The hub has accepted new credentials before the old ones were over, on the same connection or on another that
    /// has taken its place.
    fn credentials_renewed(&self) {}

    /// So many bytes of MQTT were written: before TLS, WebSocket and the like.
    fn bytes_sent(&self, count: usize) {}

    /// So many bytes of MQTT were read.
    fn bytes_received(&self, count: usize) {}

    /// So many messages more wait to be sent, that take up so many bytes of
    /// [`Options::waiting_bytes`](crate::Options::waiting_bytes).
    fn queue_grew(&self, messages: usize, bytes: usize) {}

    /// So many messages wait no longer: they are on their way, or were ended.
    fn queue_shrank(&self, messages: usize, bytes: usize) {}

    /// So many messages more than before are in an outbox, with what is on its way, and so many bytes of it; fewer where
    /// that is negative. What was there already is told first, and that it is not known any longer at the end: so the sum
    /// is what the outboxes of all devices hold.
    fn outbox_changed(&self, messages: i64, bytes: i64) {}

    /// So many messages were dropped from an outbox: for want of room, for their age, or because no hub takes them.
    fn outbox_lost(&self, messages: u64) {}

    /// A message of that [size](crate::Message::size) in bytes is on its way for the first time.
    fn message_sent(&self, size: usize) {}

    /// So many messages went out again over a new connection, because the one before ended ahead of their
    /// acknowledgements.
    fn messages_resent(&self, count: usize) {}

    /// The hub has acknowledged a message, so long after it was first sent.
    fn message_acknowledged(&self, after: Duration) {}

    /// A message came to nothing, as far as is known.
    fn message_failed(&self, error: &SendError) {}

    /// A direct method has ended in that way, so long after the call has come. A call that is answered a second time,
    /// because the hub has delivered it twice, counts once. Who sets the names is the back end.
    fn method_ended(&self, name: &str, ending: MethodEnding, after: Duration) {}

    /// A command, or a message for an input, has come to that end on this connection.
    fn command_ended(&self, ending: CommandEnding) {}

    /// The hub has taken over a report of the twin's properties, so long after it was sent.
    fn twin_reported(&self, after: Duration) {}

    /// The hub has not taken over a report, or is not known to have.
    fn report_failed(&self, error: &TwinError) {}

    /// Desired properties came: all of them or a change.
    fn desired_updated(&self) {}
}
