//! The same for MQTT 5.

mod bytes;
mod ends;
mod malformed;
