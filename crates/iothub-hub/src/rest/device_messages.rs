//! What a device does that has HTTPS only: it fetches its commands one by one, and sends telemetry.

use std::collections::BTreeMap;

use bytes::Bytes;
use iothub_codec::{DeviceId, Dialect, Identity, Proof};
use iothub_model::{Date, ErrorCode};
use iothub_proto::Now;

use crate::auth::Bid;
use crate::commands::CommandSettings;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::key::from_base64;
use crate::quota::Operation;
use crate::registry::Key;
use crate::rest::commands::{APPLICATION, HEADERS, MESSAGE_MAX};
use crate::rest::feedback::{lock_lost, read_lock};
use crate::rest::{Failure, Outcome};
use crate::system_properties::SystemProperties;
use crate::telemetry::Origin;

/// How a command is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    Complete,
    Reject,
    Abandon,
}

impl Hub {
    /// Sees to it that a request is by the device that it is about, or by somebody who may act as any.
    pub(super) fn let_device_in(
        &self,
        now: Now,
        device: &str,
        request: &RestRequest<'_>,
    ) -> Result<Origin, Failure> {
        let refused =
            |why: String| Failure::new(ErrorCode::IotHubUnauthorizedAccess, format!("Unauthorized: {why}"));
        let id = DeviceId::new(device).map_err(|error| refused(error.to_string()))?;
        let proof = match (request.header("authorization"), request.certificates) {
            (Some(token), _) => Proof::Token(token),
            (None, []) => return Err(refused("the header Authorization is missing".into())),
            (None, [_, ..]) => Proof::None,
        };
        let host = request.header("host").unwrap_or_default();
        let admit = |host| {
            let (identity, certificates) = (Identity::device(id), request.certificates);
            self.gate.admit(&self.registry, &Bid { identity, host, proof, certificates }, now.timestamp)
        };
        // A token may name the host with its port, as a connection string does that has one.
        let admission = admit(crate::auth::without_port(host)).or_else(|denied| admit(host).or(Err(denied)));
        let admission = admission.map_err(|denied| refused(denied.why))?;
        let key = Key { device: device.into(), module: None };
        let generation = self.registry.get(&key).map(|entry| entry.record.generation_id.as_str());
        Ok(Origin::new(Dialect::Classic, (&key, generation), admission.credential.scope(), None))
    }

    /// Hands out the next command. Its etag is the lock under which it is settled.
    pub(super) fn receive_command(&mut self, now: Now, key: &Key, effects: &mut Effects) -> Outcome {
        self.expire_commands(now, key, effects);
        let lock = self.source.lock();
        let until = now.timestamp.after(CommandSettings::LOCK);
        let Some(entry) = self.registry.get_mut(key) else { return Outcome::empty(204) };
        let Some((command, deliveries)) = entry.queue.lock(lock, until) else { return Outcome::empty(204) };
        let enqueued = Date::from_millis(command.enqueued_ms).to_string();
        let mut headers = vec![
            ("etag".into(), format!("\"{lock:016x}\"")),
            ("iothub-sequencenumber".into(), command.sequence.to_string()),
            ("iothub-enqueuedtime".into(), enqueued),
            ("iothub-deliverycount".into(), deliveries.to_string()),
            ("iothub-expiry".into(), Date::from_millis(command.expires_ms).to_string()),
        ];
        for (name, value) in &command.system {
            let header = HEADERS.iter().find(|(_, each)| each == name).map(|(header, _)| *header);
            headers.extend(header.map(|header| (header.into(), value.clone())));
        }
        let application = command.properties.iter();
        headers
            .extend(application.map(|(name, value)| (format!("{APPLICATION}{name}").into(), value.clone())));
        let body = from_base64(&command.payload).unwrap_or_default();
        self.command_watch(now, key);
        Outcome::Done(crate::response::Response { status: 200, headers, body })
    }

    pub(super) fn settle_command(
        &mut self,
        now: Now,
        key: &Key,
        (lock, settlement): (&str, Settlement),
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        use iothub_model::CommandOutcome::{Rejected, Success};

        self.expire_commands(now, key, effects);
        let queue = &self.entry(key)?.queue;
        let sequence = read_lock(lock).and_then(|lock| queue.locked(lock)).ok_or_else(lock_lost)?;
        match settlement {
            Settlement::Complete => self.finish_command(now, key, sequence, Success, effects),
            Settlement::Reject => self.finish_command(now, key, sequence, Rejected, effects),
            Settlement::Abandon => {
                self.give_back_command(now, key, sequence, effects);
                self.deliver(now, key, effects);
            }
        }
        Ok(Outcome::empty(204))
    }

    /// Takes in a message of a device.
    pub(super) fn receive_telemetry(
        &mut self,
        now: Now,
        key: &Key,
        origin: &Origin,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let mut system = SystemProperties::new();
        let mut properties = BTreeMap::new();
        for (name, value) in request.headers {
            if let Some(name) = name.strip_prefix(APPLICATION) {
                properties.insert(name.to_owned(), (*value).to_owned());
            } else if let Some((_, name)) = HEADERS.iter().find(|(header, _)| header == name) {
                // The first of two spellings of the same counts.
                if system.get(name).is_none() {
                    system.insert(*name, *value);
                }
            }
        }
        let texts = properties.iter().map(|(name, value)| name.len() + value.len());
        let len = request.body.len()
            + texts.sum::<usize>()
            + system.iter().map(|(_, value)| value.len()).sum::<usize>();
        if len > MESSAGE_MAX {
            let message = format!(
                "the message has {len} bytes with its properties, and at most {MESSAGE_MAX} are allowed"
            );
            return Err(Failure::new(ErrorCode::MessageTooLarge, message));
        }
        self.spend_of_device(now, Operation::Telemetry, len)
            .map_err(|excess| Failure::gateway(excess.code(), excess.to_string()))?;
        let body = Bytes::copy_from_slice(request.body);
        let event = self.event(now, key, origin, (system, properties, body));
        effects.push(Effect::Append(event));
        Ok(Outcome::empty(204))
    }
}
