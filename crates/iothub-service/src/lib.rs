//! A client of IoT Hub's service API: devices, modules, twins and methods, from a back end.
//!
//! One method per operation of the API, each a single HTTPS request. [`Service`] is cheap to clone and to
//! be used from many tasks at once; the documents are those of [`iothub_model`].
//!
//! ```no_run
//! use iothub_codec::{DeviceId, Identity};
//! use iothub_model::MethodInvocation;
//! use iothub_service::Service;
//!
//! # async fn reboot() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = "HostName=my-hub.example.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0";
//! let service = Service::from_connection_string(hub)?;
//! let pump = Identity::device(DeviceId::new("pump-7")?);
//! let result = service.invoke_method(pump, &MethodInvocation::new("reboot")).await?;
//! println!("{} {}", result.status, result.payload);
//! # Ok(())
//! # }
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
mod jobs;
mod lines;
mod methods;
mod modules;
mod options;
mod pages;
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
pub use jobs::{FailedAgain, Job, JobWatch};
pub use options::Options;
pub use pages::{Pages, QueryPage, QueryPosition};
pub use queue::Command;
pub use registry::{ExportPage, ExportPosition, ExportedKeys};
pub use retry::{Backoff, FailedAttempt, RetryPolicy};
pub use send::Service;
