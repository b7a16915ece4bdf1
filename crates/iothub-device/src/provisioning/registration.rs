use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use iothub_codec::{
    BadSharedKey, IdScope, Proof, Registration, RegistrationId, RegistrationToken, SharedKey,
};
use iothub_proto::{Backoff, Now, RegistrationSession};
use serde_json::{Value, json};

use super::assignment::Assignment;
use super::attempt::{Terms, attempt};
use super::error::ProvisioningError;
use super::{Secret, Settings};
use crate::chance;
use crate::client_certificate::ClientCertificate;
use crate::clock::Clock;
use crate::dial::Dial;
use crate::options::{Options, OptionsError};
use crate::transport::Transport;

/// A registration with the Device Provisioning Service: of a device that has a key or a certificate, and no hub yet.
///
/// ```no_run
/// use iothub_device::{Device, Provisioning};
/// use serde_json::json;
///
/// # async fn run(scope: &str, serial: &str, key: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let provisioning = Provisioning::with_key(scope, serial, key)?.payload(json!({ "firmware": "1.4.2" }));
/// let assignment = provisioning.register().await?;
/// println!("{} of {}", assignment.device_id(), assignment.hub());
/// let device = Device::connect(assignment.options()?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Provisioning {
    scope: String,
    id: String,
    secret: Secret,
    host: String,
    payload: Option<Value>,
    deadline: Duration,
    settings: Settings,
}

impl Provisioning {
    /// Where Azure's service is found, whatever the id scope.
    pub const HOST: &'static str = "global.azure-devices-provisioning.net";
    /// How long a registration may take if nothing else is said.
    pub const DEADLINE: Duration = Duration::from_secs(5 * 60);
    /// How long a token counts with which a device registers.
    const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// For a device with a key of its own, in base64: that of its enrollment, or one that
    /// [derives](derive_device_key) from that of its group.
    ///
    /// # Errors
    ///
    /// [`BadName`] says which of the three is wrong; no key is in it.
    pub fn with_key(scope: &str, registration_id: &str, key: &str) -> Result<Self, BadName> {
        Self::new(scope, registration_id, Secret::Key(SharedKey::from_base64(key)?))
    }

    /// For a device that has the key of its group, in base64. That is good for tests: in a device whose memory can be read
    /// it opens all others of the group.
    ///
    /// # Errors
    ///
    /// As for [`Self::with_key`].
    pub fn with_group_key(scope: &str, registration_id: &str, group_key: &str) -> Result<Self, BadName> {
        let id = RegistrationId::new(registration_id)?;
        Self::new(scope, registration_id, Secret::Key(SharedKey::from_base64(group_key)?.derive(id)))
    }

    /// For a device with a certificate. The registration id is the common name of that.
    ///
    /// # Errors
    ///
    /// As for [`Self::with_key`].
    pub fn with_certificate(
        scope: &str,
        registration_id: &str,
        certificate: ClientCertificate,
    ) -> Result<Self, BadName> {
        Self::new(scope, registration_id, Secret::Certificate(certificate))
    }

    /// Registers there, `name` or `name:port`, and not at [`Self::HOST`].
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Says that about the device. What the service makes of it is up to its owner.
    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Gives up after so long, all attempts together: [`Self::DEADLINE`] otherwise.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets what leads to the service, and then to the hub: trust, proxies, WebSockets, limits of time.
    ///
    /// ```
    /// # use iothub_device::Provisioning;
    /// # fn local(provisioning: Provisioning, ca: Vec<u8>) -> Provisioning {
    /// provisioning.host("localhost").with_options(move |options| options.ca_pem(&ca))
    /// # }
    /// ```
    #[must_use]
    pub fn with_options(mut self, set: impl Fn(Options) -> Options + Send + Sync + 'static) -> Self {
        self.settings = Arc::new(set);
        self
    }

    /// Registers, and gives what the device is assigned to.
    ///
    /// Where the way is blocked or the service is hindered, it is tried again after a while that grows and is chance in part,
    /// until the deadline. Dropped before it returns, nothing is left behind but, perhaps, the registration.
    ///
    /// # Errors
    ///
    /// [`ProvisioningError`]: at once where no other attempt can help. That is so where the service or the device does not
    /// accept the certificate of the other, but not where only the dates of the service's do not fit the device's clock.
    pub async fn register(&self) -> Result<Assignment, ProvisioningError> {
        let options = self.service_options()?;
        let dial = Dial::new(&options).map_err(ProvisioningError::Connect)?;
        self.register_over(dial).await
    }

