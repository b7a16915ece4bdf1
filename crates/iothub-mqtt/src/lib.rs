//! MQTT as bytes, for IoT Hub sessions: both ends of a connection, without I/O.
//!
//! A [`Client`] or a [`Server`] turns the bytes of a connection into the [`Packet`]s that a session of
//! `iothub-proto` speaks, and back; the CONNECT says whether it is MQTT 3.1.1 or MQTT 5. It answers and sends pings,
//! notices a dead peer, refuses everything that MQTT forbids, keeps to the limits of both ends, and the client repeats
//! what was not acknowledged. Whoever owns the socket reads into [`Server::read_buffer`] and writes what
//! [`Server::poll_bytes`] lends. Neither allocates for a packet once its buffers have grown to what the connection
//! needs.
//!
//! ```
//! use iothub_mqtt::{Client, Server};
//! use iothub_proto::{Instant, Limits, Packet};
//! # use iothub_codec::{Connect, PropertySection, Version};
//! # use iothub_proto::{Opening, Session};
//! # let connect = Connect {
//! #     version: Version::V311,
//! #     client_id: "pump-7",
//! #     username: None,
//! #     password: None,
//! #     properties: PropertySection::EMPTY,
//! # };
//! # let opening = Opening { session: Session::Resume, keep_alive_s: 240, ..Opening::new(connect) };
//!
//! let now = Instant::from_millis(0);
//! let mut device = Client::new(Limits::CLASSIC);
//! let mut hub = Server::new(Limits::CLASSIC);
//!
//! device.send(now, &Packet::Connect(opening))?;
//! while let Some(bytes) = device.poll_bytes() {
//!     let taken = hub.handle_bytes(now, bytes);
//!     device.consume(taken);
//! }
//! assert_eq!(hub.poll_packet()?, Some(Packet::Connect(opening)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! [`Packet`]: iothub_proto::Packet

mod aliases;
mod client;
mod connect_flags;
mod error;
mod fields;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod inbox;
mod inflight;
mod keep_alive;
#[doc(hidden)]
pub mod measuring;
mod outbox;
mod protocol;
mod server;
mod topic;
mod wire4;
mod wire5;
mod writer;

pub use client::Client;
pub use error::{WireError, WriteError};
pub use frame::PacketType;
pub use server::Server;
