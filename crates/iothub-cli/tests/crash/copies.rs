use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use iothub_server::{JournalError, Position, ReadLimits, Running, StartError};

use crate::chance::Chance;
use crate::hub::{self, Place};
use crate::truth::Truth;

/// What has become of damaged copies of a killed hub's file.
#[derive(Default)]
pub(crate) struct Outcomes(BTreeMap<&'static str, u64>);

impl Outcomes {
    pub(crate) async fn try_some(&mut self, place: &Place, chance: &mut Chance, truth: &Arc<Mutex<Truth>>) {
        for damage in ["truncated", "torn", "flipped"] {
            let (copy, file) = (place.copy(), place.copy().join("hub.redb"));
            let _ = std::fs::remove_dir_all(&copy);
            std::fs::create_dir(&copy).unwrap();
            let mut content = std::fs::read(place.data().join("hub.redb")).unwrap();
            afflict(&mut content, damage, chance);
            std::fs::write(&file, content).unwrap();
            let outcome = match hub::restart(&copy, &copy).await {
                Ok(running) => {
                    let outcome = whole_or_not(&running, &truth.lock().unwrap());
                    running.stop().await;
                    outcome
                }
                Err(StartError::Journal(error)) => {
                    let text = error.to_string();
                    assert!(matches!(error, JournalError::Damaged { .. }), "{damage}: {text}");
                    assert!(names(&text, &file) && text.contains("iothub reset"), "{damage}: {text}");
                    "refused"
                }
                Err(error) => panic!("{damage}: {error}"),
            };
            *self.0.entry(outcome).or_default() += 1;
        }
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes: Vec<String> =
            self.0.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        f.write_str(&outcomes.join(", "))
    }
}

fn names(text: &str, file: &Path) -> bool {
    text.contains(&file.display().to_string())
}

fn afflict(content: &mut Vec<u8>, damage: &str, chance: &mut Chance) {
    let len = content.len() as u64;
    let at = usize::try_from(chance.below(len)).unwrap();
    match damage {
        "truncated" => content.truncate(at),
        "torn" => {
            let torn = content.len().saturating_sub(16 * 1024);
            content[torn..].fill(0);
        }
        _ => content[at] ^= 1 << chance.below(8),
    }
}

/// It must have nothing that was never sent, and no holes. A last commit may be missing: see docs/storage.md.
fn whole_or_not(hub: &Running, truth: &Truth) -> &'static str {
    let log = hub.events();
    let mut seen = BTreeSet::new();
    for partition in 0..log.partitions() {
        let mut next = 0;
        loop {
            let limits = ReadLimits { events: 1000, bytes: 1024 * 1024 };
            let Ok(batch) = log.read(partition, Position::Sequence(next), limits) else {
                return "refused when its events were read";
            };
            let batch = batch.unwrap();
            for (logged, sequence) in batch.events.iter().zip(next..) {
                assert_eq!(logged.sequence, sequence);
                seen.insert((logged.event.device.clone(), logged.event.body.clone()));
            }
            next = batch.next;
            if batch.events.is_empty() {
                break;
            }
        }
    }
    let is_there =
        |(id, text): &&(&str, String)| seen.contains(&((*id).to_owned(), text.as_bytes().to_vec().into()));
    match truth.arrived.iter().filter(|sent| !is_there(sent)).count() {
        0 => "whole",
        _ => "without the last commit",
    }
}
