//! A whole device for a microcontroller: a session of `iothub-proto` over an MQTT 3.1.1 client that is part of this
//! example, over any byte stream with the traits of `embedded-io-async`. No `std`, no allocator.
//!
//! `docs/embedded.md` explains it. Read [`Device::run`] first; what a board has to bring is in `board.rs`.
//!
//! The stream is one inside TLS: the service has no port without it. On a microcontroller, that is the business of a
//! TLS library, of a modem, or of a second processor, and this example does not have one. Its test has rustls.

#![no_std]

mod board;
mod conversation;
mod device;
mod fault;
mod inbox;
mod kept;
mod outbox;
mod pings;

pub use board::{Application, Board, Network};
pub use device::{About, Device};
pub use fault::Fault;
