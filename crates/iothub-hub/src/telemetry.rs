use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{Dialect, Name, SystemProperty, Telemetry};
use iothub_proto::{Now, Timestamp};

use crate::credential::Scope;
use crate::event::{Event, EventKind};
use crate::hub::Hub;
use crate::registry::Key;
use crate::system_properties::SystemProperties;
use crate::twin::date;

/// Where a device's messages come from, as far as events tell it.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) dialect: Dialect,
    /// What payloads are that say nothing of it.
    content_type: Option<Arc<str>>,
    /// What the hub says of every message, in the order of the names.
    stamps: Vec<(&'static str, Arc<str>)>,
}

/// The time of the latest event as it is written: many come in the same millisecond.
#[derive(Debug, Default)]
pub(crate) struct LatestTime {
    at: Timestamp,
    text: Option<Arc<str>>,
}

impl Origin {
    /// Of a device or module that was let in by the key of `scope`, as whoever `generation` names.
    pub(crate) fn new(
        dialect: Dialect,
        (key, generation): (&Key, Option<&str>),
        scope: Scope,
        content_type: Option<String>,
    ) -> Self {
        let (scope, kind, issuer) = match (scope, &key.module) {
            (Scope::Hub, _) => ("hub", "sas", "iothub"),
            (Scope::Device, None) => ("device", "sas", "iothub"),
            (Scope::Device, Some(_)) => ("module", "sas", "iothub"),
            (Scope::Certificate, None) => ("device", "x509", "external"),
            (Scope::Certificate, Some(_)) => ("module", "x509", "external"),
        };
        // IoT Hub does not stamp it on what comes over MQTT 5.
        let stamped = dialect != Dialect::Preview5;
        let method = stamped.then(|| {
            format!(
                r#"{{"scope":"{scope}","type":"{kind}","issuer":"{issuer}","acceptingIpFilterRule":null}}"#
            )
        });
        let stamps = [
            (GENERATION, generation.map(Arc::from)),
            (METHOD, method.map(Arc::from)),
            (DEVICE, Some(key.device.as_str().into())),
            (MODULE, key.module.as_deref().map(Arc::from)),
            (SOURCE, Some(EventKind::Telemetry.source().into())),
        ];
        let stamps = stamps.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { dialect, content_type: content_type.map(Arc::from), stamps }
    }
}

impl LatestTime {
    fn written(&mut self, at: Timestamp) -> Arc<str> {
        if self.at != at {
            *self = Self { at, text: None };
        }
        Arc::clone(self.text.get_or_insert_with(|| date(at).to_string().into()))
    }
}

impl Hub {
    /// A message of a device as the back end reads it: the same from every dialect.
    pub(crate) fn telemetry(
        &mut self,
        now: Now,
        key: &Key,
        origin: &Origin,
        telemetry: &Telemetry<'_>,
    ) -> Event {
        // Of a name that comes twice, the last value counts.
        let mut system = SystemProperties::new();
        if let Some(content_type) = &origin.content_type {
            system.insert(SystemProperty::ContentType.event_name(), Arc::clone(content_type));
        }
        let mut properties = BTreeMap::new();
        for property in telemetry.properties.iter() {
            let value = property.value.to_string();
            match property.name {
                Name::System(name) => {
                    system.insert(name.event_name(), as_event(origin.dialect, name, value));
                }
                Name::Application(name) => {
                    properties.insert(name.to_string(), value);
                }
            }
        }
        if telemetry.retain {
            // A hub retains nothing; back ends are told that the device asked for it.
            properties.insert("mqtt-retain".to_owned(), "true".to_owned());
        }
        self.event(now, key, origin, (system, properties, Bytes::copy_from_slice(telemetry.payload)))
    }

    /// The same of what a device has said, however it was said.
    pub(crate) fn event(
        &mut self,
        now: Now,
        key: &Key,
        origin: &Origin,
        (mut system, properties, body): (SystemProperties, BTreeMap<String, String>, Bytes),
    ) -> Event {
        // What the hub stamps cannot be said by the device.
        if !system.is_empty() {
            [GENERATION, METHOD, DEVICE, MODULE, TIME, SOURCE].iter().for_each(|name| system.remove(name));
        }
        system.reserve(origin.stamps.len() + 1);
        for (name, value) in &origin.stamps {
            system.insert(*name, Arc::clone(value));
        }
        system.insert(TIME, self.latest_time.written(now.timestamp));
        Event {
            kind: EventKind::Telemetry,
            device: key.device.clone(),
            module: key.module.clone(),
            enqueued: now.timestamp,
            system,
            properties,
            body,
        }
    }
}

const DEVICE: &str = "iothub-connection-device-id";
const MODULE: &str = "iothub-connection-module-id";
const METHOD: &str = "iothub-connection-auth-method";
const GENERATION: &str = "iothub-connection-auth-generation-id";
const TIME: &str = "iothub-enqueuedtime";
const SOURCE: &str = "iothub-message-source";

/// Times are dates in events and in the classic dialect, and numbers in the others.
fn as_event(dialect: Dialect, name: SystemProperty, value: String) -> String {
    if dialect == Dialect::Classic || name != SystemProperty::CreationTime {
        return value;
    }
    value.parse().map(|millis| date(Timestamp::from_millis(millis)).to_string()).unwrap_or(value)
}
