use core::fmt::Write;
use core::future::IntoFuture;
use core::pin::Pin;
use core::time::Duration;

use iothub_codec::{DeviceId, Dialect, Identity, ModuleId, SharedKey, TokenRequest};
use iothub_device::{ClientCertificate, Options};
use iothub_model::{Authentication, AuthenticationType, Device, Module, X509Thumbprint};
use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest, Sha256};

use crate::back_end::{Refused, in_path};
use crate::clock;
use crate::hub::TestHub;
use crate::proxy::Proxy;

/// A device or module that is registered when this is awaited, unless it is already, and then gives the [`Options`] with
/// which it connects. Comes from [`TestHub::device`].
#[must_use = "nothing is registered before it is awaited"]
#[derive(Debug)]
pub struct NewDevice<'h> {
    hub: &'h TestHub,
    device: String,
    module: Option<String>,
    dialect: Dialect,
    proof: Proof,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Proof {
    Key,
    Certificate,
    Token { lasts: Duration },
}

impl<'h> NewDevice<'h> {
    pub(crate) fn new(hub: &'h TestHub, device: String) -> Self {
        Self { hub, device, module: None, dialect: Dialect::Classic, proof: Proof::Key, port: None }
    }

    /// A module of the device instead, which is registered with it.
    pub fn module(mut self, module: impl Into<String>) -> Self {
        self.module = Some(module.into());
        self
    }

    /// Speaks that dialect.
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Proves itself with a certificate, made for it now, whose thumbprint is registered. A device that was registered
    /// before is known by that from now on.
    ///
    /// # Panics
    ///
    /// Without sockets, and so without TLS to show it in.
    pub fn x509(mut self) -> Self {
        assert!(self.hub.mqtt_port().is_some(), "a hub without sockets has no TLS, and sees no certificate");
        self.proof = Proof::Certificate;
        self
    }

    /// Proves itself with a token of which it cannot make another, and which the hub takes for that long from now on: then
    /// it ends the connection and takes it no more. Only in the classic dialect.
    pub const fn token(mut self, lasts: Duration) -> Self {
        self.proof = Proof::Token { lasts };
        self
    }

    /// Goes that way to the hub, instead of the one for all; files and WebSockets go the one for all.
    pub const fn through(mut self, proxy: &Proxy) -> Self {
        self.port = Some(proxy.address().port());
        self
    }

    /// What awaiting it does, for a test that wants to see a refusal.
    ///
    /// # Errors
    ///
    /// [`Refused`], as for a name that none can have.
    pub async fn register(self) -> Result<Options, Refused> {
        let key = self.key().await?;
        let options = match self.proof {
            Proof::Key => {
                Options::from_connection_string(&self.connection_string(&format!("SharedAccessKey={key}")))
            }
            Proof::Token { lasts } => {
                let token = self.token_by(&key, lasts);
                Options::from_connection_string(
                    &self.connection_string(&format!("SharedAccessSignature={token}")),
                )
            }
            Proof::Certificate => {
                let certificate = self.certificate().await?;
                Options::with_certificate(&self.connection_string("x509=true"), certificate)
            }
        };
        let options = options.expect("the parts are the hub's").ca_pem(self.hub.ca_pem());
        let options = options.dialect(self.dialect);
        Ok(match self.hub.https_port() {
            Some(port) => options.https_port(port),
            None => options,
        })
    }

    /// The connection string, for programs in other languages; with a shared key.
    ///
    /// # Panics
    ///
    /// When the hub refuses.
    pub async fn string(self) -> String {
        let key = self.key().await.unwrap_or_else(|refused| panic!("{refused}"));
        self.connection_string(&format!("SharedAccessKey={key}"))
    }

    fn connection_string(&self, proof: &str) -> String {
        let host = match self.port.or(self.hub.mqtt_port()) {
            Some(port) => format!("localhost:{port}"),
            None => "localhost".into(),
        };
        let mut text = format!("HostName={host};DeviceId={}", self.device);
        if let Some(module) = &self.module {
            write!(text, ";ModuleId={module}").expect("a text takes every text");
        }
        format!("{text};{proof}")
    }

    /// Registers, or finds.
    async fn key(&self) -> Result<String, Refused> {
        let path = format!("/devices/{}", in_path(&self.device));
        let asked = Device { device_id: self.device.clone(), ..Device::default() };
        let device: Device = self.made_or_there(path.clone(), &asked).await?;
        let Some(module) = &self.module else { return Ok(key_of(device.authentication)) };
        let path = format!("{path}/modules/{}", in_path(module));
        let asked = Module { device_id: self.device.clone(), module_id: module.clone(), ..Module::default() };
        let module: Module = self.made_or_there(path, &asked).await?;
        Ok(key_of(module.authentication))
    }

    async fn made_or_there<T>(&self, path: String, asked: &T) -> Result<T, Refused>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        match self.hub.back_end().send("PUT", path.clone(), asked).await {
            Err(refused) if refused.status == 409 => self.hub.back_end().get(path).await,
            made => made,
        }
    }

    async fn certificate(&self) -> Result<ClientCertificate, Refused> {
        let made = "a certificate with a name can be made";
        let key = KeyPair::generate().expect(made);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, &self.device);
        let certificate = params.self_signed(&key).expect(made);
        let thumbprint = Sha256::digest(certificate.der()).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes every text");
            text
        });
        let authentication = Authentication {
            kind: AuthenticationType::SelfSigned,
            x509_thumbprint: X509Thumbprint {
                primary_thumbprint: Some(thumbprint),
                secondary_thumbprint: None,
            },
            ..Authentication::default()
        };
        self.authenticate_by(authentication).await?;
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        Ok(ClientCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).expect("it was just made"))
    }

    async fn authenticate_by(&self, authentication: Authentication) -> Result<(), Refused> {
        let back_end = self.hub.back_end();
        let (device_id, authentication) = (self.device.clone(), Some(authentication));
        let path = format!("/devices/{}", in_path(&device_id));
        match &self.module {
            None => {
                let asked = Device { device_id, authentication, ..Device::default() };
                back_end.replace(path, &asked).await
            }
            Some(module) => {
                let path = format!("{path}/modules/{}", in_path(module));
                let asked =
                    Module { device_id, module_id: module.clone(), authentication, ..Module::default() };
                back_end.replace(path, &asked).await
            }
        }
    }

    fn token_by(&self, key: &str, lasts: Duration) -> String {
        let key = SharedKey::from_base64(key).expect("it is the hub's");
        let device = DeviceId::new(&self.device).expect("the hub has taken it");
        let identity = match &self.module {
            None => Identity::device(device),
            Some(module) => Identity::module(device, ModuleId::new(module).expect("the hub has taken it")),
        };
        // The hub lets clocks differ by that much.
        let expiry_s = (clock::civil_s() + lasts.as_secs()).saturating_sub(SKEW_S);
        let asked = TokenRequest { host: "localhost", identity: Some(identity), expiry_s, policy: None };
        asked.sign(&key, &mut [0; 1024]).expect("1024 bytes are enough for a token of localhost").to_owned()
    }
}

impl<'h> IntoFuture for NewDevice<'h> {
    type Output = Options;
    type IntoFuture = Pin<Box<dyn Future<Output = Options> + Send + 'h>>;

    /// # Panics
    ///
    /// When the hub refuses.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.register().await.unwrap_or_else(|refused| panic!("{refused}")) })
    }
}

fn key_of(authentication: Option<Authentication>) -> String {
    authentication.and_then(|proof| proof.symmetric_key.primary_key).unwrap_or_default()
}

/// How much later than it says a token expires.
const SKEW_S: u64 = 5 * 60;
