use iothub_model::CertificateAuthority;

use crate::request::{Request, escaped};
use crate::{Error, Service};

/// # Certificate authorities
///
/// Those whose signatures let devices in. Hubs of this project only: Azure keeps them outside of the hub. Reading takes
/// the right RegistryRead, changing RegistryWrite.
impl Service {
    /// Registers an authority under a name, or puts another certificate in its place; of `authority` only the
    /// certificate counts.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ArgumentInvalid` if it is not the certificate of an authority, or has expired; see
    /// [`Error`] for others.
    pub async fn put_authority(
        &self,
        name: &str,
        authority: &CertificateAuthority,
    ) -> Result<CertificateAuthority, Error> {
        self.send(Request::put(path(name)?).json(authority)).await
    }

    /// Gives all authorities.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_authorities(&self) -> Result<Vec<CertificateAuthority>, Error> {
        self.send(Request::get("/$local/authorities".into())).await
    }

    /// Trusts an authority no longer: connections that it let in end.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `CertificateNotFound` if there is none of that name; see [`Error`] for others.
    pub async fn delete_authority(&self, name: &str) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(path(name)?)).await
    }
}

fn path(name: &str) -> Result<String, Error> {
    Ok(format!("/$local/authorities/{}", escaped(name)?))
}
