//! An Azure IoT Hub on sockets: MQTT over TLS, MQTT over WebSocket, and the service API over HTTPS.
//!
//! [`Server::start`] starts a hub inside this process, on ports of its choice if need be, and gives a
//! [`Running`] that knows everything a client has to. What the hub decides is decided in `iothub-hub`; here
//! are the sockets, the certificates, the clock and the journal.
//!
//! ```
//! use iothub_server::{Options, Server};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let options = Options { ready_device: Some("pump-7".into()), ..Options::free_ports() };
//! let hub = Server::start(options).await?;
//! assert!(hub.device_connection_string().unwrap().contains(";DeviceId=pump-7;SharedAccessKey="));
//! hub.stop().await;
//! # Ok::<(), iothub_server::StartError>(())
//! # }).unwrap();
//! ```

mod authority;
mod backup;
mod body;
mod carrier;
mod clock;
mod connection;
mod doorway;
mod driver;
mod error;
mod events;
mod files;
mod folder;
mod harness;
mod http;
mod journal;
mod listener;
mod messages;
mod metrics;
mod options;
mod outbox;
mod patience;
mod pipe;
mod premises;
mod prepared;
mod probes;
mod reading;
mod ready;
mod retention;
mod runtime;
#[cfg(test)]
mod scratch;
mod server;
mod shared;
mod sites;
mod stranger;
mod tls;
mod transfer_files;
mod transfers;
mod websocket;

pub use backup::{BackupError, back_up, reset, restore};
pub use error::{Port, StartError};
pub use events::{Batch, Bounds, EventLog, Limits as ReadLimits, Logged, Position};
pub use harness::{ByteStream, Door, Harness, Interposer, Reach, Response, RestRequest, State};
pub use iothub_hub::{
    CommandSettings, Edition, Event, EventKind, FileSettings, Rule, SettingOutOfRange, Sku, UnitsOutOfRange,
};
pub use journal::JournalError;
pub use options::{Limits, Options};
pub use ready::{NotFound, Ready, Urls};
pub use retention::{BadRetention, Retention};
pub use server::{Running, Server};
