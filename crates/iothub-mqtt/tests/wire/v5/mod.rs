//! The same for MQTT 5.

mod bytes;
mod ends;
mod generated;
mod malformed;
mod naive;
mod sample;
