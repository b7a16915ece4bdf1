use core::time::Duration;

use iothub_device::{DesiredUpdate, Device, Dialect, Replica, Reporter};
use iothub_test::TestHub;
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::replicas::{DEVICE, section};

const SEEDS: u64 = 40;
const STEPS: u64 = 60;

#[tokio::test(start_paused = true)]
async fn whatever_the_link_does_the_replica_ends_as_the_hub_has_it_and_no_version_is_missed() {
    for dialect in Dialect::ALL.iter().copied() {
        for seed in 0..SEEDS {
            println!("{dialect} seed {seed}");
            let mut run = Run::new(dialect, seed).await;
            run.breaks = seed % 2 == 1;
            if seed % 4 > 1 {
                run.hub.faults().lose_one_of(12);
            }
            run.run().await;
        }
    }
}

struct Run {
    hub: TestHub,
    /// Connections break.
    breaks: bool,
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
    async fn new(dialect: Dialect, seed: u64) -> Self {
        let hub = TestHub::start_without_sockets().await;
        let device = hub.connect(hub.device(DEVICE).dialect(dialect).await).await.unwrap();
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
        let (desired, reported, chance) = (json!({}), json!({}), Chance::new(seed));
        Self { hub, breaks: false, chance, device, replica, reporter, desired, reported, listener }
    }

    async fn run(mut self) {
        for _ in 0..STEPS {
            self.step().await;
        }
        self.hub.faults().calm();
        // What the hub has lost on a connection that goes on shows with the next change.
        self.want().await;
        while let Err(error) = self.reporter.flush().await {
            println!("{error}");
        }
        let hubs = self.hub.twin(DEVICE).await.unwrap().properties;
        let (hubs_desired, desired_version) = section(hubs.desired.clone());
        let (hubs_reported, reported_version) = section(hubs.reported.clone());
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
            panic!("{:?} and not {hubs:?}", self.replica.snapshot());
        }
        self.device.close().await;
        assert_eq!(self.listener.await.unwrap(), desired_version);
    }

    async fn step(&mut self) {
        match self.chance.below(12) {
            0..=3 => self.want().await,
            4 => self.replace().await,
            5..=8 => {
                let patch = self.patch();
                merge(&mut self.reported, &patch);
                self.reporter.set(&patch).unwrap();
            }
            9 if self.breaks => match self.chance.below(2) {
                0 => self.hub.faults().cut(),
                _ => self.hub.faults().cut_after(self.chance.below(4_000)),
            },
            _ => tokio::time::sleep(Duration::from_millis(self.chance.below(3_000))).await,
        }
    }

    async fn want(&mut self) {
        let patch = self.patch();
        merge(&mut self.desired, &patch);
        self.hub.desire(DEVICE, &patch).await.unwrap();
    }

    async fn replace(&mut self) {
        let mut next = json!({});
        merge(&mut next, &self.patch());
        let body = json!({ "properties": { "desired": next } });
        self.desired = next;
        self.hub.request("PUT", &format!("/twins/{DEVICE}"), &body).await.unwrap();
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
