use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use iothub_codec::{Dialect, Name, SystemProperty, Telemetry};
use iothub_proto::{Now, Timestamp};

use crate::credential::Scope;
use crate::event::{Event, EventKind};
use crate::hub::Hub;
use crate::registry::Key;
use crate::twin::date;

/// Where a device's messages come from, as far as events tell it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) dialect: Dialect,
    /// By whose key the device was let in.
    pub(crate) scope: Scope,
    /// What payloads are that say nothing of it.
    pub(crate) content_type: Option<String>,
}

/// System properties as events have them.
pub(crate) type System = BTreeMap<Cow<'static, str>, String>;

impl Hub {
    /// A message of a device as the back end reads it: the same from every dialect.
    pub(crate) fn telemetry(&self, now: Now, key: &Key, origin: &Origin, telemetry: &Telemetry<'_>) -> Event {
        // Of a name that comes twice, the last value counts.
        let mut system = BTreeMap::new();
        if let Some(content_type) = &origin.content_type {
            system.insert(SystemProperty::ContentType.event_name().into(), content_type.clone());
        }
        let mut properties = BTreeMap::new();
        for property in telemetry.properties.iter() {
            let value = property.value.to_string();
            match property.name {
                Name::System(name) => {
                    system.insert(name.event_name().into(), as_event(origin.dialect, name, value));
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
        &self,
        now: Now,
        key: &Key,
        origin: &Origin,
        (mut system, properties, body): (System, BTreeMap<String, String>, Bytes),
    ) -> Event {
        let generation = self.registry.get(key).map(|entry| entry.record.generation_id.clone());
        let (scope, kind, issuer) = match (origin.scope, &key.module) {
            (Scope::Hub, _) => ("hub", "sas", "iothub"),
            (Scope::Device, None) => ("device", "sas", "iothub"),
            (Scope::Device, Some(_)) => ("module", "sas", "iothub"),
            (Scope::Certificate, None) => ("device", "x509", "external"),
            (Scope::Certificate, Some(_)) => ("module", "x509", "external"),
        };
        // IoT Hub does not stamp it on what comes over MQTT 5.
        let stamped = origin.dialect != Dialect::Preview5;
        let method = stamped.then(|| {
            format!(
                r#"{{"scope":"{scope}","type":"{kind}","issuer":"{issuer}","acceptingIpFilterRule":null}}"#
            )
        });
        let stamps = [
            ("iothub-connection-device-id", Some(key.device.clone())),
            ("iothub-connection-module-id", key.module.clone()),
            ("iothub-connection-auth-method", method),
            ("iothub-connection-auth-generation-id", generation),
            ("iothub-enqueuedtime", Some(date(now.timestamp).to_string())),
            ("iothub-message-source", Some(EventKind::Telemetry.source().to_owned())),
        ];
        for (name, value) in stamps {
            // What the hub stamps cannot be said by the device.
            system.remove(name);
            system.extend(value.map(|value| (name.into(), value)));
        }
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

/// Times are dates in events and in the classic dialect, and numbers in the others.
fn as_event(dialect: Dialect, name: SystemProperty, value: String) -> String {
    if dialect == Dialect::Classic || name != SystemProperty::CreationTime {
        return value;
    }
    value.parse().map(|millis| date(Timestamp::from_millis(millis)).to_string()).unwrap_or(value)
}
