//! The event log. Azure gives it over AMQP only; this is local.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeMap;

use iothub_codec::DeviceId;
use iothub_model::{ConsumerGroup as GroupDocument, Date, ErrorCode, NewCheckpoint};
use iothub_proto::{Now, Timestamp};

use crate::change::Change;
use crate::consumer_group::{Checkpoint, ConsumerGroup};
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::reading::{Reading, Start};
use crate::rest::path::Path;
use crate::rest::registration::json;
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn stream_events(&self, path: &Path) -> Result<Outcome, Failure> {
        only(path, &["device", "partition", "from", "group"])?;
        let device = path.parameter("device");
        if let Some(device) = &device {
            DeviceId::new(device).map_err(|error| invalid(&format!("device: {error}")))?;
        }
        let partition = path.parameter("partition").map(|text| self.partition(&text)).transpose()?;
        let from = self.start_at(path, partition, Start::Latest)?;
        Ok(Outcome::Read(Reading::Stream { partition, device, from }))
    }

    pub(super) fn read_partition(&self, path: &Path, partition: &str) -> Result<Outcome, Failure> {
        only(path, &["from", "group", "max", "wait"])?;
        let partition = self.partition(partition)?;
        let from = self.start_at(path, Some(partition), Start::Earliest)?;
        let events = number(path, "max", 1..=EVENTS_MAX)?.unwrap_or(EVENTS_USUAL);
        let wait = number(path, "wait", 0..=WAIT_MAX_S)?.unwrap_or_default();
        let events = usize::try_from(events).unwrap_or(usize::MAX);
        Ok(Outcome::Read(Reading::Batch { partition, from, events, wait: Duration::from_secs(wait) }))
    }

    pub(super) fn list_groups(&self) -> Result<Outcome, Failure> {
        let groups: Vec<_> = self.groups.iter().map(|(name, _)| document(name)).collect();
        Ok(Outcome::json(200, &groups, None))
    }

    pub(super) fn get_group(&self, name: &str) -> Result<Outcome, Failure> {
        self.group(name)?;
        Ok(Outcome::json(200, &document(name), None))
    }

    /// Makes a consumer group, or leaves the one that there is as it is.
    pub(super) fn put_group(&mut self, name: &str, effects: &mut Effects) -> Result<Outcome, Failure> {
        if self.groups.get(name).is_some() {
            return self.get_group(name);
        }
        if !ConsumerGroup::may_be_called(name) {
            return Err(invalid(&format!(
                "the name of a consumer group has 1 to {} letters, digits, dashes, dots and underscores, and begins \
                 with a letter or digit",
                ConsumerGroup::NAME_MAX
            )));
        }
        if self.groups.iter().len() >= ConsumerGroup::MAX {
            let max = ConsumerGroup::MAX;
            let message = format!("a hub has at most {max} consumer groups; delete one that is not in use");
            return Err(Failure::new(ErrorCode::InvalidOperation, message));
        }
        let group = ConsumerGroup::default();
        self.record(Change::ConsumerGroupSet { name: name.into(), group }, effects);
        Ok(Outcome::json(201, &document(name), None))
    }

    pub(super) fn delete_group(&mut self, name: &str, effects: &mut Effects) -> Result<Outcome, Failure> {
        self.group(name)?;
        if name == ConsumerGroup::DEFAULT {
            let message = format!("{name} is there in every hub and cannot be deleted");
            return Err(Failure::new(ErrorCode::InvalidOperation, message));
        }
        self.record(Change::ConsumerGroupRemoved { name: name.into() }, effects);
        Ok(Outcome::empty(204))
    }

    pub(super) fn list_checkpoints(&self, name: &str) -> Result<Outcome, Failure> {
        Ok(Outcome::Read(Reading::Checkpoints(self.group(name)?.checkpoints.clone())))
    }

    pub(super) fn put_checkpoint(
        &mut self,
        now: Now,
        (group, partition): (&str, &str),
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.group(group)?;
        let partition = self.partition(partition)?;
        let NewCheckpoint { next } = json(request.body)?;
        let checkpoint = Some(Checkpoint { next, at_ms: now.timestamp.as_millis() });
        self.record(Change::CheckpointSet { group: group.into(), partition, checkpoint }, effects);
        Ok(Outcome::empty(204))
    }

    pub(super) fn delete_checkpoint(
        &mut self,
        (name, partition): (&str, &str),
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let partition = self.partition(partition)?;
        if self.group(name)?.checkpoints.contains_key(&partition) {
            let change = Change::CheckpointSet { group: name.into(), partition, checkpoint: None };
            self.record(change, effects);
        }
        Ok(Outcome::empty(204))
    }

    fn group(&self, name: &str) -> Result<&ConsumerGroup, Failure> {
        self.groups.get(name).ok_or_else(|| {
            let message = format!("there is no consumer group {name:.64}; PUT it to create it");
            Failure::new(ErrorCode::GroupNotFound, message)
        })
    }

    fn partition(&self, text: &str) -> Result<u8, Failure> {
        let partition = text.parse().ok().filter(|partition| *partition < self.partitions);
        partition.ok_or_else(|| {
            let last = self.partitions.saturating_sub(1);
            let message = format!("there is no partition {text:.16}; they are numbered from 0 to {last}");
            Failure::new(ErrorCode::GenericNotFound, message)
        })
    }

    fn start_at(&self, path: &Path, partition: Option<u8>, usual: Start) -> Result<Start, Failure> {
        let group = path.parameter("group");
        let group = self.group(group.as_deref().unwrap_or(ConsumerGroup::DEFAULT))?;
        let Some(text) = path.parameter("from") else { return Ok(usual) };
        Ok(match text.as_str() {
            "earliest" => Start::Earliest,
            "latest" => Start::Latest,
            "checkpoint" => {
                let checkpoints = group.checkpoints.iter();
                let wanted = checkpoints.filter(|(each, _)| partition.is_none_or(|wanted| **each == wanted));
                Start::Sequences(
                    wanted.map(|(partition, checkpoint)| (*partition, checkpoint.next)).collect(),
                )
            }
            text if text.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b',') => {
                self.sequences(text, partition)?
            }
            text => {
                let date: Date = text.parse().map_err(|_| unreadable(text))?;
                Start::Enqueued(Timestamp::from_millis(date.as_millis().unwrap_or_default()))
            }
        })
    }

    /// A sequence number of the partition, or several of several: `0:17,1:4`.
    fn sequences(&self, text: &str, partition: Option<u8>) -> Result<Start, Failure> {
        let mut sequences = BTreeMap::new();
        for each in text.split(',') {
            let (of, sequence) = match (each.split_once(':'), partition) {
                (Some((of, sequence)), _) => (self.partition(of)?, sequence),
                (None, Some(partition)) => (partition, each),
                (None, None) => {
                    let message = format!(
                        "from: {each:.24} is a sequence number of which partition? Add partition=, or name all that \
                         are to be read, as in 0:17,1:4"
                    );
                    return Err(invalid(&message));
                }
            };
            let sequence = sequence.parse().map_err(|_| unreadable(text))?;
            if partition.is_some_and(|partition| partition != of) || sequences.insert(of, sequence).is_some()
            {
                return Err(invalid(&format!("from: partition {of} is not read, or is there twice")));
            }
        }
        Ok(Start::Sequences(sequences))
    }
}

