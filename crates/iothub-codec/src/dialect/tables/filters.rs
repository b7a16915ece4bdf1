use super::{Kind, Tables, Wire};
use crate::channel::Channels;
use crate::error::EncodeError;
use crate::publish::Qos;
use crate::write::Writer;

impl Tables {
    /// Writes the topics of the messages that these channels are for.
    #[cfg_attr(feature = "fast", inline(never))]
    pub(in crate::dialect) fn filters(&self, channels: Channels, out: &mut Writer<'_>) {
        if channels.contains(Channels::INPUTS) {
            out.fail(EncodeError::NotExpressible);
        }
        for message in self.messages {
            let (channel, qos) = match message.kind {
                Kind::Command => (Channels::COMMANDS, Qos::AtLeastOnce),
                Kind::Method => (Channels::METHODS, Qos::AtMostOnce),
                Kind::DesiredChanged => (Channels::DESIRED, Qos::AtMostOnce),
                Kind::TwinGetReply | Kind::TwinPatchReply if self.asks_for_replies() => {
                    (Channels::REPLIES, Qos::AtMostOnce)
                }
                Kind::Telemetry
                | Kind::TwinGet
                | Kind::TwinGetReported
                | Kind::TwinGetDesired
                | Kind::TwinPatch
                | Kind::MethodReply
                | Kind::TwinGetReply
                | Kind::TwinPatchReply
                | Kind::TwinReply
                | Kind::DesiredSlash => continue,
            };
            if !channels.contains(channel) {
                continue;
            }
            let start = out.begin_block();
            out.put_str(self.root.as_str());
            out.put_str(message.topic.as_str());
            match self.wire {
                // What stands for the list, which is always there in what a hub sends.
                #[cfg(feature = "preview311")]
                Wire::Topic => out.put_str("/+"),
                #[cfg(feature = "preview5")]
                Wire::Section => {}
                Wire::Path => {}
            }
            out.end_block(start);
            out.put_byte(qos as u8);
        }
    }

    /// Over MQTT 5 answers come without being asked for, so that nothing at all may be written.
    const fn asks_for_replies(&self) -> bool {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => true,
            #[cfg(feature = "preview5")]
            Wire::Section => false,
            Wire::Path => true,
        }
    }
}
