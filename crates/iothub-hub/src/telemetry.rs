use std::collections::BTreeMap;

use bytes::Bytes;
use iothub_codec::{Name, Telemetry};
use iothub_proto::Now;

use crate::auth::Scope;
use crate::event::{Event, EventKind};
use crate::hub::Hub;
use crate::registry::Key;
use crate::twin::date;

impl Hub {
    /// A message of a device as the back end reads it.
    pub(crate) fn telemetry(&self, now: Now, key: &Key, scope: Scope, telemetry: &Telemetry<'_>) -> Event {
        // Of a name that comes twice, the last value counts.
        let mut system = BTreeMap::new();
        let mut properties = BTreeMap::new();
        for property in telemetry.properties.iter() {
            let value = property.value.to_string();
            match property.name {
                Name::System(name) => {
                    system.insert(name.event_name(), value);
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
        let generation = self.registry.get(key).map(|entry| entry.record.generation_id.clone());
        let scope = match scope {
            Scope::Hub => "hub",
            Scope::Device if key.module.is_some() => "module",
            Scope::Device => "device",
        };
        let stamps = [
            ("iothub-connection-device-id", Some(key.device.clone())),
            ("iothub-connection-module-id", key.module.clone()),
            (
                "iothub-connection-auth-method",
                Some(format!(r#"{{"scope":"{scope}","type":"sas","issuer":"iothub"}}"#)),
            ),
            ("iothub-connection-auth-generation-id", generation),
            ("iothub-enqueuedtime", Some(date(now.timestamp).to_string())),
            ("iothub-message-source", Some(EventKind::Telemetry.source().to_owned())),
        ];
        for (name, value) in stamps {
            // What the hub stamps cannot be said by the device.
            system.remove(name);
            system.extend(value.map(|value| (name, value)));
        }
        Event {
            kind: EventKind::Telemetry,
            device: key.device.clone(),
            module: key.module.clone(),
            enqueued: now.timestamp,
            system,
            properties,
            body: Bytes::copy_from_slice(telemetry.payload),
        }
    }
}
