use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iothub_model::ConfigurationContent;
use iothub_proto::Instant;
use iothub_query::{Collection, Condition, Query};

use super::assigned::{Assigned, Assignment, AssignmentStatus};
use super::content::{Content, Kind};
use super::counting::Counting;
use super::kept::KeptConfiguration;
use super::sweep::Sweep;

/// Most queries of one configuration that its owner wants counted.
pub(crate) const METRICS_MAX: usize = 20;
/// Most different assignments that are kept though nobody has them any longer.
const UNUSED_MAX: usize = 1024;

/// The configurations of a hub, and how far it has come with them.
#[derive(Debug, Default)]
pub(crate) struct Configurations {
    active: BTreeMap<String, Active>,
    /// What those set that were deleted, by their numbers, until nobody is assigned to them any longer.
    retired: BTreeMap<u64, ConfigurationContent>,
    /// The contents of all of these, by their numbers.
    contents: BTreeMap<u64, Arc<Content>>,
    /// How many devices or modules each has.
    counts: BTreeMap<u64, Counts>,
    /// Many devices are assigned alike, and share that.
    shared: BTreeSet<Arc<Assigned>>,
    last_number: u64,
    pub(super) sweep: Option<Sweep>,
    pub(super) counting: Counting,
    /// When there is something to be done next.
    pub(super) due: Option<Instant>,
}

/// A configuration that applies.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) kept: KeptConfiguration,
    pub(crate) content: Arc<Content>,
    /// Whom it is for; nobody without one.
    pub(crate) condition: Option<Condition>,
    /// What its owner wants counted, and what of it Edge devices report.
    pub(crate) queries: BTreeMap<String, Query>,
    pub(crate) reports: BTreeMap<String, Query>,
    /// What was counted last.
    pub(crate) results: BTreeMap<String, u64>,
}

/// How many are assigned to a configuration, and on how many of them it has an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) targeted: u64,
    pub(crate) applied: u64,
}

impl Configurations {
    /// Most configurations of a hub of the largest edition.
    pub(crate) const MAX: usize = 100;
    /// Most that are deleted and still have traces in twins.
    pub(crate) const RETIRED_MAX: usize = 100;
    /// Longest name, in bytes.
    pub(crate) const ID_MAX: usize = 128;

    pub(crate) fn get(&self, id: &str) -> Option<&Active> {
        self.active.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Active)> {
        self.active.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.active.len()
    }

    pub(crate) fn retired(&self) -> impl Iterator<Item = (u64, &ConfigurationContent)> {
        self.retired.iter().map(|(number, content)| (*number, content))
    }

    pub(crate) fn retired_len(&self) -> usize {
        self.retired.len()
    }

    /// Whether no twin can have anything to do with a configuration.
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.retired.is_empty()
    }

    /// The number of the next configuration.
    pub(crate) const fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// What a configuration sets that applies or did.
    pub(super) fn content(&self, number: u64) -> Option<&Arc<Content>> {
        self.contents.get(&number)
    }

    pub(super) fn kind(&self, number: u64) -> Option<Kind> {
        self.contents.get(&number).map(|content| content.kind())
    }

    pub(crate) fn counts(&self, number: u64) -> Counts {
        self.counts.get(&number).copied().unwrap_or_default()
    }

    pub(super) fn results_mut(&mut self, id: &str) -> Option<&mut BTreeMap<String, u64>> {
        self.active.get_mut(id).map(|active| &mut active.results)
    }

    // Changes.

    pub(crate) fn set(&mut self, id: String, kept: KeptConfiguration) {
        self.last_number = self.last_number.max(kept.number);
        let before = self.active.remove(&id);
        let results = before.map(|before| before.results).unwrap_or_default();
        let active = Active::new(&id, kept, results);
        self.contents.insert(active.kept.number, Arc::clone(&active.content));
        self.active.insert(id, active);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        if let Some(active) = self.active.remove(id) {
            self.retire(active.kept.number, active.kept.content);
        }
    }

    pub(crate) fn retire(&mut self, number: u64, content: ConfigurationContent) {
        self.last_number = self.last_number.max(number);
        self.contents.entry(number).or_insert_with(|| Arc::new(Content::restore(&content)));
        self.retired.insert(number, content);
    }

    pub(crate) fn forget(&mut self, number: u64) {
        self.retired.remove(&number);
        self.contents.remove(&number);
        self.counts.remove(&number);
    }

    /// Takes note that somebody is assigned otherwise than before, and gives what to keep of it.
    pub(crate) fn reassign(
        &mut self,
        before: Option<&Assigned>,
        assigned: Option<&Assigned>,
    ) -> Option<Arc<Assigned>> {
        for assignment in before.into_iter().flat_map(Assigned::values) {
            let counts = self.counts.entry(assignment.number).or_default();
            counts.targeted = counts.targeted.saturating_sub(1);
            counts.applied = counts.applied.saturating_sub(u64::from(applies(assignment)));
        }
        for assignment in assigned.into_iter().flat_map(Assigned::values) {
            let counts = self.counts.entry(assignment.number).or_default();
            counts.targeted += 1;
            counts.applied += u64::from(applies(assignment));
        }
        let assigned = assigned.filter(|assigned| !assigned.is_empty())?;
        if let Some(shared) = self.shared.get(assigned) {
            return Some(Arc::clone(shared));
        }
        if self.shared.len() >= UNUSED_MAX && self.shared.len().is_power_of_two() {
            self.shared.retain(|shared| Arc::strong_count(shared) > 1);
        }
        let shared = Arc::new(assigned.clone());
        self.shared.insert(Arc::clone(&shared));
        Some(shared)
    }
}

