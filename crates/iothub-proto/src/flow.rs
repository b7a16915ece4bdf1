use iothub_codec::{Publish, Qos, Version};

use crate::error::SendError;

/// What the other end takes on one connection, as it said when that began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) version: Version,
    /// Most QoS 1 messages without an acknowledgement at a time.
    pub(crate) receive_maximum: u16,
    /// Longest packet, in bytes.
    pub(crate) packet_len_max: u32,
    pub(crate) qos_max: Qos,
}

impl Flow {
    /// Whether such a message may be sent at all.
    pub(crate) fn admit(&self, publish: &Publish<'_>) -> Result<(), SendError> {
        if publish.qos > self.qos_max {
            return Err(SendError::QosNotTaken);
        }
        let size = publish_len(self.version, publish);
        let limit = usize::try_from(self.packet_len_max).unwrap_or(usize::MAX);
        if size > limit { Err(SendError::TooLarge { size, limit }) } else { Ok(()) }
    }
}

/// How many bytes the message is as a packet.
fn publish_len(version: Version, publish: &Publish<'_>) -> usize {
    let token = match publish.qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 2,
    };
    let properties = publish.properties.as_wire().len();
    let section = match version {
        Version::V311 => 0,
        Version::V5 => number_len(properties) + properties,
    };
    let rest = 2 + publish.topic.len() + token + section + publish.payload.len();
    1 + number_len(rest) + rest
}

/// How many bytes a length takes that MQTT writes with seven bits in each.
const fn number_len(number: usize) -> usize {
    match number {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;

    use super::*;

    #[test]
    fn a_message_is_as_long_as_its_packet() {
        for (version, qos, payload_len, expected) in [
            // First byte, remaining length, topic and its length; the packet identifier; the empty section.
            (Version::V311, Qos::AtMostOnce, 0, 1 + 1 + 3),
            (Version::V311, Qos::AtLeastOnce, 0, 1 + 1 + 3 + 2),
            (Version::V5, Qos::AtMostOnce, 0, 1 + 1 + 3 + 1),
            (Version::V5, Qos::AtLeastOnce, 0, 1 + 1 + 3 + 2 + 1),
            (Version::V311, Qos::AtMostOnce, 124, 1 + 1 + 3 + 124),
            (Version::V311, Qos::AtMostOnce, 125, 1 + 2 + 3 + 125),
            (Version::V311, Qos::AtMostOnce, 16_380, 1 + 2 + 3 + 16_380),
            (Version::V311, Qos::AtMostOnce, 16_381, 1 + 3 + 3 + 16_381),
        ] {
            let payload = vec![0; payload_len];
            let publish = Publish { qos, ..Publish::new("t", &payload) };
            assert_eq!(publish_len(version, &publish), expected, "{version:?} {qos:?} {payload_len}");
            let flow = |most| Flow { version, receive_maximum: 1, packet_len_max: most, qos_max: qos };
            let most = u32::try_from(expected).unwrap();
            assert_eq!(flow(most).admit(&publish), Ok(()));
            let limit = expected - 1;
            assert_eq!(flow(most - 1).admit(&publish), Err(SendError::TooLarge { size: expected, limit }));
        }
    }
}
