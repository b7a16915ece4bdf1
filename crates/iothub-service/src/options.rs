use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use reqwest::header::HeaderValue;

use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::tls::Roots;
use crate::{Backoff, RetryPolicy, SetupError};

/// Which hub to speak to, as whom, and how. [`Service::new`](crate::Service::new) takes it.
#[derive(Clone)]
pub struct Options {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) credentials: Credentials,
    pub(crate) roots: Roots,
    pub(crate) deadline: Duration,
    pub(crate) retries: Arc<dyn RetryPolicy>,
    pub(crate) user_agent: HeaderValue,
}

impl Options {
    /// How long a call may take, with all its attempts, unless something else is said.
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
        Ok(Self::new(endpoint, credentials))
    }

    /// Takes the name of a hub, with or without a port, and whom to ask for a token before each request.
    ///
    /// A token is the whole value of the header `Authorization`: `SharedAccessSignature sr=…`, or `Bearer …` with a
    /// token of Microsoft Entra ID for `https://iothubs.azure.net/.default`, which a local hub does not read. Whoever
    /// gives it keeps it for as long as it is good.
    ///
    /// ```
    /// # async fn of_the_cloud() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// use iothub_service::{Options, Service};
    ///
    /// let options = Options::with_tokens("my-hub.azure-devices.net", || async {
    ///     Ok(format!("Bearer {}", of_the_cloud().await?))
    /// })?;
    /// # Ok::<(), iothub_service::SetupError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SetupError::Endpoint`] if it is not the name of a host.
    pub fn with_tokens<T>(
        host_name: &str,
        tokens: impl Fn() -> T + Send + Sync + 'static,
    ) -> Result<Self, SetupError>
    where
        T: Future<Output = Result<String, Box<dyn core::error::Error + Send + Sync>>> + Send + 'static,
    {
        let provider = Credentials::Provider(Arc::new(move || Box::pin(tokens())));
        Ok(Self::new(Endpoint::new(host_name)?, provider))
    }

    fn new(endpoint: Endpoint, credentials: Credentials) -> Self {
        Self {
            endpoint,
            address: None,
            credentials,
            roots: Roots::OfMachine,
            deadline: Self::DEADLINE,
            retries: Arc::new(Backoff::USUAL),
            user_agent: HeaderValue::from_static(USER_AGENT),
        }
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

    /// Gives a call up to `deadline`, with all its attempts. A method call may take longer: as long as it allows the
    /// device, and 10 s more. [`Service::within`](crate::Service::within) is for single calls.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Decides about sending again what failed; [`Backoff::USUAL`] does unless this is said.
    pub fn retries(self, policy: impl RetryPolicy + 'static) -> Self {
        Self { retries: Arc::new(policy), ..self }
    }

    /// Names the program to the hub, `fleet-console/2.1` for instance. The name of this crate follows it.
    ///
    /// # Errors
    ///
    /// [`SetupError::UserAgent`] if it cannot stand in a header.
    pub fn user_agent(self, program: &str) -> Result<Self, SetupError> {
        let user_agent = HeaderValue::try_from(format!("{program} {USER_AGENT}"));
        Ok(Self { user_agent: user_agent.map_err(|_| SetupError::UserAgent)?, ..self })
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.endpoint.authority)
            .field("address", &self.address)
            .field("credentials", &self.credentials)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

const USER_AGENT: &str = concat!("iothub-service/", env!("CARGO_PKG_VERSION"));

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

    #[test]
    fn a_program_has_a_name_that_fits_into_a_header() {
        let options = || Options::from_connection_string(HUB).expect("options");
        let named = options().user_agent("fleet-console/2.1").expect("a name");
        assert_eq!(named.user_agent, format!("fleet-console/2.1 {USER_AGENT}"));
        assert!(matches!(options().user_agent("a\r\nb"), Err(SetupError::UserAgent)));
    }

    fn authority() -> String {
        let names = ["localhost".to_owned()];
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(names).expect("names");
        params.self_signed(&key).expect("a certificate").pem()
    }
}
