//! A client of IoT Hub's service API: devices, twins, methods, queries, jobs and configurations, from a back end.
//!
//! One method per operation of the API, each a single HTTPS request. [`Service`] is cheap to clone and to be used from
//! many tasks at once; the documents are those of [`iothub_model`]. It speaks version 2021-04-12 with any hub: the real
//! service, and a local one.
//!
//! # Against the real service
//!
//! ```no_run
//! use iothub_codec::{DeviceId, Identity};
//! use iothub_model::MethodInvocation;
//! use iothub_service::Service;
//!
//! # async fn reboot() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = std::env::var("IOTHUB_CONNECTION_STRING")?; // HostName=…;SharedAccessKeyName=service;SharedAccessKey=…
//! let service = Service::from_connection_string(&hub)?;
//! let pump = Identity::device(DeviceId::new("pump-7")?);
//! let result = service.invoke_method(pump, &MethodInvocation::new("reboot")).await?;
//! println!("{} {}", result.status, result.payload);
//! # Ok(())
//! # }
//! ```
//!
//! Where tokens come from elsewhere, as from Microsoft Entra ID, [`Options::with_tokens`] takes whoever gives them.
//!
//! # Against a local hub
//!
//! It has a certificate of its own, which [`Options::ca`] makes this client believe, and perhaps another port or address
//! than its name says.
//!
//! ```no_run
//! use iothub_service::{Options, Service};
//!
//! # fn local() -> Result<Service, Box<dyn std::error::Error>> {
//! let hub = "HostName=localhost:8443;SharedAccessKeyName=iothubowner;SharedAccessKey=c2VjcmV0c2VjcmV0";
//! let options = Options::from_connection_string(hub)?.ca(&std::fs::read("ca.pem")?)?;
//! # Ok(
//! Service::new(options)?
//! # ) }
//! ```
//!
//! What only hubs of this project serve stands below headings that say so: events and their log, sending of commands,
//! authorities, refusals, and [`Service::export`] and [`Service::import`]. IoT Hub has most of it by AMQP.
//!
//! # Identities, one or many
//!
//! ```no_run
//! # use iothub_codec::DeviceId;
//! # use iothub_model::{Device, ExportImportDevice, ImportMode, Status};
//! # async fn identities(service: &iothub_service::Service) -> Result<(), Box<dyn std::error::Error>> {
//! let pump = Device { device_id: "pump-7".into(), ..Device::default() };
//! service.create_device(&pump).await?;
//! // Reads, changes, writes on condition, and begins anew if somebody else was faster.
//! service.edit_device(DeviceId::new("pump-7")?, |pump| pump.status = Some(Status::Disabled)).await?;
//!
//! let many = (0..5000).map(|n| ExportImportDevice { id: format!("pump-{n}"), ..Default::default() });
//! let mut bulk = service.bulk_all(many).mode(ImportMode::Create);
//! while let Some(chunk) = bulk.next().await? {
//!     println!("{} of 5000, {} of the last hundred failed", bulk.progress().settled, chunk.failures.len());
//! }
//! # Ok(()) }
//! ```
//!
//! # Twins and queries
//!
//! ```no_run
//! # use iothub_codec::{DeviceId, Identity};
//! # use iothub_model::{IfMatch, TwinPatch};
//! # async fn twins(service: &iothub_service::Service) -> Result<(), Box<dyn std::error::Error>> {
//! let patch: TwinPatch = serde_json::from_str(r#"{"properties":{"desired":{"rate":60}}}"#)?;
//! service.update_twin(Identity::device(DeviceId::new("pump-7")?), &patch, &IfMatch::Any).await?;
//!
//! let mut pages = service.twins_where(Some("tags.plant = 'p1'"));
//! while let Some(page) = pages.next().await? {
//!     for twin in page.rows {
//!         println!("{}", twin.device_id);
//!     }
//!     // Good for `Pages::after`, in another process too.
//!     let _kept = pages.position().map(|position| position.as_str().to_owned());
//! }
//! # Ok(()) }
//! ```
//!
//! # Jobs and configurations
//!
//! [`Job`] starts one, waits for it, tells what becomes of it, and does it again where it went wrong: its page has the
//! example.
//!
//! ```no_run
//! # use iothub_model::{Configuration, ConfigurationContent};
//! # async fn configurations(service: &iothub_service::Service) -> Result<(), Box<dyn std::error::Error>> {
//! let content: ConfigurationContent =
//!     serde_json::from_str(r#"{"deviceContent":{"properties.desired.fan":{"speed":5}}}"#)?;
//! let fans = Configuration {
//!     id: "fans".into(),
//!     content,
//!     target_condition: "tags.plant = 'p1'".into(),
//!     ..Configuration::default()
//! };
//! service.create_configuration(&fans).await?;
//! service.edit_configuration("fans", |fans| fans.priority = 10).await?;
//! # Ok(()) }
//! ```
//!
//! # What fails
//!
//! [`Error`] says what a hub refused, with its code, number and tracking id, or how far a request came. A request is
//! sent again by itself only where that is safe: [`RetryPolicy`] has the table, and method calls are not in it. Every
//! call has a deadline for all its attempts: [`Options::deadline`], or [`Service::within`] for some.
//!
//! ```no_run
//! # use core::time::Duration;
//! # use iothub_codec::DeviceId;
//! # use iothub_model::ErrorCode;
//! # async fn failing(service: &iothub_service::Service) -> Result<(), Box<dyn std::error::Error>> {
//! let pump = DeviceId::new("pump-7")?;
//! match service.within(Duration::from_secs(5)).get_device(pump).await {
//!     Ok(device) => println!("{:?}", device.status),
//!     Err(error) if error.code() == Some(ErrorCode::DeviceNotFound) => println!("no such pump"),
//!     Err(error) if error.is_retryable() => println!("later perhaps: {error}"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(()) }
//! ```

mod authorities;
mod bulk;
mod clock;
mod configurations;
mod credentials;
mod devices;
mod digital_twins;
mod edits;
mod endpoint;
mod error;
mod event_log;
mod events;
mod feedback;
mod files;
mod jobs;
mod lines;
mod methods;
mod modules;
mod options;
mod pages;
mod policies;
mod provisioning;
mod queries;
mod queue;
mod refusals;
mod registry;
mod request;
mod response;
mod retry;
mod send;
mod statistics;
mod tls;
mod twins;

pub use bulk::{Bulk, BulkChunk, BulkFailure, BulkProgress, BulkStopped, OpenEntries};
pub use digital_twins::{DigitalTwin, DigitalTwinChanged, DigitalTwinCommand, DigitalTwinCommandResult};
pub use endpoint::BadEndpoint;
pub use error::{ConnectionFailure, Error, SetupError};
pub use event_log::EventReader;
pub use events::{EventPosition, Events, EventsWanted};
pub use feedback::FeedbackBatch;
pub use files::{Download, FileNotice};
pub use jobs::{FailedAgain, Job, JobWatch};
pub use options::Options;
pub use pages::{Pages, QueryPage, QueryPosition};
pub use queue::Command;
pub use registry::{ExportPage, ExportPosition, ExportedKeys};
pub use retry::{Backoff, FailedAttempt, RetryPolicy};
pub use send::Service;
