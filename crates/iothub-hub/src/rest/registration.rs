//! Devices and modules, created, changed and deleted.

use iothub_model::{
    Authentication, AuthenticationType, Capabilities, Device, ErrorCode, Etag, IfMatch, Module, Status,
    SymmetricKey,
};
use iothub_proto::Now;
use serde::de::DeserializeOwned;

use crate::change::Change;
use crate::effect::Effects;
use crate::event::EventKind;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::key::from_base64;
use crate::registry::{Key, Record, Registry};
use crate::rest::identities::{not_found, twin};
use crate::rest::{Failure, Outcome};

/// Longest reason of a status, in characters.
const STATUS_REASON_MAX: usize = 128;
/// The modules that a device has which runs others' modules.
const EDGE_MODULES: [&str; 2] = ["$edgeAgent", "$edgeHub"];

/// What a caller may choose about an identity.
struct Wish {
    status: Option<Status>,
    status_reason: Option<String>,
    authentication: Option<Authentication>,
    capabilities: Option<Capabilities>,
    managed_by: Option<String>,
    device_scope: Option<String>,
    parent_scopes: Option<Vec<String>>,
}

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
            (None, IfMatch::None) => self.create(now, key, wish, effects)?,
            (None, IfMatch::Any | IfMatch::Exactly(_)) => return Err(not_found(key)),
            (Some(_), IfMatch::None) => return Err(already_exists(key)),
            (Some(etag), _) if !condition.is_met_by(etag) => return Err(other_etag(etag)),
            (Some(_), _) => self.update(now, key, wish, effects)?,
        }
        self.get_identity(key)
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
        if key.module.is_none() {
            let modules: Vec<Key> = self.registry.modules(&key.device).map(|(key, _)| key.clone()).collect();
            for module in modules {
                self.remove(now, &module, effects);
            }
        }
        self.remove(now, key, effects);
        Ok(Outcome::empty(204))
    }

    /// A device that nobody has asked for anything in particular.
    pub(crate) fn create_with_defaults(&mut self, now: Now, key: Key, effects: &mut Effects) {
        let record = self.record_of(now, Wish::nothing(), None);
        self.set_record(now, key, record, effects);
    }

    fn create(&mut self, now: Now, key: &Key, wish: Wish, effects: &mut Effects) -> Result<(), Failure> {
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
        let record = self.record_of(now, wish, None);
        self.set_record(now, key.clone(), record, effects);
        self.announce_lifecycle(now, key, "createDeviceIdentity", "createModuleIdentity", effects);
        if edge && key.module.is_none() {
            for name in EDGE_MODULES {
                let module = Key { module: Some(name.into()), ..key.clone() };
                let wish = Wish { managed_by: Some("iotEdge".into()), ..Wish::nothing() };
                let record = self.record_of(now, wish, None);
                self.set_record(now, module, record, effects);
            }
        }
        Ok(())
    }

    fn update(&mut self, now: Now, key: &Key, wish: Wish, effects: &mut Effects) -> Result<(), Failure> {
        let old = self.entry(key)?.record.clone();
        let record = self.record_of(now, wish, Some(old.clone()));
        let expelled = if record.status == Status::Disabled {
            Some("it was disabled in the registry")
        } else if record.authentication != old.authentication {
            Some("its credentials were changed in the registry")
        } else {
            None
        };
        self.set_record(now, key.clone(), record, effects);
        if let Some(why) = expelled {
            let modules: Vec<Key> = match key.module {
                // A module authenticates by itself, but not while its device is disabled.
                None => self.registry.modules(&key.device).map(|(key, _)| key.clone()).collect(),
                Some(_) => Vec::new(),
            };
            self.expel(now, key, why, effects);
            for module in modules {
                self.expel(now, &module, why, effects);
            }
        }
        Ok(())
    }

    fn remove(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        self.announce_lifecycle(now, key, "deleteDeviceIdentity", "deleteModuleIdentity", effects);
        self.expel(now, key, "it was deleted from the registry", effects);
        self.record(Change::IdentityRemoved { key: key.clone() }, effects);
    }

    fn set_record(&mut self, now: Now, key: Key, record: Record, effects: &mut Effects) {
        let at_ms = now.timestamp.as_millis();
        self.record(Change::IdentitySet { key, record: Box::new(record), at_ms }, effects);
    }

    /// What the wish makes of the old record, or of none. What it does not mention stays.
    fn record_of(&mut self, now: Now, wish: Wish, old: Option<Record>) -> Record {
        let Wish { status, authentication, capabilities, .. } = wish;
        let generation_id = match &old {
            Some(old) => old.generation_id.clone(),
            None => self.source.generation(),
        };
        let old_status = old.as_ref().map(|old| old.status);
        let status = status.or(old_status).unwrap_or_default();
        let status_updated_ms = match &old {
            Some(old) if old.status == status => old.status_updated_ms,
            Some(_) => now.timestamp.as_millis(),
            None => 0,
        };
        let old_authentication = old.as_ref().map(|old| old.authentication.clone());
        Record {
            generation_id,
            etag: Etag::new(&self.source.identity_etag()).expect("base64 is fit for an etag"),
            status,
            status_reason: wish.status_reason,
            status_updated_ms,
            authentication: self.authentication_of(authentication, old_authentication),
            capabilities: capabilities.or(old.as_ref().map(|old| old.capabilities)).unwrap_or_default(),
            managed_by: wish.managed_by,
            device_scope: wish.device_scope,
            parent_scopes: wish.parent_scopes,
        }
    }

    /// Fills in the keys that are not given: with those there were, else with new ones.
    fn authentication_of(
        &mut self,
        wanted: Option<Authentication>,
        old: Option<Authentication>,
    ) -> Authentication {
        let Some(mut wanted) = wanted.or_else(|| old.clone()) else {
            return Authentication { symmetric_key: self.new_keys(), ..Authentication::default() };
        };
        if wanted.kind != AuthenticationType::Sas {
            return wanted;
        }
        let old = old.map(|old| old.symmetric_key).unwrap_or_default();
        let keys = &mut wanted.symmetric_key;
        if keys.primary_key.is_none() {
            keys.primary_key = old.primary_key.or_else(|| Some(self.source.key()));
        }
        if keys.secondary_key.is_none() {
            keys.secondary_key = old.secondary_key.or_else(|| Some(self.source.key()));
        }
        wanted
    }

    fn new_keys(&mut self) -> SymmetricKey {
        SymmetricKey { primary_key: Some(self.source.key()), secondary_key: Some(self.source.key()) }
    }

    fn announce_lifecycle(
        &self,
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

impl Wish {
    const fn nothing() -> Self {
        Self {
            status: None,
            status_reason: None,
            authentication: None,
            capabilities: None,
            managed_by: None,
            device_scope: None,
            parent_scopes: None,
        }
    }

    fn read(key: &Key, body: &[u8]) -> Result<Self, Failure> {
        let wish = match &key.module {
            None => {
                let device: Device = json(body)?;
                must_name("deviceId", &device.device_id, &key.device)?;
                Self {
                    status: device.status,
                    status_reason: device.status_reason,
                    authentication: device.authentication,
                    capabilities: device.capabilities,
                    managed_by: None,
                    device_scope: device.device_scope,
                    parent_scopes: device.parent_scopes,
                }
            }
            Some(name) => {
                let module: Module = json(body)?;
                must_name("deviceId", &module.device_id, &key.device)?;
                must_name("moduleId", &module.module_id, name)?;
                Self {
                    authentication: module.authentication,
                    managed_by: module.managed_by,
                    ..Self::nothing()
                }
            }
        };
        wish.check()?;
        Ok(wish)
    }

    fn check(&self) -> Result<(), Failure> {
        let invalid = |message: String| Err(Failure::new(ErrorCode::ArgumentInvalid, message));
        let reason = self.status_reason.as_deref().unwrap_or_default();
        if reason.chars().count() > STATUS_REASON_MAX {
            return invalid(format!("statusReason has at most {STATUS_REASON_MAX} characters"));
        }
        let Some(authentication) = &self.authentication else { return Ok(()) };
        let keys = &authentication.symmetric_key;
        for (name, key) in [("primaryKey", &keys.primary_key), ("secondaryKey", &keys.secondary_key)] {
            let Some(key) = key else { continue };
            // What it is instead is not told: it may be a key with one character wrong.
            if !from_base64(key).is_some_and(|bytes| (16..=64).contains(&bytes.len())) {
                return invalid(format!("{name} must be base64 of 16 to 64 bytes"));
            }
        }
        let prints = &authentication.x509_thumbprint;
        let prints = [
            ("primaryThumbprint", &prints.primary_thumbprint),
            ("secondaryThumbprint", &prints.secondary_thumbprint),
        ];
        for (name, print) in prints {
            let Some(print) = print else { continue };
            let hex = print.bytes().all(|b| b.is_ascii_hexdigit());
            if !(hex && matches!(print.len(), 40 | 64)) {
                return invalid(format!("{name} must be 40 or 64 hex digits"));
            }
        }
        Ok(())
    }
}

/// Reads the body of a request, an object.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let refused = |why: &str| {
        let message = format!("The body is not what this operation takes: {why}.");
        Failure::new(ErrorCode::IotHubFormatError, message)
    };
    // A list would be read as the members of the object, one after the other.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(refused("a list in the place of an object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let error = error.to_string();
        // Where a value is of the wrong type, the value is told as well: it may be a key in the wrong place.
        let why = match error.rsplit_once(", expected ") {
            Some((_value, expected)) => format!("expected {expected}"),
            None => error,
        };
        refused(&why)
    })
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

fn must_name(member: &str, name: &str, wanted: &str) -> Result<(), Failure> {
    if name == wanted {
        return Ok(());
    }
    let message = format!("{member} in the body is {name:?}, and {wanted:?} in the path");
    Err(Failure::new(ErrorCode::ArgumentInvalid, message))
}

fn already_exists(key: &Key) -> Failure {
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
