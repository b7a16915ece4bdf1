//! An Azure IoT Hub in one line of a test: for those who test devices, and back ends.
//!
//! [`TestHub::start`] starts a whole hub in the process of the test, on ports that are free and with certificates of its
//! own, in some milliseconds. When the test ends, nothing is left of it.
//!
//! ```
//! use iothub_device::{Device, Message};
//! use iothub_test::TestHub;
//! use serde_json::json;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = TestHub::start().await;
//! let device = Device::connect(hub.device("thermostat-1").await).await?;
//!
//! device.send(Message::new(r#"{"t":21.5}"#)).await?;
//! hub.expect_telemetry("thermostat-1").json(json!({"t": 21.5})).await;
//! # Ok(()) }
//! ```
//!
//! # Devices of every kind
//!
//! [`TestHub::device`] registers a device and gives the options it connects with; what they are told before, it is.
//!
//! ```
//! # use core::time::Duration;
//! # use iothub_device::{Device, Dialect};
//! # use iothub_test::TestHub;
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let hub = TestHub::start().await;
//! let by_key = hub.device("a").await;
//! let by_certificate = hub.device("b").x509().await;
//! let module = hub.device("c").module("reader").dialect(Dialect::Preview5).await;
//! let for_two_minutes = hub.device("d").token(Duration::from_secs(120)).await;
//! for options in [by_key, by_certificate, module, for_two_minutes] {
//!     Device::connect(options.operation_timeout(Duration::from_secs(3))).await?;
//! }
//!
//! // A program in another language is given these.
//! let connection_string = hub.device("e").string().await;
//! assert!(connection_string.starts_with("HostName=localhost:"));
//! assert!(hub.ca_file().exists());
//! # Ok(()) }
//! ```
//!
//! # Expectations
//!
//! They wait for what happens in the hub, five seconds unless told otherwise, and end the test with what came instead:
//!
//! ```text
//! at tests/thermostat.rs:14:9: expected telemetry of thermostat-1 with 22 at /t within 5s
//! one message came of it:
//!   telemetry of thermostat-1: {"t":21.5} (/t is 21.5)
//! ```
//!
//! Each event meets one expectation. So a second message is expected in the same way as the first, and a second connection
//! as well.
//!
//! ```
//! # use core::time::Duration;
//! # use iothub_device::{Device, Message};
//! # use iothub_test::TestHub;
//! # use serde_json::{Value, json};
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let hub = TestHub::start().await;
//! # let device = Device::connect(hub.device("d").await).await?;
//! device.twin().report(&json!({"firmware": {"version": 7}})).await?;
//! hub.expect_reported("d").at("/firmware/version").equal(7).await;
//!
//! device.on_method("reboot", async |_: Value, _call| Ok("soon")).await?;
//! hub.expect_method("d", "reboot").with(json!({"in": 5})).status(200).answer("soon").await;
//!
//! for n in 1..=3 {
//!     device.send(Message::new(n.to_string()).property("room", "7")).await?;
//! }
//! hub.expect_telemetry("d").property("room", "7").in_order([1, 2, 3]).within(Duration::from_secs(1)).await;
//! hub.expect_telemetry("d").at_most(0).within(Duration::from_millis(100)).await;
//! # Ok(()) }
//! ```
//!
//! What a back end does is done by [`TestHub::desire`], [`TestHub::call`] and [`TestHub::command`], or by a client of the
//! whole service API: [`TestHub::service`].
//!
//! # Faults
//!
//! [`TestHub::faults`] has things go wrong, between the device and the hub or in the hub itself.
//!
//! ```
//! # use core::time::Duration;
//! # use iothub_device::{Device, Message};
//! # use iothub_test::TestHub;
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let hub = TestHub::start().await;
//! # let device = Device::connect(hub.device("d").await).await?;
//! hub.expect_connected("d").await;
//! // The hub takes a message, and the device cannot know: it sends it once more.
//! hub.faults().lose_next_acknowledgement();
//! device.send(Message::new("1").message_id("m1")).await?;
//! hub.expect_telemetry("d").system_property("message-id", "m1").times(2).await;
//! hub.expect_connected("d").await;
//!
//! hub.faults().stall_for(Duration::from_millis(100));
//! device.send(Message::new("2")).await?;
//!
//! hub.restart().await;
//! hub.expect_connected("d").within(Duration::from_secs(10)).await;
//! # Ok(()) }
//! ```
//!
//! Answers and changes that the hub sends at QoS 0 are lost by [`Faults::lose_one_of`].
//! Tokens end before their time by [`Faults::expire_tokens`], and messages come too fast by [`Faults::throttle`].
//! A hub that allows less is [`TestHubBuilder::edition`], and one that keeps its data on disk [`TestHubBuilder::durable`].
//! A [`Proxy`] gives one device a way with faults of its own, or stands in front of a hub in another process.
//!
//! # Virtual time
//!
//! A hub without sockets is reached over pipes. In a test whose time is paused, a day of reconnects passes in a second, and
//! takes the same course whenever it runs on one thread; tokens, timeouts and the dates of events go with it.
//!
//! ```
//! # use core::time::Duration;
//! # use iothub_device::Message;
//! # use iothub_test::TestHub;
//! // As in `#[tokio::test(start_paused = true)]`.
//! #[tokio::main(flavor = "current_thread", start_paused = true)]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let hub = TestHub::start_without_sockets().await;
//!     let device = hub.connect(hub.device("d").await).await?;
//!     for n in 0..24 {
//!         device.send(Message::new(n.to_string())).await?;
//!         hub.faults().cut();
//!         tokio::time::sleep(Duration::from_secs(3600)).await;
//!     }
//!     hub.expect_telemetry("d").in_order(0..24).await;
//!     Ok(())
//! }
//! ```

mod back_end;
mod builder;
mod clock;
mod event;
mod expect;
mod faults;
mod hub;
mod new_device;
mod proxy;
mod record;
mod wire;

pub use back_end::{Answered, Refused};
pub use builder::TestHubBuilder;
pub use event::{Received, Telemetry};
pub use expect::{
    ExpectAtMost, ExpectConnection, ExpectMethod, ExpectReported, ExpectSeveral, ExpectTelemetry, Unmet,
};
pub use faults::Faults;
pub use hub::TestHub;
/// What hubs are told, and events have: [`TestHubBuilder::edition`], [`Received::kind`].
pub use iothub_server::{Edition, EventKind, Sku, UnitsOutOfRange};
pub use new_device::NewDevice;
pub use proxy::Proxy;
pub use wire::Wire;