pub(super) fn applies(assignment: &Assignment) -> bool {
    assignment.status == AssignmentStatus::Applied
}

impl Active {
    /// Of what was checked when it was taken in. What of a record cannot be read any longer targets and counts nobody.
    fn new(id: &str, kept: KeptConfiguration, results: BTreeMap<String, u64>) -> Self {
        let content = Arc::new(Content::restore(&kept.content));
        let condition = Condition::of_targets(&kept.target_condition).ok().map(|(_, condition)| condition);
        let parsed = |(name, text): (&String, &String)| Some((name.clone(), Query::parse(text).ok()?));
        let queries = kept.queries.iter().filter_map(parsed).collect();
        let reports = match content.kind() {
            Kind::Edge => reports(id).iter().filter_map(parsed).collect(),
            Kind::Device | Kind::Module => BTreeMap::new(),
        };
        Self { kept, content, condition, queries, reports, results }
    }

    /// The queries that say what a hub counts by itself.
    pub(crate) fn system_queries(&self, id: &str) -> BTreeMap<String, String> {
        let condition = &self.kept.target_condition;
        let kind = self.content.kind();
        let (columns, from) = match kind {
            Kind::Device | Kind::Edge => ("deviceId", "devices"),
            Kind::Module => ("deviceId, moduleId", "devices.modules"),
        };
        let targeted = match (&self.condition, kind) {
            (None, _) => format!("SELECT {columns} FROM {from} WHERE false"),
            (Some(condition), Kind::Edge) => {
                format!(
                    "SELECT {columns} FROM {from} WHERE capabilities.iotEdge = true AND ({})",
                    condition.expr()
                )
            }
            (Some(_), _) if condition.trim() == "*" => format!("SELECT {columns} FROM {from}"),
            (Some(condition), _) => format!("SELECT {columns} FROM {from} WHERE {}", condition.expr()),
        };
        let applied = match kind {
            Kind::Device | Kind::Module => {
                format!("SELECT {columns} FROM {from} WHERE configurations.[[{id}]].status = 'Applied'")
            }
            Kind::Edge => reported(id, ""),
        };
        let mut queries = match kind {
            Kind::Edge => reports(id),
            Kind::Device | Kind::Module => BTreeMap::new(),
        };
        queries.extend([("targetedCount".into(), targeted), ("appliedCount".into(), applied)]);
        queries
    }
}

/// What Edge devices report about a configuration.
fn reports(id: &str) -> BTreeMap<String, String> {
    let answered = |code: &str| {
        format!(
            " AND properties.desired.$version = properties.reported.lastDesiredVersion \
             AND properties.reported.lastDesiredStatus.code {code}"
        )
    };
    [
        ("reportedSuccessfulCount".to_owned(), reported(id, &answered("= 200"))),
        ("reportedFailedCount".to_owned(), reported(id, &answered("!= 200"))),
    ]
    .into()
}

fn reported(id: &str, further: &str) -> String {
    format!(
        "SELECT deviceId FROM devices.modules WHERE moduleId = '$edgeAgent' \
         AND configurations.[[{id}]].status = 'Applied'{further}"
    )
}

/// Whose twins a configuration of this kind has conditions on.
pub(crate) const fn collection(kind: Kind) -> Collection {
    match kind {
        Kind::Device | Kind::Edge => Collection::Devices,
        Kind::Module => Collection::Modules,
    }
}
