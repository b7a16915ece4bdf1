use core::time::Duration;

use bytes::Bytes;
use iothub_codec::{Codec, Qos, SystemProperty, Telemetry, TraceContext};

use crate::not_expressible::NotExpressible;
use crate::properties::Properties;

/// A message from the device to the cloud.
///
/// Made by the application, consumed by [`Device::send`](crate::Device::send). The payload is shared, not
/// copied, when a message is cloned.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub(crate) payload: Bytes,
    pub(crate) properties: Properties,
    pub(crate) qos: Guarantee,
    pub(crate) deadline: Option<Duration>,
}

/// How often a message arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Guarantee {
    #[default]
    AtLeastOnce,
    AtMostOnce,
}

impl Message {
    /// Longest message, payload and properties together, in bytes: a limit of IoT Hub.
    pub const SIZE_MAX: usize = 256 * 1024;

    /// A message without properties, to be delivered at least once.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// Says what the payload is, such as `application/json`. The hub's routing looks into payloads of that
    /// type when [`Self::content_encoding`] is `utf-8`.
    #[must_use]
    pub fn content_type(self, content_type: impl Into<String>) -> Self {
        self.system(SystemProperty::ContentType, content_type)
    }

    /// Says how text in the payload is encoded: `utf-8`, `utf-16` or `utf-32`.
    #[must_use]
    pub fn content_encoding(self, encoding: impl Into<String>) -> Self {
        self.system(SystemProperty::ContentEncoding, encoding)
    }

    /// Names the message, so that the back end can tell a repeated one.
    #[must_use]
    pub fn message_id(self, id: impl Into<String>) -> Self {
        self.system(SystemProperty::MessageId, id)
    }

    /// Names what the message belongs to.
    #[must_use]
    pub fn correlation_id(self, id: impl Into<String>) -> Self {
        self.system(SystemProperty::CorrelationId, id)
    }

    /// Sends the message to an output of this module, for the routes of an Edge device.
    #[must_use]
    pub fn output(self, name: impl Into<String>) -> Self {
        self.system(SystemProperty::OutputName, name)
    }

    /// Says where the message stands in a distributed trace. The hub's events have it as `traceparent` and `tracestate`: in
    /// the `$az/iot` dialect as system properties, in the others as properties of the application's, of which it is then the
    /// one of that name that counts.
    ///
    /// ```
    /// use iothub_device::{Message, Sampling, TraceParent};
    ///
    /// // As a tracing system gives the ids of the current span.
    /// let (trace_id, span_id) = ([7; 16], [8; 8]);
    /// let mut message = Message::new("21.5");
    /// if let Some(parent) = TraceParent::new(trace_id, span_id, Sampling::Recorded) {
    ///     message = message.trace_context(parent);
    /// }
    /// ```
    #[must_use]
    pub fn trace_context<'a>(mut self, context: impl Into<TraceContext<'a>>) -> Self {
        let TraceContext { parent, state } = context.into();
        self.properties.unset_system(SystemProperty::TraceState);
        if let Some(state) = state {
            self.properties.set_system(SystemProperty::TraceState, state.as_str().to_owned());
        }
        self.system(SystemProperty::TraceParent, parent.to_string())
    }

    /// Sets a system property; the last value given counts.
    #[must_use]
    pub fn system(mut self, name: SystemProperty, value: impl Into<String>) -> Self {
        self.properties.set_system(name, value.into());
        self
    }

    /// Sets a property of the application's; the last value given counts.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.set(name.into(), value.into());
        self
    }

    /// Sends the message once and forgets it: QoS 0. What is under way when a connection breaks is lost.
    #[must_use]
    pub fn at_most_once(mut self) -> Self {
        self.qos = Guarantee::AtMostOnce;
        self
    }

    /// How long the outcome is waited for, from when the message is handed over; if it is not said here,
    /// [`Options::operation_timeout`](crate::Options::operation_timeout). A message that still waits to be sent then
    /// is never sent, and one that is not acknowledged by then is not sent again over another connection.
    #[must_use]
    pub fn deadline(mut self, after: Duration) -> Self {
        self.deadline = Some(after);
        self
    }

    /// What counts towards [`Self::SIZE_MAX`], in bytes.
    pub fn size(&self) -> usize {
        self.payload.len() + self.properties.size()
    }

    /// The message as it is written, with its properties as [`Properties::system_pairs`] and [`Properties::pairs`]
    /// give them.
    pub(crate) fn telemetry<'a>(
        &'a self,
        system: &'a [(SystemProperty, &'a str)],
        application: &'a [(&'a str, &'a str)],
    ) -> Telemetry<'a> {
        let properties = iothub_codec::Properties::new(system, application);
        Telemetry { payload: &self.payload, properties, qos: self.qos(), retain: false }
    }

    /// Each of its properties must be one that the dialect has, with a value that it takes.
    pub(crate) fn check(&self, codec: Codec<'_>) -> Result<(), NotExpressible> {
        self.properties.system_pairs(codec.dialect()).into_iter().try_for_each(|property| {
            let properties = [property];
            NotExpressible::check(property.0.event_name(), codec, |codec, out| {
                let properties = iothub_codec::Properties::new(&properties, &[]);
                codec.encode(&Telemetry { properties, ..Telemetry::default() }, out).map(drop)
            })
        })
    }

    fn qos(&self) -> Qos {
        match self.qos {
            Guarantee::AtLeastOnce => Qos::AtLeastOnce,
            Guarantee::AtMostOnce => Qos::AtMostOnce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_counts_payload_and_properties() {
        let message = Message::new("21.5").property("room", "2b").property("room", "2c").message_id("m1");
        assert_eq!(message.size(), 4 + 4 + 2 + 2);
        assert_eq!(message.properties.get("room"), Some("2c"), "the last value counts");
    }
}
