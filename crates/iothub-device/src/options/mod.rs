mod conversing;
mod error;
mod handling;
mod introduction;
mod limits;
mod network;
mod staying;
mod telemetry;
mod telling;
#[cfg(feature = "upload")]
mod uploads;

use core::time::Duration;

use bytes::Bytes;
use iothub_codec::{Channels, Codec, ConnectionString, Dialect, Identity, IdentityBuf, SharedKey};
use iothub_proto::Session;

use crate::address::Address;
use crate::civil_clock::CivilClock;
use crate::client_certificate::ClientCertificate;
use crate::credentials::{Credentials, Provider, ProviderError, TokenWanted};
use crate::message::Message;
use crate::metrics::Meter;

pub use error::OptionsError;
pub(crate) use handling::Handling;
pub(crate) use network::Carrier;
#[cfg(feature = "upload")]
pub(crate) use network::HTTPS_PORT;
use network::Way;
pub(crate) use staying::Policy;

/// Who connects where, how, and with what limits.
///
/// Made from a connection string, changed as needed, consumed by
/// [`Device::connect`](crate::Device::connect). What it shows in logs has no secret in it.
#[derive(Clone, Debug)]
pub struct Options {
    identity: IdentityBuf,
    /// The hub's name, as it is signed and introduced: without a port, and not the gateway's.
    host: String,
    /// The name that the server's certificate has to be for.
    tls_name: String,
    address: Address,
    credentials: Credentials,
    dialect: Dialect,
    model_id: Option<String>,
    product_info: String,
    will: Option<Message>,
    session: Session,
    keep_alive_s: u16,
    token_lifetime: Duration,
    /// `None`: that of the system.
    civil_clock: Option<CivilClock>,
    way: Way,
    pub(crate) channels: Channels,
    pub(crate) policy: Policy,
    pub(crate) connect_timeout: Duration,
    pub(crate) operation_timeout: Duration,
    pub(crate) window: u16,
    pub(crate) waiting_messages: usize,
    pub(crate) waiting_bytes: usize,
    #[cfg(feature = "outbox")]
    pub(crate) outbox: Option<crate::outbox::Outbox>,
    pub(crate) waiting_calls: usize,
    pub(crate) waiting_commands: usize,
    pub(crate) waiting_changes: usize,
    pub(crate) handling: Handling,
    pub(crate) meter: Meter,
}

impl Options {
    /// Reads the connection string of a device or module, with a shared key or a token. For one with a certificate
    /// there is [`Self::with_certificate`].
    ///
    /// `HostName` may carry a port, as in `localhost:18883`. `GatewayHostName`, with or without a port,
    /// says where to connect instead.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says which part is missing or wrong; no secret is in it.
    pub fn from_connection_string(text: &str) -> Result<Self, OptionsError> {
        let parts = ConnectionString::parse(text)?;
        let credentials = match (parts.key(), parts.signature()) {
            _ if parts.x509() => return Err(OptionsError::CertificateMissing),
            (Some(key), _) => Credentials::Key {
                key: SharedKey::from_base64(key)?,
                policy: parts.key_name().map(str::to_owned),
            },
            (None, Some(token)) => Credentials::Token(token.as_str().to_owned()),
            (None, None) => return Err(OptionsError::Missing { part: "SharedAccessKey" }),
        };
        Self::new(&parts, credentials)
    }

    /// The same for a device that the hub knows by a certificate: the connection string needs no key, and may say
    /// `x509=true`.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says which part is missing or wrong.
    pub fn with_certificate(text: &str, certificate: ClientCertificate) -> Result<Self, OptionsError> {
        Self::new(&ConnectionString::parse(text)?, Credentials::Certificate(certificate))
    }

