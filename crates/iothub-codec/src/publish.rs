use crate::section::PropertySection;

/// An MQTT application message: what a PUBLISH packet carries, packet identifier aside.
///
/// Made by [`Codec::encode`](crate::Codec::encode) for an MQTT stack to send, or by that stack from what
/// arrived, for [`Codec::decode_to_hub`](crate::Codec::decode_to_hub) and
/// [`Codec::decode_to_device`](crate::Codec::decode_to_device) to read. Borrows the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The topic name.
    pub topic: &'a str,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
    /// The application's bytes.
    pub payload: &'a [u8],
    /// How the message is acknowledged.
    pub qos: Qos,
    /// The RETAIN flag. A hub retains nothing; it marks the message and passes it on.
    pub retain: bool,
    /// The DUP flag: this may have been delivered before.
    pub duplicate: bool,
}

impl<'a> Publish<'a> {
    /// A message at QoS 0 with neither flags nor MQTT 5 properties.
    pub const fn new(topic: &'a str, payload: &'a [u8]) -> Self {
        Self {
            topic,
            properties: PropertySection::EMPTY,
            payload,
            qos: Qos::AtMostOnce,
            retain: false,
            duplicate: false,
        }
    }
}

/// How a message is acknowledged. A hub knows no QoS 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// QoS 0: sent once and forgotten.
    #[default]
    AtMostOnce,
    /// QoS 1: acknowledged by PUBACK, repeated until then.
    AtLeastOnce,
}
