use core::time::Duration;

use iothub_device::{DesiredUpdate, Device, Dialect, Replica, Reporter};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::hub::{DEVICE, Faults, Hub};

const SEEDS: u64 = 40;
const STEPS: u64 = 60;

#[tokio::test(start_paused = true)]
async fn whatever_the_link_does_the_replica_ends_as_the_hub_has_it_and_no_version_is_missed() {
    for dialect in Dialect::ALL.iter().copied() {
        for seed in 0..SEEDS {
            println!("{dialect} seed {seed}");
            let faults = match seed % 4 {
                0 => Faults::default(),
                1 => Faults { cut_one_of: 2, ..Faults::default() },
                2 => Faults { lose_one_of: 12, ..Faults::default() },
                _ => Faults { cut_one_of: 2, lose_one_of: 12, ..Faults::default() },
            };
            Run::new(dialect, seed, faults).await.run(faults).await;
        }
    }
}

struct Run {
    hub: Hub,
    chance: Chance,
    device: Device,
    replica: Replica,
    reporter: Reporter,
    /// What the hub must have in the end.
    desired: Value,
    reported: Value,
    /// Gives the version that was told last.
    listener: JoinHandle<u64>,
}

impl Run {
    async fn new(dialect: Dialect, seed: u64, faults: Faults) -> Self {
        let hub = Hub::new(seed, Faults::default());
        let device = Device::connect_over(hub.options(dialect), hub.clone()).await.unwrap();
        let twin = device.twin();
        let replica = twin.replica().await.unwrap();
        let reporter = if seed.is_multiple_of(3) { twin.reporter() } else { replica.reporter() };
        let mut changes = twin.desired_changes().await.unwrap();
        let listener = tokio::spawn(async move {
            let mut known = None;
            while let Some(update) = changes.next().await {
                let version = update.version();
                match (update, known) {
                    (DesiredUpdate::Whole { .. }, None) => {}
                    (DesiredUpdate::Whole { .. }, Some(known)) => {
                        assert!(version >= known, "{version} behind {known}")
                    }
                    (DesiredUpdate::Patch { .. }, Some(known)) => assert_eq!(version, known + 1),
                    (DesiredUpdate::Patch { .. }, None) => panic!("a patch of nothing"),
                }
                known = Some(version);
            }
            known.expect("something was told")
        });
        hub.set_faults(faults);
        let (desired, reported) = (json!({}), json!({}));
        Self { hub, chance: Chance::new(seed), device, replica, reporter, desired, reported, listener }
    }

    async fn run(mut self, faults: Faults) {
        for _ in 0..STEPS {
            self.step(faults).await;
        }
        self.hub.set_faults(Faults::default());
        // What the hub has lost on a connection that goes on shows with the next change.
        self.want();
        while let Err(error) = self.reporter.flush().await {
            println!("{error}");
        }
        let hubs = self.hub.rest("GET", &format!("/twins/{DEVICE}"), &Value::Null);
        let (hubs_desired, desired_version) = section(&hubs["properties"]["desired"]);
        let (hubs_reported, reported_version) = section(&hubs["properties"]["reported"]);
        assert_eq!(hubs_desired, self.desired);
        assert_eq!(hubs_reported, self.reported, "nothing that was set is lost");
        let settled = async {
            loop {
                let now = self.replica.snapshot();
                if now.desired() == &self.desired
                    && now.reported() == &self.reported
                    && (now.desired_version(), now.reported_version()) == (desired_version, reported_version)
                {
                    return;
                }
                self.replica.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(300), settled).await.is_err() {
            panic!("{:?} and not {hubs}", self.replica.snapshot());
        }
        self.device.close().await;
        assert_eq!(self.listener.await.unwrap(), desired_version);
    }

    async fn step(&mut self, faults: Faults) {
        match self.chance.below(12) {
            0..=3 => self.want(),
            4 => self.replace(),
            5..=8 => {
                let patch = self.patch();
                merge(&mut self.reported, &patch);
                self.reporter.set(&patch).unwrap();
            }
            9 if faults.cut_one_of > 0 => self.hub.cut(),
            _ => tokio::time::sleep(Duration::from_millis(self.chance.below(3_000))).await,
        }
    }

    fn want(&mut self) {
        let patch = self.patch();
        merge(&mut self.desired, &patch);
        self.hub.want(&patch);
    }

    fn replace(&mut self) {
        let mut next = json!({});
        merge(&mut next, &self.patch());
        let body = json!({ "properties": { "desired": next } });
        self.desired = next;
        self.hub.rest("PUT", &format!("/twins/{DEVICE}"), &body);
    }

    /// Few names and few values, so that they meet.
    fn patch(&mut self) -> Value {
        let mut patch = Map::new();
        for _ in 0..=self.chance.below(3) {
            let name = ["a", "b", "c"][self.index(3)];
            let value = match self.chance.below(6) {
                0 => Value::Null,
                1 => json!({ "x": self.chance.below(3) }),
                2 => json!({ "x": null, "y": [self.chance.below(3)] }),
                3 => json!({}),
                _ => json!(self.chance.below(4)),
            };
            patch.insert(name.to_owned(), value);
        }
        Value::Object(patch)
    }

    fn index(&mut self, len: u64) -> usize {
        usize::try_from(self.chance.below(len)).unwrap()
    }
}

/// Without what the hub adds, and the version.
fn section(section: &Value) -> (Value, u64) {
    let mut section = section.clone();
    let version = section["$version"].as_u64().unwrap();
    section.as_object_mut().unwrap().retain(|name, _| !name.starts_with('$'));
    (section, version)
}

/// RFC 7396, line by line.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}