    /// The same for a device whose tokens come from elsewhere, as from a vault: the connection string needs no key.
    ///
    /// `tokens` is asked before a connection is made, unless less than half of the life of the token before is over, and
    /// for another when most of that is; then, again and again until there is one, while the connection goes on. The
    /// expiry is read from the token. Such tokens are good for [`Dialect::Classic`] only.
    ///
    /// A refusal is a [`ConnectError::Credentials`], and so is an answer that takes longer than
    /// [`Self::connect_timeout`].
    ///
    /// ```
    /// # async fn read(path: String) -> Result<String, std::io::Error> { Ok(path) }
    /// use iothub_device::{Options, ProviderError, TokenWanted};
    ///
    /// let text = "HostName=hub1.azure-devices.net;DeviceId=dev-1";
    /// let options = Options::with_tokens(text, |wanted: TokenWanted| async move {
    ///     let token = read(format!("iothub/{}", wanted.resource)).await?;
    ///     if token.is_empty() {
    ///         return Err(ProviderError::fatal("this device was retired"));
    ///     }
    ///     Ok(token)
    /// })?;
    /// # Ok::<(), iothub_device::OptionsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says which part is missing or wrong.
    ///
    /// [`ConnectError::Credentials`]: crate::ConnectError::Credentials
    pub fn with_tokens<F>(
        text: &str,
        tokens: impl Fn(TokenWanted) -> F + Send + Sync + 'static,
    ) -> Result<Self, OptionsError>
    where
        F: Future<Output = Result<String, ProviderError>> + Send + 'static,
    {
        Self::new(&ConnectionString::parse(text)?, Credentials::Tokens(Provider::new(tokens)))
    }

    /// The same for a device whose key cannot be read, as in a secure element or a vault that signs: the connection string
    /// needs no key, and may name that of a policy with `SharedAccessKeyName`.
    ///
    /// `sign` gives the HMAC-SHA256 code of a message, in any dialect. It is asked for each connection, and for each
    /// renewal; its failures are those of [`Self::with_tokens`].
    ///
    /// ```
    /// # use iothub_device::ProviderError;
    /// # async fn element(slot: u8, message: &[u8]) -> Result<[u8; 32], ProviderError> { Ok([slot; 32]) }
    /// use bytes::Bytes;
    /// use iothub_device::Options;
    ///
    /// let text = "HostName=hub1.azure-devices.net;DeviceId=dev-1";
    /// let options = Options::with_signer(text, |message: Bytes| async move { element(3, &message).await })?;
    /// # Ok::<(), iothub_device::OptionsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says which part is missing or wrong.
    pub fn with_signer<F>(
        text: &str,
        sign: impl Fn(Bytes) -> F + Send + Sync + 'static,
    ) -> Result<Self, OptionsError>
    where
        F: Future<Output = Result<[u8; 32], ProviderError>> + Send + 'static,
    {
        let parts = ConnectionString::parse(text)?;
        let policy = parts.key_name().map(str::to_owned);
        Self::new(&parts, Credentials::Signer { codes: Provider::new(sign), policy })
    }

    fn new(parts: &ConnectionString<'_>, credentials: Credentials) -> Result<Self, OptionsError> {
        let identity = parts.identity().ok_or(OptionsError::Missing { part: "DeviceId" })?;
        let host: Address = parts.host().ok_or(OptionsError::Missing { part: "HostName" })?.parse()?;
        let address: Address = match parts.gateway() {
            Some(gateway) => gateway.parse()?,
            None => host.clone(),
        };
        Ok(Self {
            identity: IdentityBuf::new(identity),
            host: host.host().to_owned(),
            tls_name: address.host().to_owned(),
            address,
            credentials,
            dialect: Dialect::Classic,
            model_id: None,
            product_info: concat!("iothub-device/", env!("CARGO_PKG_VERSION")).to_owned(),
            will: None,
            session: Session::Resume,
            keep_alive_s: Self::KEEP_ALIVE_S,
            token_lifetime: Self::TOKEN_LIFETIME,
            civil_clock: None,
            way: Way::DEFAULT,
            channels: Channels::NONE,
            policy: Policy::default(),
            connect_timeout: Self::CONNECT_TIMEOUT,
            operation_timeout: Self::OPERATION_TIMEOUT,
            window: Self::WINDOW,
            waiting_messages: Self::WAITING_MESSAGES,
            waiting_bytes: Self::WAITING_BYTES,
            #[cfg(feature = "outbox")]
            outbox: None,
            waiting_calls: Self::WAITING_CALLS,
            waiting_commands: Self::WAITING_COMMANDS,
            waiting_changes: Self::WAITING_CHANGES,
            handling: Handling::default(),
            meter: Meter::default(),
        })
    }

