use core::time::Duration;
use std::collections::BTreeMap;

use iothub_codec::DeviceId;
use iothub_model::{FeedbackRecord, FileNotification, Violation};
use iothub_proto::{Instant, Now, Timestamp};

use crate::auth::Gate;
use crate::call::Calls;
use crate::change::Change;
use crate::commands::{CommandSettings, DeadLetters};
use crate::configurations::Configurations;
use crate::connection::Connection;
use crate::consumer_group::ConsumerGroups;
use crate::diary::Diary;
use crate::effect::{Effect, Effects};
use crate::event::{Event, EventKind};
use crate::input::{ConnectionId, Input};
use crate::jobs::Jobs;
use crate::key::Source;
use crate::notice::{Level, Notice};
use crate::pickup::Pickup;
use crate::policy::{Policy, Rights};
use crate::presence::PresenceNumbers;
use crate::provisioning::{Provisioning, ProvisioningConfig};
use crate::quota::{Edition, Excess, Meter, Operation};
use crate::recording::Recording;
use crate::registry::{Key, Registry};
use crate::rest::Groupings;
use crate::restatement::Restatement;
use crate::telemetry::LatestTime;
use crate::timers::{Due, Timers};
use crate::transfers::Transfers;
use crate::twin::Told;
use crate::uploads::{Blobs, FileSettings, Uploads};

/// What a hub is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the hub, as events tell it: the first part of its host name.
    pub name: String,
    /// Where keys, etags and tracking ids come from. It must be unguessable, and another for every start.
    pub seed: Seed,
    /// A device that is there from the start, so that there is one to connect as.
    pub ready_device: Option<String>,
    /// How far the clocks of a device and the hub may be apart: a token counts that much longer.
    pub clock_skew: Duration,
    /// How much it allows, and how fast.
    pub edition: Edition,
    /// How long commands are kept.
    pub commands: CommandSettings,
    /// Whether there is somebody who carries out [`Effect::Transfer`]; else imports and exports are refused.
    pub transfers: bool,
    /// What devices may upload, if there is somebody who has the bytes; else uploads are refused.
    pub files: Option<FileSettings>,
    /// The provisioning service that this hub keeps, if it keeps one.
    pub provisioning: Option<ProvisioningConfig>,
}

/// 32 bytes of chance. They do not show.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Config {
    /// What IoT Hub is said to allow for clocks that differ.
    pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

    /// A hub that begins empty.
    pub fn new(seed: Seed) -> Self {
        Self {
            name: "localhost".into(),
            seed,
            ready_device: None,
            clock_skew: Self::CLOCK_SKEW,
            edition: Edition::UNLIMITED,
            commands: CommandSettings::default(),
            transfers: false,
            files: None,
            provisioning: None,
        }
    }
}

/// A whole IoT Hub: registry, twins, queues, policies, and the connections of devices.
///
/// [`Self::handle`] takes in one thing at a time and says what is to be done about it; whoever owns the hub
/// does that. State changes only by a [`Change`], which is among the effects, so that [`Self::apply`] on
/// all of them makes the same hub again. Who is connected is not state in this sense.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: Config,
    pub(crate) source: Source,
    pub(crate) gate: Gate,
    pub(crate) registry: Registry,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) calls: Calls,
    pub(crate) timers: Timers,
    pub(crate) presence_numbers: PresenceNumbers,
    pub(crate) diary: Diary,
    pub(crate) meter: Meter,
    /// While everything is stated anew.
    pub(crate) restatement: Option<Restatement>,
    pub(crate) feedback: Pickup<FeedbackRecord>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) groups: ConsumerGroups,
    pub(crate) configurations: Configurations,
    pub(crate) jobs: Jobs,
    pub(crate) transfers: Transfers,
    pub(crate) uploads: Uploads,
    pub(crate) blobs: Blobs,
    pub(crate) file_notifications: Pickup<FileNotification>,
    pub(crate) provisioning: Provisioning,
    /// How many partitions the event log has.
    pub(crate) partitions: u8,
    pub(crate) latest_time: LatestTime,
    pub(crate) recording: Recording,
    pub(crate) groupings: Groupings,
    /// Room for the topics of packets.
    pub(crate) scratch: Vec<u8>,
}

impl Hub {
    /// How many partitions an event log has if nothing else is said.
    pub const PARTITIONS: u8 = 4;

