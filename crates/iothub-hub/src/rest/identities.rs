//! Devices and modules, read.

use iothub_model::{Capabilities, ConnectionState, Date, Device, ErrorCode, Module, WrittenMembers};

use crate::configurations;
use crate::hub::Hub;
use crate::registry::{Entry, Key};
use crate::rest::path::Path;
use crate::rest::{Failure, Outcome};
use crate::twin::date;

/// Most devices in one list, and how many there are when the caller does not say.
const LIST_MAX: usize = 1000;

impl Hub {
    /// Responds with a device or module as it stands.
    pub(super) fn identity(&self, key: &Key, status: u16) -> Result<Outcome, Failure> {
        let entry = self.entry(key)?;
        let etag = Some(&entry.record.etag);
        Ok(match key.module {
            None => Outcome::json(status, &device(key, entry), etag),
            Some(_) => Outcome::json(status, &module(key, entry), etag),
        })
    }

    pub(super) fn list_devices(&self, path: &Path) -> Result<Outcome, Failure> {
        let top = match path.parameter("top") {
            None => LIST_MAX,
            Some(text) => match text.parse() {
                Ok(top @ 1..=LIST_MAX) => top,
                _ => {
                    let message = format!("top is {text:?}, and must be 1 to {LIST_MAX}");
                    return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
                }
            },
        };
        let devices: Vec<Device> =
            self.registry.devices().take(top).map(|(key, entry)| device(key, entry)).collect();
        Ok(Outcome::json(200, &devices, None))
    }

    pub(super) fn list_modules(&self, of: &str) -> Result<Outcome, Failure> {
        self.entry(&Key { device: of.into(), module: None })?;
        let modules: Vec<Module> = self.registry.modules(of).map(|(key, entry)| module(key, entry)).collect();
        Ok(Outcome::json(200, &modules, None))
    }

    /// What the registry has under that name.
    pub(crate) fn entry(&self, key: &Key) -> Result<&Entry, Failure> {
        self.registry.get(key).ok_or_else(|| not_found(key))
    }
}

pub(crate) fn not_found(key: &Key) -> Failure {
    match &key.module {
        None => Failure::new(
            ErrorCode::DeviceNotFound,
            format!("Device {} is not in the registry of this hub.", key.device),
        ),
        Some(module) => Failure::new(
            ErrorCode::ModuleNotFound,
            format!("Module {module} of device {} is not in the registry of this hub.", key.device),
        ),
    }
}

pub(super) fn device(key: &Key, entry: &Entry) -> Device {
    let Entry { record, presence, queue, .. } = entry;
    Device {
        device_id: key.device.clone(),
        generation_id: Some(record.generation_id.clone()),
        etag: Some(record.etag.clone()),
        connection_state: connection_state(entry),
        status: Some(record.status),
        status_reason: record.status_reason.clone(),
        connection_state_updated_time: presence.changed.map_or(Date::NEVER, date),
        status_updated_time: status_updated(entry),
        last_activity_time: presence.active.map_or(Date::NEVER, date),
        cloud_to_device_message_count: count(queue.len()),
        authentication: Some(record.authentication.clone()),
        capabilities: Some(record.capabilities),
        device_scope: record.device_scope.clone(),
        parent_scopes: record.parent_scopes.clone(),
    }
}

pub(super) fn module(key: &Key, entry: &Entry) -> Module {
    let Entry { record, presence, queue, .. } = entry;
    Module {
        module_id: key.module.clone().unwrap_or_default(),
        managed_by: record.managed_by.clone(),
        device_id: key.device.clone(),
        generation_id: Some(record.generation_id.clone()),
        etag: Some(record.etag.clone()),
        connection_state: connection_state(entry),
        connection_state_updated_time: presence.changed.map_or(Date::NEVER, date),
        last_activity_time: presence.active.map_or(Date::NEVER, date),
        cloud_to_device_message_count: count(queue.len()),
        authentication: Some(record.authentication.clone()),
    }
}

/// The twin of an identity, as a document of its own.
pub(super) fn twin(key: &Key, entry: &Entry) -> iothub_model::Twin {
    let twin = &entry.twin;
    let desired = twin.desired().service_view();
    let reported = twin.reported().service_view();
    twin_of(key, entry, (twin.tags().as_object().clone(), iothub_model::Properties { desired, reported }))
}

/// The same to be written at once, which takes no copies of what is in it.
pub(super) fn written_twin<'e>(key: &Key, entry: &'e Entry) -> iothub_model::Twin<WrittenMembers<'e>> {
    let twin = &entry.twin;
    let (desired, reported) = (twin.desired().as_written(), twin.reported().as_written());
    let tags = WrittenMembers::Plain(twin.tags().as_object());
    twin_of(key, entry, (tags, iothub_model::Properties { desired, reported }))
}

fn twin_of<O>(
    key: &Key,
    entry: &Entry,
    (tags, properties): (O, iothub_model::Properties<O>),
) -> iothub_model::Twin<O> {
    let Entry { record, presence, queue, twin, assigned, connection: _ } = entry;
    iothub_model::Twin {
        device_id: key.device.clone(),
        module_id: key.module.clone(),
        etag: Some(twin.etag()),
        device_etag: Some(record.etag.clone()),
        status: Some(record.status),
        status_reason: record.status_reason.clone(),
        status_update_time: status_updated(entry),
        connection_state: connection_state(entry),
        last_activity_time: presence.active.map_or(Date::NEVER, date),
        cloud_to_device_message_count: count(queue.len()),
        authentication_type: Some(record.authentication.kind),
        x509_thumbprint: record.authentication.x509_thumbprint.clone(),
        model_id: presence.model_id.clone(),
        version: twin.version(),
        tags,
        properties,
        capabilities: key.module.is_none().then_some(Capabilities { ..record.capabilities }),
        device_scope: record.device_scope.clone(),
        parent_scopes: record.parent_scopes.clone(),
        configurations: assigned.as_deref().map(configurations::document),
    }
}

pub(super) fn connection_state(entry: &Entry) -> ConnectionState {
    match entry.connection {
        Some(_) => ConnectionState::Connected,
        None => ConnectionState::Disconnected,
    }
}

fn status_updated(entry: &Entry) -> Date {
    match entry.record.status_updated_ms {
        0 => Date::NEVER,
        millis => Date::from_millis(millis),
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
