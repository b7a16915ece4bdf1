//! Documents of the Device Provisioning Service.

mod attestation;
mod enrollment;
mod registration;

pub use attestation::{
    Attestation, AttestationType, CaReferences, X509Attestation, X509Certificate, X509CertificateInfo,
    X509Certificates,
};
pub use enrollment::{
    AllocationPolicy, BulkEnrollmentError, BulkEnrollmentMode, BulkEnrollmentOperation, BulkEnrollmentResult,
    EnrollmentGroup, EnrollmentTerms, IndividualEnrollment, InitialTwin, InitialTwinProperties,
    ProvisioningStatus, ReprovisionPolicy,
};
pub use registration::{
    DeviceRegistrationState, RegistrationOperation, RegistrationRequest, RegistrationStatus,
    RegistrationSubstatus,
};