    /// The same over any stream of bytes to the service.
    ///
    /// # Errors
    ///
    /// As for [`Self::register`].
    pub async fn register_over(&self, transport: impl Transport) -> Result<Assignment, ProvisioningError> {
        let clock = Clock::start();
        let mut last = None;
        let registering = self.register_until_done(&transport, clock, &mut last);
        match tokio::time::timeout(self.deadline, registering).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ProvisioningError::TimedOut { after: self.deadline, last: last.map(Box::new) }),
        }
    }

    /// What connects the device to a hub that it was assigned to before, without asking the service again.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] if these are no names.
    pub fn options_for(&self, hub: &str, device_id: &str) -> Result<Options, OptionsError> {
        Ok((self.settings)(self.secret.options(hub, device_id)?))
    }

    fn new(scope: &str, id: &str, secret: Secret) -> Result<Self, BadName> {
        IdScope::new(scope)?;
        RegistrationId::new(id)?;
        Ok(Self {
            scope: scope.to_owned(),
            id: id.to_owned(),
            secret,
            host: Self::HOST.to_owned(),
            payload: None,
            deadline: Self::DEADLINE,
            settings: Arc::new(|options| options),
        })
    }

    /// As if the service were a hub, and the registration a device of it: what leads there is the same.
    fn service_options(&self) -> Result<Options, ProvisioningError> {
        self.options_for(&self.host, &self.id).map_err(ProvisioningError::Options)
    }

    async fn register_until_done(
        &self,
        transport: &impl Transport,
        clock: Clock,
        last: &mut Option<ProvisioningError>,
    ) -> Result<Assignment, ProvisioningError> {
        let options = self.service_options()?;
        let terms = Terms::of(&options);
        let mut seed = chance::seed(&self.id);
        let body = self.body();
        let mut session = RegistrationSession::new(self.registration(), body.as_bytes(), seed);
        let mut failures = 0;
        loop {
            let token = self.token(options.now(clock));
            let proof = token.as_deref().map_or(Proof::None, Proof::Token);
            match attempt(transport, &terms, &mut session, (proof, clock), last).await {
                Ok(document) => return Assignment::read(&document, self),
                Err(error) if error.is_retryable() => {
                    tracing::info!(name: "registration_retried", %error, registration = self.id, "registration is tried again");
                    *last = Some(error);
                }
                Err(error) => return Err(error),
            }
            session.handle_disconnect();
            tokio::time::sleep(Backoff::DEFAULT.delay(failures, &mut seed)).await;
            failures = failures.saturating_add(1);
        }
    }

    fn registration(&self) -> Registration<'_> {
        let scope = IdScope::new(&self.scope).expect("was checked when this was made");
        Registration::new(scope, RegistrationId::new(&self.id).expect("was checked when this was made"))
    }

    fn body(&self) -> String {
        let mut body = json!({ "registrationId": self.id });
        if let (Value::Object(members), Some(payload)) = (&mut body, &self.payload) {
            members.insert("payload".into(), payload.clone());
        }
        body.to_string()
    }

    /// A device with a certificate has none.
    fn token(&self, now: Now) -> Option<String> {
        let Secret::Key(key) = &self.secret else { return None };
        let expiry_s = now.timestamp.after(Self::TOKEN_LIFETIME).as_secs();
        let request = RegistrationToken { registration: self.registration(), expiry_s };
        let mut room = vec![0; request.len_max()];
        let token = request.sign(key, &mut room).expect("the request says itself how much room it needs");
        Some(token.to_owned())
    }

    pub(super) fn secret(&self) -> (Secret, Settings) {
        (self.secret.clone(), Arc::clone(&self.settings))
    }
}

/// Without its secrets.
impl fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, id, secret, host, payload: _, deadline, settings: _ } = self;
        let mut shown = f.debug_struct("Provisioning");
        shown.field("scope", scope).field("id", id).field("secret", secret);
        shown.field("host", host).field("deadline", deadline).finish_non_exhaustive()
    }
}

/// The key of a device, in base64, from that of its enrollment group: what is put into the device when it is made.
///
/// ```
/// let group = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// let device = iothub_device::derive_device_key(group, "reg-1")?;
/// assert_eq!(device, "thxXBjNB6FBV+ugwOZsLC2OkELTF0TOHZ3+Q6g7OCS0=");
/// # Ok::<(), iothub_device::BadName>(())
/// ```
///
/// # Errors
///
/// [`BadName`] says which of the two is wrong.
pub fn derive_device_key(group_key: &str, registration_id: &str) -> Result<String, BadName> {
    let (key, id) = (SharedKey::from_base64(group_key)?, RegistrationId::new(registration_id)?);
    Ok(key.derive(id).write_base64(&mut [0; SharedKey::BASE64_LEN_MAX]).to_owned())
}

/// What a registration cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// The id scope.
    #[error(transparent)]
    Scope(#[from] iothub_codec::BadIdScope),
    /// The registration id.
    #[error(transparent)]
    Registration(#[from] iothub_codec::BadRegistrationId),
    /// The key.
    #[error(transparent)]
    Key(#[from] BadSharedKey),
}
