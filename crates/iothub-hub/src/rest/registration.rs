//! Devices and modules, created, changed and deleted.

use iothub_model::{Authentication, AuthenticationType, ErrorCode, Etag, IfMatch, Status, SymmetricKey};
use iothub_proto::Now;
use serde::de::DeserializeOwned;

use crate::change::Change;
use crate::effect::Effects;
use crate::event::EventKind;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::registry::{Key, Record, Registry};
use crate::rest::identities::{not_found, twin};
use crate::rest::wish::Wish;
use crate::rest::{Failure, Outcome};
use crate::twin::TwinEdit;

/// The modules that a device has which runs others' modules.
const EDGE_MODULES: [&str; 2] = ["$edgeAgent", "$edgeHub"];

impl Hub {
    pub(super) fn put_identity(
        &mut self,
        now: Now,
        key: &Key,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let wish = Wish::read(key, request.body)?;
        let condition = condition(request)?;
        let exists = self.registry.get(key).map(|entry| entry.record.etag.clone());
        match (&exists, &condition) {
            (None, IfMatch::None) => {
                self.create(now, key, wish, TwinEdit::default(), effects)?;
                // Of a new module the status says that it is new, and of a new device it does not.
                self.identity(key, if key.module.is_some() { 201 } else { 200 })
            }
            (None, IfMatch::Any | IfMatch::Exactly(_)) => Err(not_found(key)),
            (Some(_), IfMatch::None) => Err(already_exists(key)),
            (Some(etag), _) if !condition.is_met_by(etag) => Err(other_etag(etag)),
            (Some(_), _) => {
                let record = self.updated(now, key, wish)?;
                self.update(now, key, record, effects);
                self.identity(key, 200)
            }
        }
    }

    pub(super) fn delete_identity(
        &mut self,
        now: Now,
        key: &Key,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let condition = condition(request)?;
        let etag = &self.entry(key)?.record.etag;
        if !condition.is_met_by(etag) {
            return Err(other_etag(etag));
        }
        self.remove_all(now, key, effects);
        Ok(Outcome::empty(204))
    }

    /// Deletes a module, or a device with its modules.
    pub(crate) fn remove_all(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        if key.module.is_none() {
            let modules: Vec<Key> = self.registry.modules(&key.device).map(|(key, _)| key.clone()).collect();
            for module in modules {
                self.remove(now, &module, effects);
            }
        }
        self.remove(now, key, effects);
    }

    /// A device that nobody has asked for anything in particular.
    pub(crate) fn create_with_defaults(&mut self, now: Now, key: Key, effects: &mut Effects) {
        let authentication = Authentication { symmetric_key: self.new_keys(), ..Authentication::default() };
        let record = self.record_of(now, Wish::nothing(), authentication, None);
        self.set_record(now, key.clone(), record, effects);
        self.configure(now, &key, effects);
    }

    /// Registers what is not there yet, with a twin that keeps to the rules.
    pub(super) fn create(
        &mut self,
        now: Now,
        key: &Key,
        wish: Wish,
        twin: TwinEdit,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        if self.registry.len() >= Registry::CAPACITY {
            let message = format!("this hub has room for {} devices and modules", Registry::CAPACITY);
            return Err(Failure::new(ErrorCode::TooManyDevices, message));
        }
        if key.module.is_some() {
            self.entry(&Key { module: None, ..key.clone() })?;
            if self.registry.modules(&key.device).count() >= Registry::MODULES_PER_DEVICE {
                let message = format!("a device has at most {} modules", Registry::MODULES_PER_DEVICE);
                return Err(Failure::new(ErrorCode::TooManyModulesOnDevice, message));
            }
        }
        let edge = wish.capabilities.is_some_and(|capabilities| capabilities.iot_edge);
        let authentication = self.authentication_of(wish.authentication.clone(), None)?;
        let record = self.record_of(now, wish, authentication, None);
        self.set_record(now, key.clone(), record, effects);
        if twin != TwinEdit::default() {
            let at_ms = now.timestamp.as_millis();
            self.record(Change::TwinEdited { key: key.clone(), edit: twin, at_ms }, effects);
        }
        self.announce_lifecycle(now, key, "createDeviceIdentity", "createModuleIdentity", effects);
        if edge && key.module.is_none() {
            for name in EDGE_MODULES {
                let module = Key { module: Some(name.into()), ..key.clone() };
                let authentication =
                    Authentication { symmetric_key: self.new_keys(), ..Authentication::default() };
                let record = self.record_of(now, edge_module(), authentication, None);
                self.set_record(now, module, record, effects);
            }
        }
        self.configure(now, key, effects);
        Ok(())
    }

