use core::time::Duration;

use iothub_codec::{
    BadConnectionString, BadSharedKey, Channels, Codec, ConnectionString, Dialect, EncodeError, Identity,
    IdentityBuf, Introduction, Proof, Publish, SharedKey, Telemetry,
};
use iothub_proto::{Backoff, Hello, Limits, Now, Session};

use crate::address::{Address, BadAddress};
use crate::chance::seed;
use crate::client_certificate::ClientCertificate;
use crate::conversation::Conversation;
use crate::credentials::{Claimant, Credentials};
use crate::error::ConnectError;
use crate::message::Message;
use crate::not_expressible::NotExpressible;

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
    pub(crate) roots: Roots,
    pub(crate) channels: Channels,
    pub(crate) backoff: Backoff,
    pub(crate) connect_timeout: Duration,
    pub(crate) operation_timeout: Duration,
    pub(crate) waiting_messages: usize,
    pub(crate) waiting_calls: usize,
    pub(crate) waiting_commands: usize,
    pub(crate) waiting_changes: usize,
}

/// Which certificates are trusted to vouch for the hub.
#[derive(Clone)]
pub(crate) enum Roots {
    /// Those that the platform trusts.
    Platform,
    /// Only these.
    Pem(Vec<u8>),
}

impl Options {
    /// How long an operation may take, unless [`Self::operation_timeout`] says otherwise.
    pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long connecting may take, unless [`Self::connect_timeout`] says otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long a signed token is valid, unless [`Self::token_lifetime`] says otherwise.
    pub const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
    /// How long a signed token is valid at least.
    pub const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(10);
    /// Seconds between signs of life, unless [`Self::keep_alive`] says otherwise.
    pub const KEEP_ALIVE_S: u16 = 60;
    /// Messages that wait to be sent, unless [`Self::waiting_messages`] says otherwise.
    pub const WAITING_MESSAGES: usize = 32;
    /// Method calls that wait for the application, unless [`Self::waiting_calls`] says otherwise.
    pub const WAITING_CALLS: usize = 16;
    /// Commands that wait for the application, unless [`Self::waiting_commands`] says otherwise.
    pub const WAITING_COMMANDS: usize = 16;
    /// Desired changes that wait for the application, unless [`Self::waiting_changes`] says otherwise.
    pub const WAITING_CHANGES: usize = 16;

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
            roots: Roots::Platform,
            channels: Channels::NONE,
            backoff: Backoff::DEFAULT,
            connect_timeout: Self::CONNECT_TIMEOUT,
            operation_timeout: Self::OPERATION_TIMEOUT,
            waiting_messages: Self::WAITING_MESSAGES,
            waiting_calls: Self::WAITING_CALLS,
            waiting_commands: Self::WAITING_COMMANDS,
            waiting_changes: Self::WAITING_CHANGES,
        })
    }

    /// Trusts the certificates in this PEM text, and no others.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Roots::Pem(pem.into());
        self
    }

    /// Connects there. The certificate still has to be for the hub's or gateway's name.
    #[must_use]
    pub fn connect_to(mut self, address: Address) -> Self {
        self.address = address;
        self
    }

    /// Speaks that dialect, and the version of MQTT that it is spoken over; [`Dialect::Classic`] otherwise.
    ///
    /// The [table](crate#what-a-dialect-can-say) says what can be done in which. A connection string with a token
    /// instead of a key is good for [`Dialect::Classic`] only.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Subscribes to these channels with the first connection, instead of when they are first asked for.
    #[must_use]
    pub fn subscribe(mut self, channels: Channels) -> Self {
        self.channels = self.channels | channels;
        self
    }

    /// Whether the hub keeps subscriptions between connections. It does by default; with
    /// [`Session::Fresh`] the hub forgets each connection when it ends.
    #[must_use]
    pub fn session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// What the hub publishes, as telemetry, when the connection ends without [`Device::close`].
    ///
    /// [`Device::close`]: crate::Device::close
    #[must_use]
    pub fn will(mut self, will: Message) -> Self {
        self.will = Some(will);
        self
    }

    /// Names the model of the device, such as `dtmi:com:example:Thermostat;1`. The dialect over MQTT 5 cannot say it.
    #[must_use]
    pub fn model_id(mut self, model_id: impl Into<String>) -> Self {
        self.model_id = Some(model_id.into());
        self
    }

    /// Says what software connects, for the hub's statistics.
    #[must_use]
    pub fn product_info(mut self, product_info: impl Into<String>) -> Self {
        self.product_info = product_info.into();
        self
    }

    /// Pings after that many seconds of silence; 0 never. A hub that has been silent for half as long
    /// again is taken for gone.
    #[must_use]
    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive_s = seconds;
        self
    }

    /// How long what is signed with a shared key is valid: a token, or in the previews a signature. When most of that
    /// is over, the connection is replaced, or, over MQTT 5, goes on with a new signature. Never less than
    /// [`Self::TOKEN_LIFETIME_MIN`].
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        // Renewals do not wait for each other: what is over at once would be renewed without a pause.
        self.token_lifetime = lifetime.max(Self::TOKEN_LIFETIME_MIN);
        self
    }

    /// How long to wait before connecting again.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long connecting may take, from the name's look-up to the last subscription.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long each operation may take, waiting for a connection included.
    #[must_use]
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// How many messages wait to be sent before [`Device::send`](crate::Device::send) waits for room.
    #[must_use]
    pub fn waiting_messages(mut self, count: usize) -> Self {
        self.waiting_messages = count;
        self
    }

    /// How many method calls wait for the application; further ones are answered with
    /// [`MethodResponse::BUSY`](crate::MethodResponse::BUSY).
    #[must_use]
    pub fn waiting_calls(mut self, count: usize) -> Self {
        self.waiting_calls = count;
        self
    }

    /// How many commands, and how many input messages, wait for the application; further ones are left
    /// to be delivered again.
    #[must_use]
    pub fn waiting_commands(mut self, count: usize) -> Self {
        self.waiting_commands = count;
        self
    }

    /// How many desired changes wait for the application; then the oldest are dropped.
    #[must_use]
    pub fn waiting_changes(mut self, count: usize) -> Self {
        self.waiting_changes = count;
        self
    }

    /// Who connects.
    pub fn identity(&self) -> Identity<'_> {
        self.identity.as_identity()
    }

    /// The name of the hub, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where the connection goes.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn tls_name(&self) -> &str {
        &self.tls_name
    }

    pub(crate) fn credentials_may_get_better(&self) -> bool {
        self.credentials.may_get_better()
    }

    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        self.credentials.certificate()
    }

    /// What reads and writes the messages of this device.
    pub(crate) fn codec(&self) -> Codec<'_> {
        Codec::new(self.dialect, self.identity())
    }

    /// Begins a connection of the conversation, with a new proof.
    pub(crate) fn introduce(
        &self,
        now: Now,
        within: Duration,
        conversation: &mut Conversation<'_>,
    ) -> Result<(), ConnectError> {
        let proven = self.credentials.prove(self.dialect, &self.claimant(now));
        let introduction = Introduction {
            host: &self.host,
            client_agent: Some(&self.product_info),
            model_id: self.model_id.as_deref(),
        };
        self.check(&introduction, proven.proof())?;
        let will =
            self.will.as_ref().map(|will| (will, will.properties.pairs(), will.properties.system_pairs()));
        let mut room = Vec::new();
        let will = match &will {
            Some((will, pairs, system)) => {
                Some(self.write_will(will, &will.telemetry(system, pairs), &mut room)?)
            }
            None => None,
        };
        let hello = Hello {
            introduction,
            proof: proven.proof(),
            valid_until: proven.valid_until(),
            session: self.session,
            keep_alive_s: self.keep_alive_s,
            will,
            packet_len_max: Some(Limits::CLASSIC.maximum_packet_size),
            seed: seed(&self.host),
        };
        conversation.open(now, &hello, within)
    }

    /// Renews the credentials of the conversation, if they can be.
    pub(crate) fn renew(&self, now: Now, conversation: &mut Conversation<'_>) -> Result<(), ConnectError> {
        match self.credentials.renew(&self.claimant(now)) {
            Some(signature) => conversation.renew(now, &signature),
            None => Ok(()),
        }
    }

    fn claimant(&self, now: Now) -> Claimant<'_> {
        let (host, identity, lifetime) = (&*self.host, self.identity(), self.token_lifetime);
        Claimant { host, identity, now: now.timestamp, lifetime }
    }

    /// What these options ask for must be something that the dialect has.
    fn check(&self, introduction: &Introduction<'_>, proof: Proof<'_>) -> Result<(), NotExpressible> {
        let codec = self.codec();
        let anonymous = Introduction { model_id: None, ..*introduction };
        NotExpressible::check("a given SAS token", codec, |codec| {
            codec.encode_connect(&anonymous, proof, &mut []).map(drop)
        })?;
        NotExpressible::check("a model id", codec, |codec| {
            codec.encode_connect(introduction, Proof::None, &mut []).map(drop)
        })?;
        for channel in self.channels.iter() {
            NotExpressible::check("inputs of a module", codec, |codec| {
                codec.filters(channel, &mut []).map(drop)
            })?;
        }
        Ok(())
    }

    fn write_will<'a>(
        &self,
        will: &Message,
        telemetry: &Telemetry<'a>,
        room: &'a mut Vec<u8>,
    ) -> Result<Publish<'a>, ConnectError> {
        will.check(self.codec())?;
        if let Err(EncodeError::BufferTooSmall { needed }) = self.codec().encode(telemetry, room) {
            room.resize(needed, 0);
        }
        Ok(self.codec().encode(telemetry, room).map_err(iothub_proto::SendError::from)?)
    }
}

/// Without the certificates, which are long.
impl core::fmt::Debug for Roots {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Platform => "Platform",
            Self::Pem(_) => "Pem(..)",
        })
    }
}

/// Why a connection string says not enough to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] BadConnectionString),
    /// It is the connection string of something else than a device.
    #[error("no {part} in the connection string")]
    Missing {
        /// What has to be there.
        part: &'static str,
    },
    /// The key is none.
    #[error("SharedAccessKey: {0}")]
    BadKey(#[from] BadSharedKey),
    /// The name of the hub or gateway is none.
    #[error("HostName or GatewayHostName: {0}")]
    BadAddress(#[from] BadAddress),
    /// The device proves itself with a certificate, which is not in a connection string.
    #[error("x509=true: a certificate and its key are needed (`Options::with_certificate`)")]
    CertificateMissing,
}

#[cfg(test)]
mod tests {
    use super::*;

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