    /// A hub in which nothing is, not even a policy: that comes from [`Self::apply`] or [`Input::Start`].
    pub fn new(config: Config) -> Self {
        Self {
            source: Source::new(config.seed.0),
            gate: Gate {
                policies: BTreeMap::new(),
                authorities: BTreeMap::new(),
                clock_skew: config.clock_skew,
            },
            registry: Registry::default(),
            connections: BTreeMap::new(),
            calls: Calls::default(),
            timers: Timers::default(),
            presence_numbers: PresenceNumbers::default(),
            diary: Diary::default(),
            meter: Meter::default(),
            restatement: None,
            feedback: Pickup::default(),
            dead_letters: DeadLetters::default(),
            groups: ConsumerGroups::default(),
            configurations: Configurations::default(),
            jobs: Jobs::default(),
            transfers: Transfers::default(),
            uploads: Uploads::default(),
            blobs: Blobs::default(),
            file_notifications: Pickup::default(),
            provisioning: Provisioning::default(),
            partitions: Self::PARTITIONS,
            latest_time: LatestTime::default(),
            recording: Recording::default(),
            groupings: Groupings::default(),
            scratch: vec![0; 512],
            config,
        }
    }

    /// Says how many partitions the event log has that takes its events. For the time before [`Input::Start`].
    pub const fn appends_to(&mut self, partitions: u8) {
        self.partitions = partitions;
    }

    /// Repeats a recorded step. For the time before [`Input::Start`].
    ///
    /// # Errors
    ///
    /// [`Violation`] if the step breaks a rule about twins: then no hub has recorded it.
    pub fn apply(&mut self, change: &Change) -> Result<(), Violation> {
        self.perform(change).map(drop)
    }

    /// Takes in one thing that happened, and appends what has to be done about it to `effects`.
    pub fn handle(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        let before = effects.len();
        match input {
            Input::Start => self.start(now, effects),
            Input::Opened { connection, peer } => {
                self.connections.insert(connection, Connection::new(peer));
            }
            Input::Packet { connection, packet } => self.take_packet(now, connection, packet, effects),
            Input::Closed { connection, why, level } => self.closed(now, connection, why, level, effects),
            Input::Rest { exchange, request } => self.rest(now, exchange, &request, effects),
            Input::Abandoned { exchange } => {
                self.abandon(exchange);
                self.abandon_grouping(exchange);
            }
            Input::Transferred { number, outcome } => self.transferred(now, number, outcome, effects),
            Input::BlobWritten { exchange, blob } => self.blob_written(now, exchange, blob, effects),
            Input::BlobUnwanted { exchange, name, condition } => {
                self.remove_blob(exchange, name, &condition, effects);
            }
            Input::BlobsLost { names } => self.lose_blobs(&names, effects),
            Input::Errand { errand } => self.run_errand(now, &errand, effects),
            Input::Report { report } => self.reported(now, report, effects),
            Input::Stop => {
                self.stop_calls(now, effects);
                self.stop_groupings(now, effects);
            }
            Input::Throttle { operations } => self.meter.throttle(operations),
            Input::Recording { recording } => self.set_recording(now, recording, effects),
            // It is asked for again.
            Input::Restate { .. } if !self.has_room() => {}
            Input::Restate { identities } => self.restate(identities.max(1), effects),
            Input::Tick => {
                while let Some(due) = self.timers.pop(now.instant) {
                    self.fall_due(now, due, effects);
                }
            }
        }
        self.diary.read(now.timestamp, &effects[before..]);
        if self.has_room()
            && let Some((day, messages)) = self.meter.unrecorded()
        {
            self.record(Change::MessagesCounted { day, messages }, effects);
        }
    }