    /// Who connects.
    pub fn identity(&self) -> Identity<'_> {
        self.identity.as_identity()
    }

    /// The name of the hub, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn keep_alive_s(&self) -> u16 {
        self.keep_alive_s
    }

    pub(crate) fn tls_name(&self) -> &str {
        &self.tls_name
    }

    pub(crate) fn credentials_may_get_better(&self) -> bool {
        self.credentials.may_get_better()
    }

    pub(crate) const fn credentials_are_renewable(&self) -> bool {
        self.credentials.are_renewable()
    }

    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        self.credentials.certificate()
    }

    /// What reads and writes the messages of this device.
    pub(crate) fn codec(&self) -> Codec<'_> {
        Codec::new(self.dialect, self.identity())
    }
}

#[cfg(test)]
mod tests {
    use iothub_codec::BadSharedKey;
    use iothub_proto::Now;

    use super::*;
    use crate::address::BadAddress;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn options(text: &str) -> Result<Options, OptionsError> {
        Options::from_connection_string(&text.replace("KEY", KEY))
    }

    #[test]
    fn a_token_does_not_expire_before_it_can_be_used() {
        let min = Options::TOKEN_LIFETIME_MIN;
        for (asked, given) in [(Duration::ZERO, min), (min, min), (2 * min, 2 * min)] {
            let options = options("HostName=hub1.net;DeviceId=d;SharedAccessKey=KEY").unwrap();
            let now = Now::default();
            assert_eq!(options.token_lifetime(asked).claimant(now).lifetime, given, "{asked:?}");
        }
    }

    #[test]
    fn the_port_and_the_gateway_say_where_to_connect_and_nothing_else() {
        for (text, host, tls_name, address) in [
            ("HostName=hub1.net;DeviceId=d;SharedAccessKey=KEY", "hub1.net", "hub1.net", "hub1.net:8883"),
            (
                "HostName=localhost:18883;DeviceId=d;SharedAccessKey=KEY",
                "localhost",
                "localhost",
                "localhost:18883",
            ),
            (
                "HostName=hub1.net;DeviceId=d;SharedAccessKey=KEY;GatewayHostName=edge:1",
                "hub1.net",
                "edge",
                "edge:1",
            ),
        ] {
            let options = options(text).unwrap();
            assert_eq!((options.host(), options.tls_name()), (host, tls_name), "{text}");
            assert_eq!(options.address().to_string(), address, "{text}");
        }
        let elsewhere = options("HostName=hub1.net;DeviceId=d;SharedAccessKey=KEY").unwrap();
        let elsewhere = elsewhere.connect_to("127.0.0.1:9".parse().unwrap());
        assert_eq!((elsewhere.host(), elsewhere.tls_name()), ("hub1.net", "hub1.net"));
        assert_eq!(elsewhere.address().to_string(), "127.0.0.1:9");
    }

    #[test]
    fn who_connects_is_a_device_or_a_module_of_one() {
        let device = options("HostName=h;DeviceId=d;SharedAccessKey=KEY").unwrap();
        let module = options("HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=KEY").unwrap();
        assert_eq!(device.identity().to_string(), "d");
        assert_eq!(module.identity().to_string(), "d/m");
    }

    #[test]
    fn what_says_not_enough_is_refused_with_the_part() {
        for (text, error) in [
            (
                "HostName=h;SharedAccessKeyName=service;SharedAccessKey=KEY",
                OptionsError::Missing { part: "DeviceId" },
            ),
            ("HostName=h;DeviceId=d", OptionsError::Missing { part: "SharedAccessKey" }),
            ("HostName=h;DeviceId=d;SharedAccessKey=AAEC", OptionsError::BadKey(BadSharedKey::TooShort)),
            ("HostName=h:0;DeviceId=d;SharedAccessKey=KEY", OptionsError::BadAddress(BadAddress)),
            ("HostName=h;DeviceId=d;x509=true", OptionsError::CertificateMissing),
        ] {
            assert_eq!(options(text).unwrap_err(), error, "{text}");
        }
        assert!(matches!(options("HostName").unwrap_err(), OptionsError::Unreadable(_)));
    }

    #[test]
    fn options_show_no_secret() {
        let token = "SharedAccessSignature sr=h&sig=c2VjcmV0&se=1893456000";
        for text in [
            "HostName=h;DeviceId=d;SharedAccessKey=KEY",
            &format!("HostName=h;DeviceId=d;SharedAccessSignature={token}"),
        ] {
            let shown = format!("{:?}", options(text).unwrap().ca_pem("CERTIFICATE"));
            for secret in [KEY, "c2VjcmV0", "CERTIFICATE"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
