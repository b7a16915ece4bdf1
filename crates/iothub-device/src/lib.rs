//! An Azure IoT Hub device on tokio.
//!
//! A [`Device`] is connected from its connection string, stays connected by itself, and gives each
//! operation exactly one outcome within a deadline. One task per device owns the socket; the decisions are
//! made in `iothub-proto` and `iothub-mqtt`.
//!
//! ```no_run
//! use iothub_device::{Device, Message, MethodResponse, Options};
//! use serde_json::json;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::from_connection_string(&std::env::var("IOTHUB_DEVICE_CONNECTION_STRING")?)?;
//! let device = Device::connect(options).await?;
//!
//! device.send(Message::new(r#"{"t":21.5}"#).content_type("application/json")).await?;
//! device.twin().report(&json!({ "firmware": "1.4.2" })).await?;
//! device
//!     .on_method(async |name, _payload| match name.as_str() {
//!         "reboot" => MethodResponse::new(200, json!({ "in": "5 s" })),
//!         _ => MethodResponse::new(404, json!(null)),
//!     })
//!     .await?;
//! # Ok(()) }
//! ```

mod address;
mod answering;
mod chance;
mod clock;
mod commands;
mod conversation;
mod credentials;
mod desk;
mod device;
mod dial;
mod driver;
mod error;
mod inboxes;
mod lanes;
mod link;
mod mailbox;
mod message;
mod methods;
mod options;
mod outcome;
mod properties;
mod status;
mod twin;

pub use address::{Address, BadAddress};
pub use commands::{Command, Commands, InputMessage, Inputs};
pub use device::Device;
pub use error::{AnswerError, ConnectError, SendError, SubscribeError, TwinError};
pub use message::Message;
pub use methods::{MethodCall, MethodResponse, Methods};
pub use options::{Options, OptionsError};
pub use properties::Properties;
pub use status::{ConnectionStatus, StatusWatch};
pub use twin::{DesiredChange, DesiredChanges, Twin, TwinDocument};

pub use iothub_codec::{Channels, Status, SystemProperty};
pub use iothub_proto::{Backoff, RefusalReason, Session};

/// Compiles what the README of the workspace shows.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
