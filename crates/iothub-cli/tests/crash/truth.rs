use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use iothub_codec::{DeviceId, Identity};
use iothub_server::{Position, ReadLimits, Running};

use crate::hub;

/// What was asked of a hub, and what of it the hub has acknowledged.
#[derive(Default)]
pub(crate) struct Truth {
    last: u64,
    pub(crate) keys: BTreeMap<String, String>,
    /// Messages by device and content.
    pub(crate) sent: BTreeSet<(&'static str, String)>,
    pub(crate) arrived: BTreeSet<(&'static str, String)>,
    pub(crate) reported: BTreeMap<&'static str, Counted>,
    pub(crate) tagged: BTreeMap<&'static str, Counted>,
    pub(crate) commanded: BTreeSet<(&'static str, u64)>,
    pub(crate) queued: BTreeSet<(&'static str, u64)>,
    pub(crate) taken: BTreeSet<(&'static str, u64)>,
    pub(crate) churned: BTreeMap<String, Churned>,
}

/// One number of a twin that only grows.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) attempted: u64,
    done: u64,
    version: u64,
    count: u64,
}

impl Counted {
    pub(crate) fn done(&mut self, number: u64, version: u64) {
        assert!(version > self.version, "version {version} after {}", self.version);
        *self = Self { done: number, version, count: self.count + 1, attempted: self.attempted };
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Churned {
    /// It was asked for, and there was no answer.
    Unknown,
    Present,
    Absent,
}

impl Truth {
    pub(crate) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A command has come to its device. It may come again, as nobody tells the device that it was completed.
    pub(crate) fn take(&mut self, id: &'static str, number: u64) {
        assert!(self.commanded.contains(&(id, number)), "{id} got {number}, which nobody sent");
        self.taken.insert((id, number));
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        let twins =
            self.reported.values().chain(self.tagged.values()).map(|counted| counted.count).sum::<u64>();
        (self.arrived.len() + self.queued.len() + self.known_identities()) as u64 + twins
    }

    pub(crate) fn summary(&self) -> String {
        let count = |counted: &BTreeMap<_, Counted>| counted.values().map(|each| each.count).sum::<u64>();
        format!(
            "{} messages, {} reports, {} changes of tags, {} commands ({} of them taken), {} devices made or deleted",
            self.arrived.len(),
            count(&self.reported),
            count(&self.tagged),
            self.queued.len(),
            self.taken.len(),
            self.known_identities(),
        )
    }

    pub(crate) fn missing_commands(&self) -> usize {
        self.queued.difference(&self.taken).count()
    }

    /// Every command that the hub had taken in has come to its device.
    pub(crate) fn check_commands(&self) {
        let missing: Vec<_> = self.queued.difference(&self.taken).take(5).collect();
        assert!(missing.is_empty(), "commands are lost: {missing:?}");
    }

    fn known_identities(&self) -> usize {
        self.churned.values().filter(|churned| **churned != Churned::Unknown).count()
    }
}

/// Compares a hub with the truth, after each kill from where it had come to.
#[derive(Default)]
pub(crate) struct Checker {
    pub(crate) checks: u64,
    /// Where each partition was read to.
    read: BTreeMap<u8, u64>,
    seen: BTreeSet<(String, String)>,
}

impl Checker {
    pub(crate) async fn check(&mut self, hub: &Running, truth: &Arc<Mutex<Truth>>, when: &str) {
        self.check_events(hub, &truth.lock().unwrap(), when);
        self.check_twins(hub, truth, when).await;
        self.check_identities(hub, truth, when).await;
    }

    fn check_events(&mut self, hub: &Running, truth: &Truth, when: &str) {
        let log = hub.events();
        for partition in 0..log.partitions() {
            loop {
                let from = self.read.get(&partition).copied().unwrap_or_default();
                let limits = ReadLimits { events: 1000, bytes: 1024 * 1024 };
                let batch = log.read(partition, Position::Sequence(from), limits).unwrap().unwrap();
                assert_eq!(batch.first, 0, "{when}: events of partition {partition} are gone");
                if batch.events.is_empty() {
                    assert_eq!(batch.next, from, "{when}: partition {partition} has become shorter");
                    break;
                }
                for (logged, sequence) in batch.events.iter().zip(from..) {
                    assert_eq!(logged.sequence, sequence, "{when}: partition {partition}");
                    if logged.event.kind != iothub_server::EventKind::Telemetry {
                        continue;
                    }
                    let text = core::str::from_utf8(&logged.event.body).unwrap().to_owned();
                    let is_known = crate::load::TALKERS.iter().any(|(id, _)| {
                        *id == logged.event.device && truth.sent.contains(&(*id, text.clone()))
                    });
                    assert!(is_known, "{when}: {} never sent {text}", logged.event.device);
                    let is_first = self.seen.insert((logged.event.device.clone(), text.clone()));
                    assert!(is_first, "{when}: {text} of {} is there twice", logged.event.device);
                    self.checks += 1;
                }
                self.read.insert(partition, batch.next);
            }
        }
        for (id, text) in &truth.arrived {
            let is_there = self.seen.contains(&((*id).to_owned(), text.clone()));
            assert!(is_there, "{when}: {text} of {id} was acknowledged and is lost");
            self.checks += 1;
        }
    }

    async fn check_twins(&mut self, hub: &Running, truth: &Arc<Mutex<Truth>>, when: &str) {
        let service = hub::service(hub.service_connection_string(), hub.ca_pem().as_bytes());
        for id in crate::load::TALKERS.map(|(id, _)| id).into_iter().chain(crate::load::TAGGED) {
            let twin = service.get_twin(Identity::device(DeviceId::new(id).unwrap())).await.unwrap();
            let mut truth = truth.lock().unwrap();
            let Truth { reported, tagged, .. } = &mut *truth;
            let (counted, value, version) = match (reported.get_mut(id), tagged.get_mut(id)) {
                (Some(counted), _) => {
                    let reported = &twin.properties.reported;
                    (counted, reported.get("n"), reported["$version"].as_u64().unwrap())
                }
                (None, Some(counted)) => (counted, twin.tags.get("n"), twin.version),
                (None, None) => continue,
            };
            let value = value.and_then(serde_json::Value::as_u64).unwrap_or_default();
            let (done, attempted) = (counted.done, counted.attempted);
            assert!(
                value == done || value == attempted,
                "{when}: twin of {id} has {value}, and not {done} or {attempted}"
            );
            let expected = counted.version + u64::from(value != done);
            assert!(
                counted.version == 0 || version == expected,
                "{when}: twin of {id} is at version {version}, and not {expected}"
            );
            // What has happened without being acknowledged has happened.
            (counted.done, counted.version) = (value, version);
            drop(truth);
            self.checks += 2;
        }
    }

    async fn check_identities(&mut self, hub: &Running, truth: &Arc<Mutex<Truth>>, when: &str) {
        let service = hub::service(hub.service_connection_string(), hub.ca_pem().as_bytes());
        let churned: Vec<_> = truth.lock().unwrap().churned.clone().into_iter().collect();
        for (id, state) in churned.iter().rev().take(100) {
            let is_there = service.get_device(DeviceId::new(id).unwrap()).await.is_ok();
            match state {
                Churned::Unknown => {}
                Churned::Present => assert!(is_there, "{when}: {id} was made and is lost"),
                Churned::Absent => assert!(!is_there, "{when}: {id} was deleted and is back"),
            }
            self.checks += 1;
        }
    }
}
