//! A device's and a hub's end of the IoT Hub conversation, without I/O.

#![no_std]

mod packet;
mod time;

pub use packet::{
    Ack, AckToken, Farewell, Granted, Limits, Opening, Packet, PacketKind, Refusal, RefusalReason, Session,
};
pub use time::{Instant, Now, Timestamp};
