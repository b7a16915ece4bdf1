use iothub_model::{
    Attestation, BulkEnrollmentOperation, BulkEnrollmentResult, DeviceRegistrationState, EnrollmentGroup,
    IfMatch, IndividualEnrollment, QuerySpecification,
};

use crate::devices::at_least_any;
use crate::pages::Pages;
use crate::request::{Repeat, Request, escaped};
use crate::{Error, Service};

/// # The Device Provisioning Service
///
/// Who may register, and who has. A hub of this project serves it at its own name, with its own policies: reading takes the right
/// RegistryRead, changing RegistryWrite. With Azure's, a [`Service`] of the connection string of the provisioning service does this
/// and nothing else.
impl Service {
    /// Makes an individual enrollment, and gives it with its keys.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 409 if there is one of that name, and with 400 for what could let nobody in; see
    /// [`Error`] for others.
    pub async fn create_enrollment(
        &self,
        enrollment: &IndividualEnrollment,
    ) -> Result<IndividualEnrollment, Error> {
        self.send(put(enrollment_path(&enrollment.registration_id)?, enrollment)).await
    }

    /// Changes an individual enrollment to what this says; keys and certificates that it leaves out stay. Gives it with its
    /// keys.
    ///
    /// [`IfMatch::None`] counts as [`IfMatch::Any`]: what does not exist is not created.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404, and with 412 if it was changed since the etag was read; see [`Error`] for others.
    pub async fn update_enrollment(
        &self,
        enrollment: &IndividualEnrollment,
        condition: &IfMatch,
    ) -> Result<IndividualEnrollment, Error> {
        let request = put(enrollment_path(&enrollment.registration_id)?, enrollment);
        self.send(request.on(at_least_any(condition))).await
    }

    /// Gives an individual enrollment, without keys, and how its registration stands.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404; see [`Error`] for others.
    pub async fn get_enrollment(&self, registration_id: &str) -> Result<IndividualEnrollment, Error> {
        self.send(provisioned(Request::get(enrollment_path(registration_id)?))).await
    }

    /// Gives what a device proves itself with, keys included.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404; see [`Error`] for others.
    pub async fn get_enrollment_attestation(&self, registration_id: &str) -> Result<Attestation, Error> {
        self.send(reading(format!("{}/attestationmechanism", enrollment_path(registration_id)?))).await
    }

    /// Deletes an individual enrollment. The device stays in its hub.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404 or 412; see [`Error`] for others.
    pub async fn delete_enrollment(&self, registration_id: &str, condition: &IfMatch) -> Result<(), Error> {
        let request = provisioned(Request::delete(enrollment_path(registration_id)?));
        self.send_for_nothing(request.on(at_least_any(condition))).await
    }

    /// Reads all individual enrollments.
    ///
    /// # Errors
    ///
    /// Those of [`Pages::next`]: see [`Error`].
    pub fn enrollments(&self) -> Pages<IndividualEnrollment> {
        self.listing("/enrollments/query".into(), "SELECT * FROM enrollments")
    }

    /// Does the same with up to ten individual enrollments.
    ///
    /// # Errors
    ///
    /// See [`Error`]. That nothing was done with some is none.
    pub async fn bulk_enrollments(
        &self,
        operation: &BulkEnrollmentOperation,
    ) -> Result<BulkEnrollmentResult, Error> {
        self.send(provisioned(Request::post("/enrollments".into())).json(operation)).await
    }

    /// Makes an enrollment group, and gives it with its keys.
    ///
    /// # Errors
    ///
    /// As for [`Self::create_enrollment`].
    pub async fn create_enrollment_group(&self, group: &EnrollmentGroup) -> Result<EnrollmentGroup, Error> {
        self.send(put(group_path(&group.enrollment_group_id)?, group)).await
    }

    /// Changes an enrollment group as [`Self::update_enrollment`] does an individual one.
    ///
    /// # Errors
    ///
    /// As for [`Self::update_enrollment`].
    pub async fn update_enrollment_group(
        &self,
        group: &EnrollmentGroup,
        condition: &IfMatch,
    ) -> Result<EnrollmentGroup, Error> {
        let request = put(group_path(&group.enrollment_group_id)?, group);
        self.send(request.on(at_least_any(condition))).await
    }

    /// Gives an enrollment group, without keys.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404; see [`Error`] for others.
    pub async fn get_enrollment_group(&self, id: &str) -> Result<EnrollmentGroup, Error> {
        self.send(provisioned(Request::get(group_path(id)?))).await
    }

    /// Gives what the keys or certificates of members are made from, keys included.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404; see [`Error`] for others.
    pub async fn get_enrollment_group_attestation(&self, id: &str) -> Result<Attestation, Error> {
        self.send(reading(format!("{}/attestationmechanism", group_path(id)?))).await
    }

    /// Deletes an enrollment group. Its devices stay in their hubs.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404 or 412; see [`Error`] for others.
    pub async fn delete_enrollment_group(&self, id: &str, condition: &IfMatch) -> Result<(), Error> {
        let request = provisioned(Request::delete(group_path(id)?));
        self.send_for_nothing(request.on(at_least_any(condition))).await
    }

    /// Reads all enrollment groups.
    ///
    /// # Errors
    ///
    /// Those of [`Pages::next`]: see [`Error`].
    pub fn enrollment_groups(&self) -> Pages<EnrollmentGroup> {
        self.listing("/enrollmentGroups/query".into(), "SELECT * FROM enrollmentGroups")
    }

    /// Gives how a registration stands.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404 if the device has not registered; see [`Error`] for others.
    pub async fn get_registration(&self, registration_id: &str) -> Result<DeviceRegistrationState, Error> {
        self.send(provisioned(Request::get(registration_path(registration_id)?))).await
    }

    /// Has the service forget that a device has registered. It stays in its hub, and may register again.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 404 or 412; see [`Error`] for others.
    pub async fn delete_registration(&self, registration_id: &str, condition: &IfMatch) -> Result<(), Error> {
        let request = provisioned(Request::delete(registration_path(registration_id)?));
        self.send_for_nothing(request.on(at_least_any(condition))).await
    }

    /// Reads the registrations by one group.
    ///
    /// # Errors
    ///
    /// [`Error::NotExpressible`] for a name that has no place in a URL. Those of [`Pages::next`]: see [`Error`].
    pub fn registrations(&self, group: &str) -> Result<Pages<DeviceRegistrationState>, Error> {
        Ok(self.listing(format!("{}/query", registration_path(group)?), "SELECT * FROM registrations"))
    }

    fn listing<T: serde::de::DeserializeOwned>(&self, path: String, query: &str) -> Pages<T> {
        let specification = QuerySpecification { query: query.into() };
        Pages::new(self.clone(), reading(path).json(&specification))
    }
}

/// It only reads, although it is posted.
fn reading(path: String) -> Request {
    provisioned(Request::post(path)).repeated(Repeat::Freely)
}

fn put(path: String, document: &impl serde::Serialize) -> Request {
    provisioned(Request::put(path)).json(document)
}

fn provisioned(request: Request) -> Request {
    request.of_version(Request::PROVISIONING_VERSION)
}

fn enrollment_path(id: &str) -> Result<String, Error> {
    Ok(format!("/enrollments/{}", escaped(id)?))
}

fn group_path(id: &str) -> Result<String, Error> {
    Ok(format!("/enrollmentGroups/{}", escaped(id)?))
}

fn registration_path(id: &str) -> Result<String, Error> {
    Ok(format!("/registrations/{}", escaped(id)?))
}