    /// When to call [`Self::handle`] with [`Input::Tick`] at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.timers.next()
    }

    /// The first key of a policy, in base64.
    pub fn policy_key(&self, name: &str) -> Option<&str> {
        self.gate.policies.get(name).map(|policy| policy.primary.as_str())
    }

    /// The first key of a device, in base64, if it has one.
    pub fn device_key(&self, device: &str) -> Option<&str> {
        let key = Key { device: device.into(), module: None };
        self.registry.get(&key)?.record.authentication.symmetric_key.primary_key.as_deref()
    }

    /// Makes a change and has it recorded.
    pub(crate) fn commit(&mut self, change: Change, effects: &mut Effects) -> Result<Told, Violation> {
        let told = self.perform(&change)?;
        effects.push(Effect::Record(change));
        Ok(told)
    }

    /// Makes a change that no rule about twins is concerned with.
    pub(crate) fn record(&mut self, change: Change, effects: &mut Effects) {
        self.commit(change, effects).expect("only the edit of a twin can break a rule");
    }

    fn perform(&mut self, change: &Change) -> Result<Told, Violation> {
        match change {
            Change::PolicySet { name, policy } => {
                self.gate.policies.insert(name.clone(), policy.clone());
            }
            Change::PolicyRemoved { name } => drop(self.gate.policies.remove(name)),
            Change::MessagesCounted { day, messages } => self.meter.set(*day, *messages),
            Change::AuthoritySet { name, authority } => {
                self.gate.authorities.insert(name.clone(), authority.clone());
            }
            Change::AuthorityRemoved { name } => drop(self.gate.authorities.remove(name)),
            Change::IdentitySet { key, record, at_ms } => {
                self.registry.set(key.clone(), (**record).clone(), Timestamp::from_millis(*at_ms));
            }
            Change::IdentityRemoved { key } => {
                let assigned = self.registry.get(key).and_then(|entry| entry.assigned.clone());
                self.configurations.reassign(assigned.as_deref(), None);
                self.registry.remove(key);
                self.dead_letters.forget(key);
            }
            Change::TwinEdited { key, edit, at_ms } => {
                let told = self.registry.edit(key, edit.clone(), Timestamp::from_millis(*at_ms));
                return told.unwrap_or_else(|| Ok(Told::default()));
            }
            Change::CommandQueued { key, command } => {
                if let Some(entry) = self.registry.get_mut(key) {
                    entry.queue.push(command.clone());
                }
            }
            Change::CommandAbandoned { key, sequence } => {
                if let Some(entry) = self.registry.get_mut(key) {
                    entry.queue.give_back(*sequence);
                }
            }
            Change::FeedbackAdded { number, feedback } => self.feedback.add(*number, feedback.clone()),
            Change::FeedbackRemoved { numbers } => self.feedback.remove(numbers),
            Change::DeadLettered { number, letter } => self.dead_letters.add(*number, (**letter).clone()),
            Change::DeadLettersForgotten { key } => self.dead_letters.forget(key),
            Change::CommandRemoved { key, sequence } => {
                if let Some(entry) = self.registry.get_mut(key) {
                    entry.queue.remove(*sequence);
                }
            }
            Change::RestatementBegan => self.restatement = Some(Restatement::default()),
            Change::IdentityStated { key, entry } => {
                let before = self.registry.get(key).and_then(|entry| entry.assigned.clone());
                let assigned = self.configurations.reassign(before.as_deref(), entry.assigned.as_ref());
                self.registry.restore(key.clone(), (**entry).clone(), assigned);
                if let Some(restatement) = &mut self.restatement {
                    restatement.has_reached(key);
                }
            }
            Change::RestatementEnded => self.restatement = None,
            Change::ConsumerGroupSet { name, group } => self.groups.set(name.clone(), group.clone()),
            Change::ConsumerGroupRemoved { name } => self.groups.remove(name),
            Change::CheckpointSet { group, partition, checkpoint } => {
                self.groups.put(group, *partition, *checkpoint);
            }
            Change::ConfigurationSet { id, configuration } => {
                self.configurations.set(id.clone(), (**configuration).clone());
            }
            Change::ConfigurationRemoved { id } => self.configurations.remove(id),
            Change::ConfigurationRetired { number, content } => {
                self.configurations.retire(*number, (**content).clone());
            }
            Change::ConfigurationForgotten { number } => self.configurations.forget(*number),
            Change::ConfigurationsAssigned { key, assigned } => {
                if let Some(entry) = self.registry.get_mut(key) {
                    let before = entry.assigned.take();
                    *entry.assigned = self.configurations.reassign(before.as_deref(), Some(assigned));
                }
            }
            Change::Provisioning { step } => {
                self.provisioning.apply(step);
                if let Some(restatement) = &mut self.restatement {
                    restatement.provisioning.has_reached(step);
                }
            }
            Change::Transfer { number, job } => self.transfers.set(*number, job.as_deref()),
            Change::ImportProgressed { number, progress } => self.transfers.set_progress(*number, progress),
            Change::Job { number, step } => {
                self.jobs.apply(*number, step);
                if let Some(restatement) = &mut self.restatement {
                    restatement.jobs.has_reached(*number, step);
                }
            }
            Change::FileKeySet { key } => self.uploads.set_key(key),
            Change::UploadBegan { id, upload, is_restated } => {
                self.uploads.set(id, upload.clone());
                if let (true, Some(restatement)) = (*is_restated, &mut self.restatement) {
                    restatement.uploads.has_reached_upload(id);
                }
            }
            Change::UploadEnded { id } => self.uploads.end(id),
            Change::BlobSet { name, blob, is_restated } => {
                self.blobs.set(name, Some(blob));
                if let (true, Some(restatement)) = (*is_restated, &mut self.restatement) {
                    restatement.uploads.has_reached_blob(name);
                }
            }
            Change::BlobRemoved { name } => self.blobs.set(name, None),
            Change::FileNotificationAdded { number, notification } => {
                self.file_notifications.add(*number, (**notification).clone());
            }
            Change::FileNotificationsRemoved { numbers } => self.file_notifications.remove(numbers),
            Change::PresenceNumbered { below } => self.presence_numbers.reserve(*below),
        }
        Ok(Told::default())
    }

    /// Sees to it that the edition allows that now; `len` is what is charged for by its length, in bytes.
    pub(crate) fn spend(&mut self, now: Now, operation: Operation, len: Option<usize>) -> Result<(), Excess> {
        self.meter.allow(now, self.config.edition, operation, len)
    }

    /// The same for what a device or module does by itself; all of it is charged for by its length.
    pub(crate) fn spend_of_device(
        &mut self,
        now: Now,
        operation: Operation,
        len: usize,
    ) -> Result<(), Excess> {
        self.meter.allow_device(now, self.config.edition, operation, len)
    }

    /// Charges for what is not refused any longer.
    pub(crate) fn charge(&mut self, now: Now, len: usize) {
        let edition = self.config.edition;
        self.meter.charge(now.timestamp, edition, edition.messages(len));
    }

    /// Makes what every hub has and this one does not have yet.
    fn start(&mut self, now: Now, effects: &mut Effects) {
        // What was removed does not come back.
        if self.gate.policies.is_empty() {
            for (name, rights) in Rights::DEFAULT_POLICIES {
                let policy = Policy { rights, primary: self.source.key(), secondary: self.source.key() };
                self.record(Change::PolicySet { name: name.into(), policy }, effects);
            }
        }
        if self.config.files.is_some() && self.uploads.key().is_none() {
            let key = self.source.key();
            self.record(Change::FileKeySet { key }, effects);
        }
        if let Some(device) = self.config.ready_device.clone() {
            let key = Key { device, module: None };
            match DeviceId::new(&key.device) {
                Ok(_) if self.registry.get(&key).is_some() => {}
                Ok(_) => self.create_with_defaults(now, key, effects),
                Err(error) => effects.push(Effect::Log(Notice {
                    level: Level::Warn,
                    peer: None,
                    who: None,
                    what: "ready device not made",
                    rule: None,
                    why: error.to_string(),
                })),
            }
        }
        self.begin_provisioning(now, effects);
        self.presence_numbers.resume();
        self.watch_commands(now);
        self.watch_uploads(now);
        self.sweep_anew(now);
        self.resume_jobs(now, effects);
        self.resume_transfer(now, effects);
    }

    fn fall_due(&mut self, now: Now, due: Due, effects: &mut Effects) {
        match due {
            Due::Credentials(connection) | Due::Answer(connection, _) => {
                self.session_due(now, connection, effects);
            }
            Due::Connect(exchange) => self.connect_timeout(now, exchange, effects),
            Due::Command(key) => self.command_due(now, &key, effects),
            Due::Configurations => self.configurations_due(now, effects),
            Due::Job(number) => self.job_due(now, number, effects),
            Due::Upload(id) => self.upload_due(now, id, effects),
            Due::JobHistory => self.history_due(now, effects),
            Due::Grouping(exchange) => self.grouping_due(now, exchange, effects),
            Due::Index => self.index_due(now),
        }
    }

    /// An event about a device, rather than of one.
    pub(crate) fn announce(
        &mut self,
        now: Now,
        kind: EventKind,
        (key, operation, schema): (&Key, &str, &str),
        body: &serde_json::Value,
        effects: &mut Effects,
    ) {
        let time = crate::twin::date(now.timestamp).to_string();
        let name = &self.config.name;
        let properties = [
            ("hubName", Some(name)),
            ("deviceId", Some(&key.device)),
            ("moduleId", key.module.as_ref()),
            ("opType", Some(&operation.to_owned())),
            ("operationTimestamp", Some(&time)),
            ("iothub-message-schema", Some(&schema.to_owned())),
        ];
        let system = [
            ("user-id", Some(name)),
            ("correlation-id", Some(&self.source.correlation_id())),
            ("content-type", Some(&"application/json".to_owned())),
            ("content-encoding", Some(&"utf-8".to_owned())),
            ("iothub-connection-device-id", Some(&key.device)),
            ("iothub-connection-module-id", key.module.as_ref()),
            ("iothub-message-source", Some(&kind.source().to_owned())),
            ("iothub-enqueuedtime", Some(&time)),
        ];
        effects.push(Effect::Append(Event {
            kind,
            device: key.device.clone(),
            module: key.module.clone(),
            enqueued: now.timestamp,
            system: given(system).collect(),
            properties: given(properties).map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.to_string().into(),
        }));
    }
}

/// Properties that there are.
fn given<const COUNT: usize>(
    all: [(&'static str, Option<&String>); COUNT],
) -> impl Iterator<Item = (&'static str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value?.clone())))
}
