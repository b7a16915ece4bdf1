//! Commands, sent over a local address: IoT Hub takes them over AMQP only.

use iothub_codec::{Codec, Command, DeviceId, Dialect, EncodeError, Identity, ModuleId, Properties, Qos};
use iothub_model::{CommandDocument, CommandOutcome, Date, ErrorCode, FeedbackWanted, Status};
use iothub_proto::{Now, SendError};
use serde_json::json;

use crate::call::compose;
use crate::change::Change;
use crate::commands::{CommandSettings, Queue, QueuedCommand};
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::key::{from_base64, to_base64};
use crate::registry::Key;
use crate::rest::{Failure, Outcome};

/// The headers that become system properties, and under which names.
pub(super) const HEADERS: [(&str, &str); 7] = [
    ("iothub-messageid", "message-id"),
    ("iothub-correlationid", "correlation-id"),
    ("iothub-userid", "user-id"),
    ("iothub-ack", "iothub-ack"),
    ("iothub-contentencoding", "content-encoding"),
    ("iothub-contenttype", "content-type"),
    ("content-type", "content-type"),
];
/// The headers that become properties of the application begin so.
pub(super) const APPLICATION: &str = "iothub-app-";
/// Longest message of a device, properties included.
pub(super) const MESSAGE_MAX: usize = 256 * 1024;

impl Hub {
    pub(super) fn send_command_to(
        &mut self,
        now: Now,
        key: &Key,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let entry = self.entry(key)?;
        if entry.record.status == Status::Disabled {
            let message = format!("{key} is disabled in the registry");
            return Err(Failure::new(ErrorCode::DeviceDisabled, message));
        }
        if entry.queue.len() >= Queue::CAPACITY {
            let message = format!("{} commands wait for {key} already", Queue::CAPACITY);
            return Err(Failure::new(ErrorCode::DeviceMaximumQueueDepthExceeded, message));
        }
        let sequence = entry.queue.next_sequence();
        let command = read(now, &self.config.commands, key, sequence, request)?;
        check_expressible(key, &command)?;
        let answer =
            json!({"sequenceNumber": sequence, "expiresAtUtc": Date::from_millis(command.expires_ms)});
        self.record(Change::CommandQueued { key: key.clone(), command }, effects);
        self.command_watch(now, key);
        self.deliver(now, key, effects);
        Ok(Outcome::json(202, &answer, None))
    }

    /// What waits for a device, and what it has and did not settle yet.
    pub(super) fn list_commands(&self, key: &Key) -> Result<Outcome, Failure> {
        let queue = self.entry(key)?.queue.iter();
        let commands: Vec<CommandDocument> = queue
            .map(|(command, deliveries, delivered)| CommandDocument {
                delivered,
                ..document(command, deliveries)
            })
            .collect();
        Ok(Outcome::json(200, &commands, None))
    }

    /// What came to nothing lately.
    pub(super) fn list_dead_letters(&self, key: &Key) -> Result<Outcome, Failure> {
        self.entry(key)?;
        let letters: Vec<CommandDocument> = self
            .dead_letters
            .of(key)
            .map(|letter| CommandDocument {
                outcome: Some(letter.outcome),
                dead_lettered_time_utc: Some(Date::from_millis(letter.at_ms)),
                ..document(&letter.command, letter.deliveries)
            })
            .collect();
        Ok(Outcome::json(200, &letters, None))
    }

    pub(super) fn forget_dead_letters(
        &mut self,
        key: &Key,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.entry(key)?;
        if self.dead_letters.of(key).next().is_some() {
            self.record(Change::DeadLettersForgotten { key: key.clone() }, effects);
        }
        Ok(Outcome::empty(204))
    }

    pub(super) fn purge_commands(
        &mut self,
        now: Now,
        key: &Key,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let queue = &self.entry(key)?.queue;
        let sequences: Vec<u64> = queue.iter().map(|(command, ..)| command.sequence).collect();
        for &sequence in &sequences {
            self.finish_command(now, key, sequence, CommandOutcome::Purged, effects);
        }
        let answer = json!({
            "totalMessagesPurged": sequences.len(),
            "deviceId": key.device,
            "moduleId": key.module,
        });
        Ok(Outcome::json(200, &answer, None))
    }
}

/// A command as back ends see it.
fn document(command: &QueuedCommand, deliveries: u32) -> CommandDocument {
    let body = from_base64(&command.payload).unwrap_or_default();
    let (body, body_base64) = match String::from_utf8(body) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(command.payload.clone())),
    };
    CommandDocument {
        sequence_number: command.sequence,
        enqueued_time_utc: Date::from_millis(command.enqueued_ms),
        expires_at_utc: Date::from_millis(command.expires_ms),
        delivery_count: deliveries,
        delivered: false,
        outcome: None,
        dead_lettered_time_utc: None,
        system_properties: command.system.iter().cloned().collect(),
        properties: command.properties.iter().cloned().collect(),
        body,
        body_base64,
    }
}