/// Whoever misspells a parameter would read something else than was meant.
fn only(path: &Path, known: &[&str]) -> Result<(), Failure> {
    let unknown = |name: &&str| *name != "api-version" && !known.contains(name);
    match path.parameters().find(unknown) {
        None => Ok(()),
        Some(name) => {
            Err(invalid(&format!("there is no parameter {name:.32} here; there are {}", known.join(", "))))
        }
    }
}

fn number(path: &Path, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Failure> {
    let Some(text) = path.parameter(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.map(Some).ok_or_else(|| {
        let message = format!("{name} is a number from {least} to {most}, not {text:.24}");
        Failure::new(ErrorCode::ArgumentInvalid, message)
    })
}

fn unreadable(from: &str) -> Failure {
    invalid(&format!(
        "from: {from:.48} is none of earliest, latest, checkpoint, a sequence number, several such as 0:17,1:4, and a \
         time such as 2030-01-01T00:00:00Z"
    ))
}

fn invalid(message: &str) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, message)
}

fn document(name: &str) -> GroupDocument {
    GroupDocument { name: name.into() }
}

/// Most events of a batch, and how many it has if nothing is said.
const EVENTS_MAX: u64 = 1000;
const EVENTS_USUAL: u64 = 100;
/// Longest wait for an event, in seconds.
const WAIT_MAX_S: u64 = 60;