    /// Registers a module of an Edge device that is to have desired properties.
    pub(crate) fn create_edge_module(
        &mut self,
        now: Now,
        key: &Key,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.create(now, key, edge_module(), TwinEdit::default(), effects)
    }

    /// What a wish makes of an identity that is there.
    pub(super) fn updated(&mut self, now: Now, key: &Key, wish: Wish) -> Result<Record, Failure> {
        let old = self.entry(key)?.record.clone();
        let authentication =
            self.authentication_of(wish.authentication.clone(), Some(&old.authentication))?;
        Ok(self.record_of(now, wish, authentication, Some(&old)))
    }

    /// Changes what is there, and ends the connections that it would not have let in. A device's modules have
    /// credentials of their own, but are disabled with it.
    pub(super) fn update(&mut self, now: Now, key: &Key, record: Record, effects: &mut Effects) {
        let disabled = record.status == Status::Disabled;
        let barred = match self.serving_device(key) {
            Some((_, serving)) => !serving.credential.suits(&record.authentication),
            None => false,
        };
        self.set_record(now, key.clone(), record, effects);
        if disabled {
            let why = "it was disabled in the registry";
            self.expel(now, key, why, effects);
            let modules: Vec<Key> = match key.module {
                None => self.registry.modules(&key.device).map(|(key, _)| key.clone()).collect(),
                Some(_) => Vec::new(),
            };
            for module in modules {
                self.expel(now, &module, why, effects);
            }
        } else if barred {
            self.expel(now, key, "what it connected with was changed in the registry", effects);
        }
        self.configure(now, key, effects);
    }

    fn remove(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        self.announce_lifecycle(now, key, "deleteDeviceIdentity", "deleteModuleIdentity", effects);
        self.expel(now, key, "it was deleted from the registry", effects);
        self.record(Change::IdentityRemoved { key: key.clone() }, effects);
        self.call_nobody(now, key, effects);
        self.job_turn(now, key);
    }

    fn set_record(&mut self, now: Now, key: Key, record: Record, effects: &mut Effects) {
        let at_ms = now.timestamp.as_millis();
        self.record(Change::IdentitySet { key, record: Box::new(record), at_ms }, effects);
    }

    /// What the wish makes of the old record, or of none. What it does not mention stays.
    fn record_of(
        &mut self,
        now: Now,
        wish: Wish,
        authentication: Authentication,
        old: Option<&Record>,
    ) -> Record {
        let generation_id = match old {
            Some(old) => old.generation_id.clone(),
            None => self.source.generation(),
        };
        let status = wish.status.or(old.map(|old| old.status)).unwrap_or_default();
        let status_updated_ms = match old {
            Some(old) if old.status == status => old.status_updated_ms,
            Some(_) => now.timestamp.as_millis(),
            None => 0,
        };
        Record {
            generation_id,
            etag: Etag::new(&self.source.identity_etag()).expect("base64 is fit for an etag"),
            status,
            status_reason: wish.status_reason,
            status_updated_ms,
            authentication,
            capabilities: wish.capabilities.or(old.map(|old| old.capabilities)).unwrap_or_default(),
            managed_by: wish.managed_by,
            device_scope: wish.device_scope,
            parent_scopes: wish.parent_scopes,
        }
    }

