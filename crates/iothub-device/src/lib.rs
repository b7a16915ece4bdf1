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
//! let twin = device.twin().replica().await?;
//! let interval_s: Option<u64> = twin.desired_at("/interval")?;
//! twin.reporter().report(&json!({ "firmware": "1.4.2", "interval": interval_s })).await?;
//! device
//!     .on_method("reboot", async |delay_s: u64, _call| match delay_s {
//!         0..=3600 => Ok(json!({ "in": format!("{delay_s} s") })),
//!         _ => Err(MethodResponse::new(409, json!({ "message": "not that late" }))),
//!     })
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! # How a device reaches its hub
//!
//! By TLS at port 8883 of `HostName`, or of `GatewayHostName`, whose certificate has to be for that name. A name with
//! several addresses is tried by RFC 8305: another address, of the other family if there is one, 250 ms after each, and the
//! first that answers is taken. What can be different:
//!
//! | | |
//! |---|---|
//! | another place, for the same name | [`Options::connect_to`] |
//! | at port 443, in a WebSocket (feature `websocket`) | `Options::over_websocket` |
//! | through an HTTP proxy, with a password, also over `https://` | [`Options::proxy`], [`Options::proxy_from_environment`] |
//! | over a stream of the application's own | [`Device::connect_over`] with a [`Transport`] |
//! | who is trusted: otherwise whom the platform trusts | [`Options::ca_pem`], [`Options::roots`] with [`Roots`] |
//! | proof by a certificate | [`Options::with_certificate`] with a [`ClientCertificate`] |
//! | proof by tokens from a vault | [`Options::with_tokens`] |
//! | proof by a key that only a chip or a vault can use | [`Options::with_signer`] |
//! | another clock for proofs and certificates than the system's | [`Options::clock`] |
//!
//! [`Roots`] and [`ClientCertificate`] are handles: what they are replaced by counts from the next connection on. Each step
//! has an error of its own in [`ConnectError`], without passwords.
//!
//! # Staying connected
//!
//! [`Device::connect`] returns when the device is connected, or says why it is not; [`Device::start`] returns at once and
//! connects when that can be done. From then on a connection that ends is followed by another, subscriptions included:
//! after a wait of chance that grows with each failure in a row, and whose bounds depend on what has failed
//! ([`ByClass`] has the table, [`Options::reconnect_policy`] changes it). What no other attempt can mend ends the device.
//! [`Device::status`] has the latest [`ConnectionStatus`], [`Device::status_changes`] each of them, with the cause and a
//! sentence of advice.
//!
//! # Without a hub yet
//!
//! A device that is made by the thousand knows an id scope and has a key or a certificate. [`Provisioning`] registers it
//! with the Device Provisioning Service, and the [`Assignment`] leads to [`Options`] for its hub.
//!
//! # Telemetry
//!
//! [`Device::send`] is one message from its beginning to its end; [`Device::enqueue`] puts many in line, each with a
//! [`Delivery`] that says later what became of it. What waits is bounded by [`Options::waiting_messages`] and
//! [`Options::waiting_bytes`], what is on its way by [`Options::window`], and all that can go out goes out in one write.
//! Messages that have to outlast the process are kept in a file by the feature `outbox`: its module of that name.
//!
//! # Files
//!
//! The feature `upload` sends files over HTTPS, block by block, whether or not there is a connection over MQTT:
//! `Device::upload`, and `Uploads`. They go by the same proxy, with the same roots and the same proof.
//!
//! # What a dialect can say
//!
//! [`Options::dialect`] chooses how device and hub talk: in the classic way, or in one of two that were previews once.
//! The same program runs in each. What a dialect has no way to say ends as a [`NotExpressible`], which names those that
//! have one, and is never sent as something like it.
//!
//! | | [`Classic`](Dialect::Classic) | [`Preview311`](Dialect::Preview311) | [`Preview5`](Dialect::Preview5) |
//! |---|---|---|---|
//! | spoken over | MQTT 3.1.1 | MQTT 3.1.1 | MQTT 5 |
//! | proof | token, signed with a key or given | signature with a key | signature with a key |
//! | renewed by | connecting again | connecting again | AUTH, while connected |
//! | a hub that ends the connection | just does | just does | says why: [`ConnectError::Dismissed`] |
//! | telemetry that is refused | ends the connection, and is sent again until its [deadline](Message::deadline) | likewise | [`SendError::Refused`] |
//! | [`Command::complete`] | yes | yes | yes |
//! | [`Command::abandon`], [`Command::reject`] | – | – | yes |
//! | [`MethodCall::reply`] | any code | codes from 0 | codes from 0 |
//! | [`MethodCall::decline`] | – | yes | yes |
//! | [`Twin::get`], [`Twin::report_if_version`], [`Twin::desired_changes`], [`Twin::replica`] | yes | yes | yes |
//! | [`Twin::desired`], [`Twin::reported`] | – | yes | – |
//! | why a twin request is refused | HTTP's number | status and reason | status and reason |
//! | [`Device::inputs`] and [`Message::output`] of modules | yes | – | – |
//! | [`Options::model_id`] | yes | yes | – |
//!
//! # What is told
//!
//! With [`tracing`], within these spans. A device's own is made where the device is, and is a child of the span there.
//!
//! | span | level | fields | around |
//! |---|---|---|---|
//! | `device` | error | `hub`, `device`, `module` of a module, `dialect` | all of the following |
//! | `connection` | info | `number`, from 1 | an attempt to connect, and the connection |
//! | `method` | info | `name` | the handler of a call, and the answer |
//! | `command` | info | `message_id` and `trace_id` if it has them | the handler of a command, and what the hub is told |
//! | `input` | info | `name` of the input, `message_id`, `trace_id` | the same for a message to a module |
//!
//! The names of these events stay; their texts and further fields may change.
//!
//! | event | level | fields | when |
//! |---|---|---|---|
//! | `connecting` | debug | | an attempt begins |
//! | `connected` | info | `after` | all is subscribed to |
//! | `disconnected` | warn | `cause`, `class`, `failures`, `retry_in`, `advice` | a connection or an attempt has ended, and another follows |
//! | `closed` | info | | the device was closed, or its last handle dropped |
//! | `given_up` | error | `cause`, `class` | no other attempt follows |
//! | `replacing` | debug | | another connection follows, with new credentials |
//! | `credentials_renewed` | debug | | the hub has accepted new ones, over MQTT 5 |
//! | `credentials_unavailable` | warn | `error`, `retry_in` | a provider gave none, and is asked again |
//! | `token_expired` | warn | `left` | a token that was given has expired by the device's clock |
//! | `subscription_refused` | warn | `channels` | the hub does not let the device listen |
//! | `method_answered` | debug | `code` | a handler's answer is on its way |
//! | `method_unanswered` | warn | `error` | it cannot be |
//! | `method_panicked`, `command_panicked` | warn | `error` | a handler has |
//! | `calls_full`, `commands_full`, `inputs_full` | warn | | too many wait for the application |
//! | `command_settled` | debug | `verdict` | the hub was told what became of it |
//! | `command_unsettled` | warn | `error`, `verdict` | the hub was not, and delivers it again |
//! | `desired_missed` | debug | `known`, `version` | changes were missed, and the twin is asked for |
//! | `report_delayed` | debug | `refusal` | the hub has no time for a report, which a reporter sends again |
//! | `report_failed` | warn | `error` | a report of a reporter's came to nothing |
//! | `report_given_up` | warn | | the hub was not reached in time for what a reporter had left when it was dropped |
//! | `twin_unavailable` | warn | `status` | the hub has not given it, and is asked again |
//! | `outbox_delayed` | warn | `refusal`, `key` | the hub has no time for a message of the outbox, which is sent again |
//! | `outbox_undeliverable` | warn | `why`, `key` | it takes another never, which is lost |
//! | `outbox_illegible` | warn | `why`, `key` | what is in the outbox is no message, and is lost |
//!
//! Without a span of a device's, because they have none, or outlast it:
//!
//! | event | level | fields | when |
//! |---|---|---|---|
//! | `registration_retried` | info | `error`, `registration` | the provisioning service is asked again |
//! | `upload_unannounced` | debug | `error` | the hub was not told that an upload failed |
//! | `outbox_unwritten`, `outbox_unread` | warn | `failure` | the file of an outbox cannot be written or read, and is tried again |
//! | `outbox_lost` | debug | `key`, `reason` | a message is dropped from an outbox |
//! | `outbox_loss_untold` | warn | `key` | whoever is told of that has panicked |
//! | `outbox_repaired` | warn | `path` | what the file said of its free pages was wrong |
//!
//! Keys, tokens, signed URIs and payloads are never in any of it.
//!
//! A message says with [`Message::trace_context`] where it stands in a distributed trace, and a command is asked with
//! [`Properties::trace_context`].
//!
//! Numbers go to whoever implements [`Metrics`], through [`Options::metrics`].

