use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::SetupError;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::tls::Roots;

/// Which hub to speak to, as whom, and how. [`Service::new`](crate::Service::new) takes it.
#[derive(Clone)]
pub struct Options {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) credentials: Credentials,
    pub(crate) roots: Roots,
    pub(crate) deadline: Duration,
}

impl Options {
    /// How long a whole answer may take unless something else is said.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// Takes the connection string of a policy of the hub:
    /// `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`, or with `SharedAccessSignature=…` in the place
    /// of the latter two.
    ///
    /// The host name may carry a port, as in `localhost:8443`. It says where to connect; tokens and
    /// certificates are about the name alone.
    ///
    /// # Errors
    ///
    /// [`SetupError`] says which part is missing or cannot be read, and never repeats a key.
    pub fn from_connection_string(text: &str) -> Result<Self, SetupError> {
        let (endpoint, credentials) = Credentials::from_connection_string(text)?;
        Ok(Self { endpoint, address: None, credentials, roots: Roots::OfMachine, deadline: Self::DEADLINE })
    }

    /// Believes only hubs whose certificate leads to one of the authorities in `pem`, rather than to one
    /// that this machine trusts.
    ///
    /// # Errors
    ///
    /// [`SetupError::Ca`] if there is none in it, or one that cannot be read.
    pub fn ca(self, pem: &[u8]) -> Result<Self, SetupError> {
        Ok(Self { roots: Roots::from_pem(pem)?, ..self })
    }

    /// Connects to `address` in place of what the host name resolves to, and in place of its port.
    /// Everything that is said to the hub, and expected of its certificate, stays with the host name.
    pub fn address(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Waits up to `deadline` for a whole answer. A method call may take longer: as long as it allows the
    /// device, and 10 s more.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.endpoint.authority)
            .field("address", &self.address)
            .field("credentials", &self.credentials)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::Service;

    use super::*;

    const HUB: &str =
        "HostName=localhost:8443;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0";

    #[test]
    fn a_service_is_made_without_asking_anybody_and_shows_no_secret() {
        let options = Options::from_connection_string(HUB)
            .and_then(|options| options.ca(authority().as_bytes()))
            .expect("options")
            .address("127.0.0.9:18443".parse().expect("an address"))
            .deadline(Duration::from_secs(5));
        let shown = format!("{options:?}");
        let service = Service::new(options).expect("a service");
        assert_eq!(service.host(), "localhost");
        let shown = format!("{shown} {service:?}");
        assert!(
            shown.contains("127.0.0.9:18443") && shown.contains("policy service") && shown.contains("5s"),
            "{shown}"
        );
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn a_hub_that_goes_by_an_address_cannot_be_elsewhere() {
        let options = Options::from_connection_string(&HUB.replace("localhost", "127.0.0.1"))
            .and_then(|options| options.ca(authority().as_bytes()))
            .expect("options")
            .address("127.0.0.9:18443".parse().expect("an address"));
        assert!(matches!(Service::new(options), Err(SetupError::Endpoint(_))));
    }

    fn authority() -> String {
        let names = ["localhost".to_owned()];
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(names).expect("names");
        params.self_signed(&key).expect("a certificate").pem()
    }
}
