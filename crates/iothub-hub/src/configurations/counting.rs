//! What the owners of configurations want counted: all queries together, in one go through everybody, a slice at a time.

use core::ops::Bound;
use core::time::Duration;
use std::collections::BTreeMap;

use iothub_proto::{Instant, Now};
use iothub_query::Query;

use super::store::Configurations;
use crate::hub::Hub;
use crate::registry::{Key, Registry};
use crate::rest::Row;

/// From the end of one count to the beginning of the next at least this, and so many times as long as it took.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_FACTOR: u32 = 9;

/// How far it is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counting {
    going_on: Option<Pass>,
    /// Something has changed since the last count began.
    is_wanted: bool,
    /// When the next may begin.
    not_before: Instant,
}

#[derive(Clone, Debug)]
struct Pass {
    after: Option<Key>,
    began: Instant,
    /// By the names of configuration and query.
    found: BTreeMap<(String, String), u64>,
}

impl Configurations {
    fn queries(&self) -> impl Iterator<Item = (&String, &String, &Query)> {
        self.iter().flat_map(|(id, active)| {
            active.queries.iter().chain(&active.reports).map(move |(name, query)| (id, name, query))
        })
    }
}

impl Hub {
    /// What is counted may be another by now.
    pub(crate) fn count_anew(&mut self, now: Now) {
        if self.configurations.counting.is_wanted || self.configurations.queries().next().is_none() {
            return;
        }
        self.configurations.counting.is_wanted = true;
        if self.configurations.counting.going_on.is_none() {
            let wait = self.configurations.counting.not_before.since(now.instant);
            self.wake_configurations(now, wait);
        }
    }

    /// Counts for a while; gives how long to wait then, if there is anything left to do.
    pub(super) fn count(&mut self, now: Now) -> Option<Duration> {
        let counting = &mut self.configurations.counting;
        if counting.going_on.is_none() {
            if !counting.is_wanted {
                return None;
            }
            let wait = counting.not_before.since(now.instant);
            if wait > Duration::ZERO {
                return Some(wait);
            }
            counting.is_wanted = false;
            counting.going_on = Some(Pass { after: None, began: now.instant, found: BTreeMap::new() });
        }
        let mut pass = self.configurations.counting.going_on.take()?;
        if self.count_slice(&mut pass) {
            let took = now.instant.since(pass.began);
            let counting = &mut self.configurations.counting;
            counting.not_before = now.instant.after(PAUSE.max(took.saturating_mul(PAUSE_FACTOR)));
            let wait = counting.is_wanted.then(|| counting.not_before.since(now.instant));
            self.publish(pass.found);
            return wait;
        }
        self.configurations.counting.going_on = Some(pass);
        Some(Duration::ZERO)
    }

    /// Whether that was the last.
    fn count_slice(&self, pass: &mut Pass) -> bool {
        let queries: Vec<_> = self.configurations.queries().collect();
        let keys_max = (Registry::LOOKED_AT_MAX / (1 + queries.len())).max(1);
        let first = pass.after.take().map_or(Bound::Unbounded, Bound::Excluded);
        let mut looked_at = 0;
        for (key, entry) in self.registry.from(first).take(keys_max) {
            let row = Row { key, entry };
            for (id, name, query) in &queries {
                if query.from == key.collection() && query.selects(&row) {
                    *pass.found.entry(((*id).clone(), (*name).clone())).or_default() += 1;
                }
            }
            pass.after = Some(key.clone());
            looked_at += 1;
        }
        looked_at < keys_max
    }

    fn publish(&mut self, mut found: BTreeMap<(String, String), u64>) {
        let counted: Vec<(String, String, u64)> = self
            .configurations
            .queries()
            .map(|(id, name, query)| {
                let place = (id.clone(), name.clone());
                let count = found.remove(&place).unwrap_or_default().min(query.top.unwrap_or(u64::MAX));
                (place.0, place.1, count)
            })
            .collect();
        for (id, name, count) in counted {
            if let Some(results) = self.configurations.results_mut(&id) {
                results.insert(name, count);
            }
        }
    }
}
