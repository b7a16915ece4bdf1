//! The same for MQTT 5.

mod bytes;
mod ends;
mod generated;
mod keeping;
mod last_words;
mod malformed;
mod mqttbytes;
mod naive;
mod sample;
mod unsendable;

pub(crate) use ends::opening;