    /// Fills in what is not given: with what there was, and keys with new ones.
    fn authentication_of(
        &mut self,
        wanted: Option<Authentication>,
        old: Option<&Authentication>,
    ) -> Result<Authentication, Failure> {
        let Some(mut wanted) = wanted.or_else(|| old.cloned()) else {
            return Ok(Authentication { symmetric_key: self.new_keys(), ..Authentication::default() });
        };
        match wanted.kind {
            AuthenticationType::Sas => {
                let old = old.map(|old| old.symmetric_key.clone()).unwrap_or_default();
                let keys = &mut wanted.symmetric_key;
                if keys.primary_key.is_none() {
                    keys.primary_key = old.primary_key.or_else(|| Some(self.source.key()));
                }
                if keys.secondary_key.is_none() {
                    keys.secondary_key = old.secondary_key.or_else(|| Some(self.source.key()));
                }
            }
            AuthenticationType::SelfSigned => {
                if wanted.x509_thumbprint.is_empty() {
                    wanted.x509_thumbprint = old.map(|old| old.x509_thumbprint.clone()).unwrap_or_default();
                }
                if wanted.x509_thumbprint.is_empty() {
                    let message = "authentication of type selfSigned takes a thumbprint";
                    return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
                }
            }
            AuthenticationType::CertificateAuthority | AuthenticationType::None => {}
        }
        Ok(wanted)
    }

    fn new_keys(&mut self) -> SymmetricKey {
        SymmetricKey { primary_key: Some(self.source.key()), secondary_key: Some(self.source.key()) }
    }

    fn announce_lifecycle(
        &mut self,
        now: Now,
        key: &Key,
        of_device: &str,
        of_module: &str,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.registry.get(key) else { return };
        let (operation, schema) = match key.module {
            None => (of_device, "deviceLifecycleNotification"),
            Some(_) => (of_module, "moduleLifecycleNotification"),
        };
        let body = serde_json::to_value(twin(key, entry)).expect("a twin has text for keys");
        self.announce(now, EventKind::Lifecycle, (key, operation, schema), &body, effects);
    }
}

fn edge_module() -> Wish {
    Wish { managed_by: Some("iotEdge".into()), ..Wish::nothing() }
}

/// Reads the body of a request, an object.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // A list would be read as the members of the object, one after the other.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(unfit("a list in the place of an object"));
    }
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

/// Why a body cannot be read.
pub(super) fn unreadable(error: &serde_json::Error) -> Failure {
    let error = error.to_string();
    // Where a value is of the wrong type, the value is told as well: it may be a key in the wrong place.
    match error.rsplit_once(", expected ") {
        Some((_value, expected)) => unfit(&format!("expected {expected}")),
        None => unfit(&error),
    }
}

fn unfit(why: &str) -> Failure {
    let message = format!("The body is not what this operation takes: {why}.");
    Failure::new(ErrorCode::IotHubFormatError, message)
}

/// Reads the header `If-Match`.
pub(super) fn condition(request: &RestRequest<'_>) -> Result<IfMatch, Failure> {
    IfMatch::parse(request.header("if-match"))
        .map_err(|error| Failure::new(ErrorCode::ArgumentInvalid, format!("If-Match: {error}")))
}

pub(super) fn other_etag(current: &Etag) -> Failure {
    Failure::new(
        ErrorCode::PreconditionFailed,
        format!("If-Match does not hold: the etag is {} by now.", current.quoted()),
    )
}

pub(super) fn already_exists(key: &Key) -> Failure {
    match &key.module {
        None => Failure::new(
            ErrorCode::DeviceAlreadyExists,
            format!("A device named {} is in the registry already; to change it, send If-Match.", key.device),
        ),
        Some(module) => Failure::new(
            ErrorCode::ModuleAlreadyExistsOnDevice,
            format!(
                "Device {} has a module named {module} already; to change it, send If-Match.",
                key.device
            ),
        ),
    }
}
