//! What the `$az/iot` dialect looks like on the wire: the samples and tables of its reference, one row each, in both
//! directions; what is read beside them; and what is refused, with the place.

#[cfg(test)]
mod connect;
#[cfg(test)]
#[path = "../support/ends.rs"]
mod ends;
#[cfg(test)]
mod filters;
#[cfg(test)]
#[path = "../support/mark.rs"]
mod mark;
#[cfg(test)]
mod messages;
#[cfg(test)]
#[path = "../support/packet.rs"]
mod packet;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod unreadable;
#[cfg(test)]
mod unwritable;

#[cfg(test)]
const DIALECT: iothub_codec::Dialect = iothub_codec::Dialect::Preview311;
