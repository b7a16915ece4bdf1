use iothub_codec::RegistrationId;
use iothub_model::ErrorCode;

use crate::policy::Rights;
use crate::rest::Failure;

/// The things of the provisioning service that have an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rest) enum Resource {
    /// `/enrollments`
    Enrollments,
    /// `/enrollments/query`, as long as that is posted to: an enrollment may be called so, too
    EnrollmentQuery,
    /// `/enrollments/{id}`
    Enrollment(String),
    /// `/enrollments/{id}/attestationmechanism`
    EnrollmentAttestation(String),
    /// `/enrollmentGroups/query`, as long as that is posted to
    GroupQuery,
    /// `/enrollmentGroups/{id}`
    Group(String),
    /// `/enrollmentGroups/{id}/attestationmechanism`
    GroupAttestation(String),
    /// `/registrations/{id}`
    Registration(String),
    /// `/registrations/{group}/query`
    RegistrationQuery(String),
    /// `/{scope}/registrations/{id}/register`
    Register(Asking),
    /// `/{scope}/registrations/{id}/operations/{op}`
    Operation(Asking, String),
    /// `/{scope}/registrations/{id}`
    Lookup(Asking),
}

/// Which device asks, and whose service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rest) struct Asking {
    pub(super) scope: String,
    pub(super) id: String,
}

/// What holds for whoever makes a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::rest) struct Terms {
    /// `None` for what devices ask for themselves.
    pub(in crate::rest) rights: Option<Rights>,
    pub(in crate::rest) is_recorded: bool,
}

impl Resource {
    /// `None` for an address of the hub, or of nothing.
    pub(in crate::rest) fn read(method: &str, words: &[&str]) -> Result<Option<Self>, Failure> {
        let is = |word: &str, fixed: &str| word.eq_ignore_ascii_case(fixed);
        let posted = method == "POST";
        Ok(Some(match *words {
            [a] if is(a, "enrollments") => Self::Enrollments,
            [a, q] if posted && is(a, "enrollments") && is(q, "query") => Self::EnrollmentQuery,
            [a, n] if is(a, "enrollments") => Self::Enrollment(id(n)?),
            [a, n, b] if is(a, "enrollments") && is(b, "attestationmechanism") => {
                Self::EnrollmentAttestation(id(n)?)
            }
            [a, q] if posted && is(a, "enrollmentGroups") && is(q, "query") => Self::GroupQuery,
            [a, n] if is(a, "enrollmentGroups") => Self::Group(id(n)?),
            [a, n, b] if is(a, "enrollmentGroups") && is(b, "attestationmechanism") => {
                Self::GroupAttestation(id(n)?)
            }
            [a, n] if is(a, "registrations") => Self::Registration(id(n)?),
            [a, n, q] if is(a, "registrations") && is(q, "query") => Self::RegistrationQuery(id(n)?),
            [scope, a, n] if is(a, "registrations") => Self::Lookup(asking(scope, n)?),
            [scope, a, n, b] if is(a, "registrations") && is(b, "register") => {
                Self::Register(asking(scope, n)?)
            }
            [scope, a, n, b, operation] if is(a, "registrations") && is(b, "operations") => {
                Self::Operation(asking(scope, n)?, operation.into())
            }
            _ => return Ok(None),
        }))
    }

    pub(in crate::rest) fn terms(&self, method: &str) -> Terms {
        let (read, write) = (Some(Rights::REGISTRY_READ), Some(Rights::REGISTRY_WRITE));
        match self {
            Self::EnrollmentQuery
            | Self::EnrollmentAttestation(_)
            | Self::GroupQuery
            | Self::GroupAttestation(_)
            | Self::RegistrationQuery(_) => Terms { rights: read, is_recorded: false },
            Self::Enrollment(_) | Self::Group(_) | Self::Registration(_) if method == "GET" => {
                Terms { rights: read, is_recorded: false }
            }
            Self::Enrollments | Self::Enrollment(_) | Self::Group(_) | Self::Registration(_) => {
                Terms { rights: write, is_recorded: true }
            }
            Self::Register(_) => Terms { rights: None, is_recorded: true },
            Self::Operation(..) | Self::Lookup(_) => Terms { rights: None, is_recorded: false },
        }
    }

    /// The device that asks, if it is one's to ask.
    pub(in crate::rest) const fn asking(&self) -> Option<&Asking> {
        match self {
            Self::Register(asking) | Self::Operation(asking, _) | Self::Lookup(asking) => Some(asking),
            Self::Enrollments
            | Self::EnrollmentQuery
            | Self::Enrollment(_)
            | Self::EnrollmentAttestation(_)
            | Self::GroupQuery
            | Self::Group(_)
            | Self::GroupAttestation(_)
            | Self::Registration(_)
            | Self::RegistrationQuery(_) => None,
        }
    }
}

fn asking(scope: &str, name: &str) -> Result<Asking, Failure> {
    Ok(Asking { scope: scope.into(), id: id(name)? })
}

/// Accepts the names of enrollments, groups and registrations.
fn id(name: &str) -> Result<String, Failure> {
    match RegistrationId::new(name) {
        Ok(id) => Ok(id.as_str().into()),
        Err(error) => Err(Failure::new(ErrorCode::ArgumentInvalid, error.to_string())),
    }
}