mod address;
mod answering;
mod bell;
#[cfg(test)]
mod captured;
mod chance;
mod civil_clock;
mod client_certificate;
mod clock;
mod commands;
mod connect_error;
mod connect_stage;
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
mod listeners;
mod mailbox;
mod message;
mod methods;
mod metrics;
mod not_expressible;
mod options;
#[cfg(feature = "outbox")]
pub mod outbox;
mod outcome;
mod proofs;
mod properties;
mod provisioning;
mod proxy;
mod refusal;
mod roots;
mod skew;
mod spans;
mod stall;
mod status;
mod telemetry;
mod transport;
mod twin;
mod unsent;
#[cfg(feature = "upload")]
mod uploads;

pub use address::{Address, BadAddress};
pub use client_certificate::{BadClientCertificate, ClientCertificate};
pub use commands::{Command, Commands, InputMessage, Inputs, Undone};
pub use connect_error::ConnectError;
pub use connect_stage::ConnectStage;
pub use credentials::{CredentialsError, ProviderError, TokenWanted};
pub use device::Device;
pub use error::{AnswerError, ReportError, SendError, SubscribeError, TwinError};
pub use message::Message;
pub use methods::{Invocation, MethodCall, MethodResponse, Methods};
pub use metrics::{CommandEnding, MethodEnding, Metrics};
pub use not_expressible::NotExpressible;
pub use options::{Options, OptionsError};
pub use properties::Properties;
pub use provisioning::{Assignment, BadName, Provisioning, ProvisioningError, derive_device_key};
pub use proxy::{BadProxy, Proxy, ProxyError};
pub use refusal::Refusal;
pub use roots::{BadRoots, Roots};
pub use status::{ConnectionStatus, StatusChange, StatusChanges, StatusWatch};
pub use telemetry::{Delivery, EnqueueError};
pub use transport::Transport;
pub use twin::{
    DesiredChanges, DesiredUpdate, Replica, ReplicaError, Reporter, Twin, TwinDocument, TwinSection,
    TwinSnapshot, TwinValues,
};
#[cfg(feature = "upload")]
pub use uploads::{
    Source, Stage, Upload, UploadError, UploadFailed, UploadProgress, UploadState, Uploaded, Uploads,
};

pub use iothub_codec::{
    BadTraceParent, BadTraceState, Channels, Dialect, Sampling, Status, SystemProperty, TraceContext,
    TraceParent, TraceState,
};
pub use iothub_model::{Rule, Violation};
pub use iothub_proto::{
    Backoff, ByClass, Failure, FailureClass, Next, ReconnectPolicy, RefusalReason, Retry, Session,
};

/// Compiles what the README of the workspace shows.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
