//! What back ends and devices ask the provisioning service for over HTTPS.

mod devices;
mod enrollments;
mod groups;
mod listing;
mod path;
mod registrations;
mod terms;

pub(super) use path::Resource;

use iothub_proto::Now;

use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::rest::path::Path;
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn route_provisioning(
        &mut self,
        now: Now,
        (path, resource): (&Path, &Resource),
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        match (path.method.as_str(), resource) {
            ("POST", Resource::Enrollments) => self.bulk_enrollments(now, request, effects),
            ("POST", Resource::EnrollmentQuery) => self.query_enrollments(request),
            ("GET", Resource::Enrollment(id)) => self.get_enrollment(id),
            ("PUT", Resource::Enrollment(id)) => self.put_enrollment(now, id, request, effects),
            ("DELETE", Resource::Enrollment(id)) => self.delete_enrollment(id, request, effects),
            ("POST", Resource::EnrollmentAttestation(id)) => self.enrollment_attestation(id),
            ("POST", Resource::GroupQuery) => self.query_groups(request),
            ("GET", Resource::Group(id)) => self.get_enrollment_group(id),
            ("PUT", Resource::Group(id)) => self.put_enrollment_group(now, id, request, effects),
            ("DELETE", Resource::Group(id)) => self.delete_enrollment_group(id, request, effects),
            ("POST", Resource::GroupAttestation(id)) => self.group_attestation(id),
            ("POST", Resource::RegistrationQuery(group)) => self.query_registrations(group, request),
            ("GET", Resource::Registration(id)) => self.get_registration(id),
            ("DELETE", Resource::Registration(id)) => self.delete_registration(id, request, effects),
            ("PUT", Resource::Register(asking)) => self.register_over_https(now, asking, request, effects),
            ("GET", Resource::Operation(asking, operation)) => {
                self.operation_over_https(now, asking, operation, request)
            }
            ("GET" | "POST", Resource::Lookup(asking)) => self.look_up_over_https(now, asking, request),
            (method, _) => Err(Failure::not_served(method, request)),
        }
    }
}
