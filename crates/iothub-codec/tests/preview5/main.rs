//! What the MQTT 5 dialect looks like on the wire: topics and property sections, one row each, in both directions;
//! connecting, acknowledging and renewing; what is refused, with the place; and what must hold for all of it.

#[cfg(test)]
mod acks;
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod connect;
#[cfg(test)]
#[path = "../support/ends.rs"]
mod ends;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod naive_message;
#[cfg(test)]
#[path = "../support/packet.rs"]
mod packet;
#[cfg(test)]
mod packets;
#[cfg(test)]
#[path = "../roundtrip/plain.rs"]
mod plain;
#[cfg(test)]
mod sections;
#[cfg(test)]
mod unreadable;
#[cfg(test)]
mod unwritable;
#[cfg(test)]
mod wire;

#[cfg(test)]
const DIALECT: iothub_codec::Dialect = iothub_codec::Dialect::Preview5;
