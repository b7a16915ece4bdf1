//! The JSON of IoT Hub's service API, for both of its ends.
//!
//! A hub writes what a client reads and the other way round, so both use these types and cannot drift
//! apart. Members that are not known are ignored on input, `null` counts as absent wherever it has no
//! meaning of its own, and words such as `enabled` are read in any case. Nothing here does I/O or reads
//! a clock.
//!
//! What a twin does when it is changed lives here as well: [`Section`] for desired and reported
//! properties, [`Tags`] for tags, [`merge()`] for the rule beneath both, and [`compose()`] for patches that wait.
//!
//! ```
//! use iothub_model::{Date, Section, Update};
//! use serde_json::{Value, json};
//!
//! let object = |text| serde_json::from_str(text).unwrap();
//! let mut reported = Section::reported(Date::NEVER);
//! reported.apply(Update::Replace(object(r#"{"a":{"x":1,"y":2},"b":"t"}"#)), Date::from_millis(1_000))?;
//! reported.apply(Update::Merge(object(r#"{"a":{"x":null,"z":[1,2]},"b":5}"#)), Date::from_millis(2_000))?;
//!
//! assert_eq!(Value::Object(reported.device_view()), json!({"a": {"y": 2, "z": [1, 2]}, "b": 5, "$version": 3}));
//! # Ok::<(), iothub_model::Violation>(())
//! ```

mod authentication;
mod bulk_result;
mod certificate_authority;
mod command;
mod compose;
mod configuration;
mod date;
mod device;
mod digital_twin_edit;
mod error_code;
mod etag;
mod event_log;
mod export_import_device;
mod feedback;
mod file_upload;
mod import_report;
mod job;
mod limits;
mod merge;
mod metadata;
mod method;
mod module;
mod patch;
mod payload;
mod problem;
mod provisioning;
mod query_plan;
mod query_specification;
mod refusal_record;
mod section;
mod shared_access_policy;
mod statistics;
mod tags;
mod twin;
mod update;
mod word;

/// A JSON object, with its members in the order in which they were written.
pub type Object = serde_json::Map<String, serde_json::Value>;

pub use authentication::{Authentication, AuthenticationType, SymmetricKey, X509Thumbprint};
pub use bulk_result::{BulkRegistryOperationResult, RegistryOperationError, RegistryOperationWarning};
pub use certificate_authority::CertificateAuthority;
pub use command::CommandDocument;
pub use compose::{NotOnePatch, compose};
pub use configuration::{
    Configuration, ConfigurationContent, ConfigurationMetrics, ConfigurationQueries, ConfigurationQueryErrors,
};
pub use date::{BadDate, Date};
pub use device::{Capabilities, ConnectionState, Device, Status};
pub use digital_twin_edit::DigitalTwinEdit;
pub use error_code::ErrorCode;
pub use etag::{BadEtag, Etag, IfMatch};
pub use event_log::{
    Checkpoint, ConsumerGroup, EventBatch, EventLogProperties, NewCheckpoint, PartitionProperties,
};
pub use export_import_device::{ExportImportDevice, ImportMode, ImportedProperties};
pub use feedback::{CommandOutcome, FeedbackRecord, FeedbackWanted};
pub use file_upload::{
    FileAccess, FileAccessRequest, FileNotification, FileUploadCompletion, FileUploadRequest, StoredFile,
};
pub use import_report::{ImportReport, LineError};
pub use job::{
    DeviceJob, DeviceJobError, DeviceJobOutcome, DeviceJobStatistics, DeviceJobStatus, JobIdentity,
    JobProperties, JobRequest, JobResponse, JobStatus, JobType, StorageAuthentication, TwinUpdate,
};
pub use limits::{Rule, Violation};
pub use merge::merge;
pub use method::{MethodInvocation, MethodResult};
pub use module::Module;
pub use patch::Patch;
pub use payload::NotJson;
pub use problem::{Form, Problem, Refusal};
pub use provisioning::{
    AllocationPolicy, Attestation, AttestationType, BulkEnrollmentError, BulkEnrollmentMode,
    BulkEnrollmentOperation, BulkEnrollmentResult, CaReferences, DeviceRegistrationState, EnrollmentGroup,
    EnrollmentTerms, IndividualEnrollment, InitialTwin, InitialTwinProperties, ProvisioningStatus,
    RegistrationOperation, RegistrationRequest, RegistrationStatus, RegistrationSubstatus, ReprovisionPolicy,
    X509Attestation, X509Certificate, X509CertificateInfo, X509Certificates,
};
pub use query_plan::{ExplainedRows, IndexUse, QueryAccess, QueryPlan};
pub use query_specification::QuerySpecification;
pub use refusal_record::RefusalRecord;
pub use section::{Section, WrittenMembers};
pub use shared_access_policy::SharedAccessPolicy;
pub use statistics::{RegistryStatistics, ServiceStatistics};
pub use tags::Tags;
pub use twin::{Properties, Twin, TwinPatch};
pub use update::Update;
pub use word::UnknownWord;
