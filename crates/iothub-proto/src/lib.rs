//! A device's and a hub's end of the IoT Hub conversation, without I/O.
//!
//! [`DeviceSession`] and [`HubSession`] remember what a conversation needs, in any dialect: which requests are open,
//! what is subscribed to, what is not acknowledged, which desired properties the application knows, when credentials
//! run out. They see [`Packet`]s, not bytes; time
//! is an argument; nothing is allocated. Any MQTT stack can carry them: it turns what arrives into a
//! `Packet`, and sends those it is given. [How to run a session over your own MQTT][embedded] has the whole loop, what
//! the transport must do, and what it takes of a microcontroller.
//!
//! [embedded]: https://github.com/iothub-rs/iothub/blob/main/docs/embedded.md
//!
//! ```
//! use iothub_codec::{Channels, Codec, DeviceId, Dialect, Identity, Telemetry};
//! use iothub_proto::{DeviceEvent, DeviceSession, Instant, Limits, Packet, Session};
//! # use iothub_codec::{Introduction, Proof};
//! # use iothub_proto::{Hello, Now, Seed};
//!
//! let identity = Identity::device(DeviceId::new("pump-7").unwrap());
//! let mut session = DeviceSession::<8>::new(Codec::new(Dialect::Classic, identity), Channels::NONE);
//! let mut out = [0; 256];
//! # let introduction = Introduction { host: "hub1.azure-devices.net", client_agent: None, model_id: None };
//! # let hello = Hello { introduction, proof: Proof::None, valid_until: None, session: Session::Fresh, keep_alive_s: 60, will: None, packet_len_max: None, seed: Seed::new(7) };
//! let packet = session.connect(Now::default(), &hello, &mut out)?;
//! // ... send `packet`; the hub answers:
//! let answer = Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC };
//! assert_eq!(session.handle_packet(Instant::default(), &answer).unwrap(), Some(DeviceEvent::Ready));
//! let (_, packet) = session.send_telemetry(&Telemetry { payload: b"21.5", ..Telemetry::default() }, &mut out)?;
//! // ... send `packet`
//! # Ok::<(), iothub_proto::SendError>(())
//! ```

#![no_std]

mod backoff;
mod device;
mod document;
mod error;
mod flow;
// What it tries are all dialects at once.
#[cfg(all(feature = "preview311", feature = "preview5"))]
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod outcomes;
mod packet;
mod reconnecting;
mod refusal;
mod registering;
mod requests;
mod subscriptions;
mod time;
mod verdict;
mod window;

pub use backoff::{Backoff, Seed};
pub use device::{DeviceEvent, DeviceSession, Hello, Retry};
pub use error::{PeerError, SendError, StateKind};
pub use hub::{Delivery, Dismissal, HubEvent, HubSession, Received, refuse_connect};
pub use outcomes::{FilterRefusal, Granted, Removal, Removed};
pub use packet::{AckToken, Limits, Opening, Packet, PacketKind, Session};
pub use reconnecting::{ByClass, Failure, FailureClass, Next, ReconnectPolicy, Reconnecting, Setback};
pub use refusal::{Refusal, RefusalReason};
pub use registering::{RegisteringEvent, RegistrationSession};
pub use requests::Ticket;
pub use subscriptions::Subscriptions;
pub use time::{Instant, Now, Timestamp};
pub use verdict::Verdict;