fn read(
    now: Now,
    settings: &CommandSettings,
    key: &Key,
    sequence: u64,
    request: &RestRequest<'_>,
) -> Result<QueuedCommand, Failure> {
    let mut system = Vec::new();
    for (header, name) in HEADERS {
        let value = request.header(header).filter(|value| !value.is_empty());
        if let Some(value) = value.filter(|_| system.iter().all(|(each, _)| each != name)) {
            system.push((name.to_owned(), value.to_owned()));
        }
    }
    let to = match &key.module {
        None => format!("/devices/{}/messages/devicebound", key.device),
        Some(module) => format!("/devices/{}/modules/{module}/messages/devicebound", key.device),
    };
    system.push(("to".to_owned(), to));
    check_acknowledgement(&system)?;
    let expires_ms = expiry(now, settings, request)?;
    if request.header("iothub-expiry").is_some() {
        system.push(("absolute-expiry-time".to_owned(), Date::from_millis(expires_ms).to_string()));
    }
    let properties: Vec<(String, String)> = request
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(APPLICATION)?.to_owned(), (*value).to_owned())))
        .collect();
    let texts = system.iter().chain(&properties).map(|(name, value)| name.len() + value.len());
    let len = request.body.len() + texts.sum::<usize>();
    if len > QueuedCommand::MAX_LEN {
        let max = QueuedCommand::MAX_LEN;
        let message =
            format!("the command has {len} bytes with its properties, and at most {max} are allowed");
        return Err(Failure::new(ErrorCode::MessageTooLarge, message));
    }
    Ok(QueuedCommand {
        sequence,
        enqueued_ms: now.timestamp.as_millis(),
        expires_ms,
        system,
        properties,
        payload: to_base64(request.body),
    })
}

/// A command that its device cannot be told, in whichever dialect that will come, is of no use to anybody.
fn check_expressible(key: &Key, command: &QueuedCommand) -> Result<(), Failure> {
    let device = DeviceId::new(&key.device).expect("what is in the registry is named as it may be");
    let module = key.module.as_deref();
    let module =
        module.map(|name| ModuleId::new(name).expect("what is in the registry is named as it may be"));
    let application: Vec<(&str, &str)> =
        command.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for dialect in Dialect::ALL {
        let system = command.system_properties(*dialect, u32::MAX);
        let system: Vec<_> = system.iter().map(|(property, value)| (*property, value.as_ref())).collect();
        let properties = Properties::new(&system, &application);
        let message = Command { payload: b"", properties, qos: Qos::AtLeastOnce };
        let codec = Codec::new(*dialect, Identity { device, module });
        // What a text may not have in it is told only once there is room for it.
        let written = compose(&mut Vec::new(), |out| Ok(codec.encode(&message, out).map(drop)?));
        match written {
            Ok(()) => {}
            Err(SendError::Encode(EncodeError::TopicTooLong { len })) => {
                let message =
                    format!("the properties make a topic of {len} bytes, and at most 65535 are allowed");
                return Err(Failure::new(ErrorCode::MessageTooLarge, message));
            }
            Err(SendError::Encode(EncodeError::PropertyTooLong { len })) => {
                let message = format!("a property has {len} bytes, and at most 65535 are allowed");
                return Err(Failure::new(ErrorCode::MessageTooLarge, message));
            }
            Err(error) => {
                let message = format!("the command cannot be sent to {key}: {error}");
                return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
            }
        }
    }
    Ok(())
}

/// Feedback names the command by its message id.
fn check_acknowledgement(system: &[(String, String)]) -> Result<(), Failure> {
    let value = |name: &str| system.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
    let Some(wanted) = value("iothub-ack") else { return Ok(()) };
    let bad = |message: String| Failure::new(ErrorCode::ArgumentInvalid, message);
    let wanted: FeedbackWanted =
        wanted.parse().map_err(|error| bad(format!("iothub-ack: {error}, not {wanted:.64?}")))?;
    if wanted != FeedbackWanted::None && value("message-id").is_none() {
        return Err(bad("iothub-ack needs an iothub-messageid, by which feedback names the command".into()));
    }
    Ok(())
}

fn expiry(now: Now, settings: &CommandSettings, request: &RestRequest<'_>) -> Result<u64, Failure> {
    let now_ms = now.timestamp.as_millis();
    let Some(text) = request.header("iothub-expiry") else {
        return Ok(now.timestamp.after(settings.ttl()).as_millis());
    };
    let date: Date = text
        .parse()
        .map_err(|error| Failure::new(ErrorCode::ArgumentInvalid, format!("iothub-expiry: {error}")))?;
    match date.as_millis() {
        Some(millis) if millis > now_ms => Ok(millis),
        _ => {
            let message = format!("iothub-expiry {text} is not in the future");
            Err(Failure::new(ErrorCode::InvalidMessageExpiryTime, message))
        }
    }
}
