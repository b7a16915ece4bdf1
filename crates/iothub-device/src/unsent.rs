use iothub_codec::EncodeError;
use iothub_mqtt::WriteError;
use iothub_proto::{Limits, SendError};

use crate::connect_error::ConnectError;
use crate::error::NeverSent;

/// Most bytes of topics and properties: what goes into a packet.
pub(crate) const PACKET_MAX: usize = Limits::CLASSIC.maximum_packet_size as usize;

/// Why a packet was not sent.
pub(crate) enum Unsent {
    Session(SendError),
    Mqtt(WriteError),
}

/// Why something cannot be sent over this connection, however long it waits. `None` if it can be later.
pub(crate) fn never_sent(error: &SendError) -> Option<NeverSent> {
    match *error {
        SendError::TooLarge { size, limit } => Some(NeverSent::TooLarge { size, limit }),
        SendError::Encode(EncodeError::BufferTooSmall { needed }) => {
            Some(NeverSent::TooLarge { size: needed, limit: PACKET_MAX })
        }
        SendError::Encode(error) => Some(NeverSent::Unwritable(error)),
        SendError::QosNotTaken => Some(NeverSent::QosNotTaken),
        SendError::NotReady
        | SendError::TooManyOpen { .. }
        | SendError::WindowFull { .. }
        | SendError::NotSubscribed
        | SendError::NotAwaited
        | _ => None,
    }
}

impl From<SendError> for Unsent {
    fn from(error: SendError) -> Self {
        Self::Session(error)
    }
}

impl From<WriteError> for Unsent {
    fn from(error: WriteError) -> Self {
        Self::Mqtt(error)
    }
}

impl From<Unsent> for ConnectError {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Session(error) => Self::Unwritable(error),
            Unsent::Mqtt(error) => Self::Unsendable(error),
        }
    }
}
