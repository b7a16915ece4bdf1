//! Which configurations a device or module is assigned to, and what follows from that for its twin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iothub_model::{Date, ErrorCode, Section, Update};
use iothub_proto::Now;

use super::assigned::{Assigned, Assignment, AssignmentStatus};
use super::content::{Content, Kind, Settings};
use super::overlay;
use super::store::{Active, applies};
use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::notice::{Level, Notice};
use crate::registry::Key;
use crate::rest::{Failure, Row};
use crate::twin::TwinEdit;

/// The module that answers for the modules of an Edge device. It has the assignments of these.
const AGENT: &str = "$edgeAgent";

/// What configurations of one kind mean for somebody.
pub(super) struct Verdict {
    kind: Kind,
    /// Whose twin has the assignments.
    holder: Key,
    assigned: Assigned,
}

impl Hub {
    /// A device or module has changed: sees to it that its twin has what configurations want.
    pub(crate) fn configure(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        if self.configurations.is_empty() {
            return;
        }
        self.count_anew(now);
        if !self.has_room() {
            return self.sweep_anew(now);
        }
        for verdict in self.verdicts(key) {
            self.carry_out(now, verdict, effects);
        }
    }

    /// What is to become another for that device or module.
    pub(super) fn verdicts(&self, key: &Key) -> Vec<Verdict> {
        let Some(entry) = self.registry.get(key) else { return Vec::new() };
        let mut verdicts = Vec::new();
        let row = Row { key, entry };
        match &key.module {
            Some(_) => verdicts.extend(self.verdict(Kind::Module, key.clone(), &row)),
            None => {
                verdicts.extend(self.verdict(Kind::Device, key.clone(), &row));
                let agent = Key { module: Some(AGENT.into()), ..key.clone() };
                let had = self.registry.get(&agent).is_some_and(|entry| entry.assigned.is_some());
                if entry.record.capabilities.iot_edge || had {
                    verdicts.extend(self.verdict(Kind::Edge, agent, &row));
                }
            }
        }
        verdicts
    }

    /// None if everything is as it should be.
    fn verdict(&self, kind: Kind, holder: Key, row: &Row<'_>) -> Option<Verdict> {
        let ranked = self.ranked(kind, row);
        let before = self.registry.get(&holder).and_then(|entry| entry.assigned.as_deref());
        let count = before.map_or(0, |before| before.values().filter(|each| self.is_of(kind, each)).count());
        let has = |(id, assignment): &(&String, Assignment)| {
            before.and_then(|before| before.get(*id)) == Some(assignment)
        };
        if count == ranked.len() && ranked.iter().all(has) {
            return None;
        }
        let assigned = ranked.into_iter().map(|(id, assignment)| (id.clone(), assignment)).collect();
        Some(Verdict { kind, holder, assigned })
    }

    fn ranked(&self, kind: Kind, row: &Row<'_>) -> Vec<(&String, Assignment)> {
        if kind == Kind::Edge && !row.entry.record.capabilities.iot_edge {
            return Vec::new();
        }
        let mut targeting: Vec<(&String, &Active)> = self
            .configurations
            .iter()
            .filter(|(_, active)| active.content.kind() == kind)
            .filter(|(_, active)| active.condition.as_ref().is_some_and(|condition| condition.holds(row)))
            .collect();
        targeting.sort_by_key(|(_, active)| (active.kept.priority, active.kept.number));
        assignments(&targeting)
    }

    /// Whether an assignment is one of this kind.
    fn is_of(&self, kind: Kind, assignment: &Assignment) -> bool {
        self.configurations.kind(assignment.number) == Some(kind)
    }

    pub(super) fn carry_out(&mut self, now: Now, verdict: Verdict, effects: &mut Effects) {
        let Verdict { kind, holder, mut assigned } = verdict;
        let held = self.registry.get(&holder).and_then(|entry| entry.assigned.clone());
        let (before, others): (Assigned, Assigned) = held
            .as_deref()
            .into_iter()
            .flatten()
            .map(|(id, assignment)| (id.clone(), *assignment))
            .partition(|(_, assignment)| self.is_of(kind, assignment));
        let done = match kind {
            Kind::Device | Kind::Module => self.set_in(now, &holder, (&before, &assigned), effects),
            Kind::Edge => self.set_in_modules(now, &holder.device, (&before, &assigned), effects),
        };
        if let Err(failure) = done {
            effects.push(Effect::Log(Notice {
                level: Level::Warn,
                peer: None,
                who: Some(holder.to_string()),
                what: "configuration not applied",
                rule: None,
                why: failure.message().to_owned(),
            }));
            for assignment in assigned.values_mut() {
                assignment.status = AssignmentStatus::Targeted;
            }
        }
        // What has another number than any that is known is of no use to anybody.
        let known = |assignment: &Assignment| self.configurations.kind(assignment.number).is_some();
        for (id, assignment) in others.into_iter().filter(|(_, assignment)| known(assignment)) {
            assigned.entry(id).or_insert(assignment);
        }
        let differs = held.as_deref().map_or(!assigned.is_empty(), |held| *held != assigned);
        if differs && self.registry.get(&holder).is_some() {
            self.record(Change::ConfigurationsAssigned { key: holder, assigned }, effects);
        }
    }

    /// Sets what is wanted now in one twin, and removes what was wanted before.
    fn set_in(
        &mut self,
        now: Now,
        key: &Key,
        (before, assigned): (&Assigned, &Assigned),
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let Some(entry) = self.registry.get(key) else { return Ok(()) };
        let before = overlay::of(self.contents(before).iter().filter_map(|content| content.own()));
        let wanted = overlay::of(self.contents(assigned).iter().filter_map(|content| content.own()));
        let removal = overlay::removal(&before, &wanted, entry.twin.desired().properties());
        let update = Update::Merge(overlay::joined(removal.clone(), wanted));
        self.set_desired(now, key, update, effects).or_else(|why| {
            // What is not wanted any longer goes, even where what is wanted does not fit.
            self.set_desired(now, key, Update::Merge(removal), effects)?;
            Err(why)
        })
    }

    /// Sets what is wanted now in the modules of an Edge device. Of a device that no configuration targets any longer,
    /// the modules go on as they are.
    fn set_in_modules(
        &mut self,
        now: Now,
        device: &str,
        (before, assigned): (&Assigned, &Assigned),
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let agent = Key { device: device.into(), module: Some(AGENT.into()) };
        if !assigned.is_empty() && self.registry.get(&agent).is_none() {
            self.create_edge_module(now, &agent, effects)?;
        }
        let contents = self.contents(assigned);
        let before = self.contents(before);
        let names: BTreeSet<&String> = contents.iter().flat_map(|content| content.modules().keys()).collect();
        for name in names {
            let layers = || contents.iter().filter_map(|content| content.modules().get(name));
            let wanted = overlay::of(layers());
            let update = if layers().any(Settings::is_whole) {
                Update::Replace(wanted)
            } else {
                let before = before.iter().filter_map(|content| content.modules().get(name));
                let before = overlay::of(before.filter(|settings| !settings.is_whole()));
                let key = Key { module: Some(name.clone()), ..agent.clone() };
                let current = self.registry.get(&key).map(|entry| entry.twin.desired().properties().clone());
                let removal = overlay::removal(&before, &wanted, &current.unwrap_or_default());
                Update::Merge(overlay::joined(removal, wanted))
            };
            self.set_in_module(now, device, name, update, effects)?;
        }
        Ok(())
    }

    /// Sets desired properties of a module, which is made if it is not there.
    pub(crate) fn set_in_module(
        &mut self,
        now: Now,
        device: &str,
        module: &str,
        update: Update,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let key = Key { device: device.into(), module: Some(module.into()) };
        if self.registry.get(&key).is_none() {
            self.create_edge_module(now, &key, effects)?;
        }
        self.set_desired(now, &key, update, effects)
    }

    /// Changes desired properties if that makes a difference, and tells everybody whom it concerns.
    pub(crate) fn set_desired(
        &mut self,
        now: Now,
        key: &Key,
        update: Update,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let Some(entry) = self.registry.get(key) else { return Ok(()) };
        let desired = entry.twin.desired();
        let (operation, update) = match update {
            Update::Merge(patch) => {
                ("updateTwin", Update::Merge(overlay::difference(&patch, desired.properties())))
            }
            whole @ (Update::Replace(_) | Update::Clear) => ("replaceTwin", whole),
        };
        if makes_no_difference(&update, desired) {
            return Ok(());
        }
        let edit = TwinEdit { desired: Some(update), ..TwinEdit::default() };
        let change = Change::TwinEdited { key: key.clone(), edit, at_ms: now.timestamp.as_millis() };
        let told = self
            .commit(change, effects)
            .map_err(|violation| Failure::new(ErrorCode::ArgumentInvalid, violation.to_string()))?;
        // Not as if somebody else had changed it: what follows from that has been decided.
        self.tell_of_twin(now, key, (operation, told), effects);
        Ok(())
    }

    /// What those set that have an effect, the weakest first.
    fn contents(&self, assigned: &Assigned) -> Vec<Arc<Content>> {
        let mut applied: Vec<&Assignment> = assigned.values().filter(|each| applies(each)).collect();
        applied.sort_by_key(|assignment| (assignment.priority, assignment.number));
        applied
            .iter()
            .filter_map(|assignment| self.configurations.content(assignment.number).cloned())
            .collect()
    }
}

/// An update that breaks a rule makes one: that it is refused.
fn makes_no_difference(update: &Update, desired: &Section) -> bool {
    match update {
        Update::Merge(patch) => patch.is_empty(),
        Update::Clear => desired.properties().is_empty(),
        Update::Replace(_) => {
            let mut next = desired.clone();
            next.apply(update.clone(), Date::NEVER).is_ok() && next.properties() == desired.properties()
        }
    }
}

/// What configurations mean that target the same, the weakest first.
fn assignments<'a>(targeting: &[(&'a String, &'a Active)]) -> Vec<(&'a String, Assignment)> {
    // Below what says all there is of an Edge device's agent, nothing has an effect.
    let is_base = |(_, active): &(&String, &Active)| {
        active.content.modules().get(AGENT).is_some_and(Settings::is_whole)
    };
    let base = targeting.iter().rposition(is_base).unwrap_or_default();
    let assignment = |at: usize, active: &Active| {
        let stronger = || targeting[at + 1..].iter().map(|(_, active)| &*active.content);
        let has_none = match &*active.content {
            Content::Device(settings) | Content::Module(settings) => {
                settings.is_covered_by(&stronger().filter_map(Content::own).collect::<Vec<_>>())
            }
            Content::Edge(modules) => {
                let is_covered = |(name, settings): (&String, &Settings)| {
                    let stronger = stronger().filter_map(|content| content.modules().get(name));
                    settings.is_covered_by(&stronger.collect::<Vec<_>>())
                };
                at < base || !modules.is_empty() && modules.iter().all(is_covered)
            }
        };
        let status = if has_none { AssignmentStatus::Targeted } else { AssignmentStatus::Applied };
        Assignment { number: active.kept.number, priority: active.kept.priority, status }
    };
    targeting.iter().enumerate().map(|(at, (id, active))| (*id, assignment(at, active))).collect()
}

impl Content {
    /// What it makes of a device and its modules when it is set directly.
    pub(crate) fn updates(&self, device: &Key) -> Vec<(Key, Update)> {
        let own = self.own().map(|settings| (device.clone(), Update::Merge(overlay::of([settings]))));
        let modules = self.modules().iter().map(|(name, settings)| {
            let wanted = overlay::of([settings]);
            let whole = settings.is_whole();
            let update = if whole { Update::Replace(wanted) } else { Update::Merge(wanted) };
            (Key { module: Some(name.clone()), ..device.clone() }, update)
        });
        own.into_iter().chain(modules).collect()
    }

    /// What it sets in the twin that it targets itself.
    fn own(&self) -> Option<&Settings> {
        match self {
            Self::Device(settings) | Self::Module(settings) => Some(settings),
            Self::Edge(_) => None,
        }
    }

    /// What it sets in modules of what it targets.
    fn modules(&self) -> &BTreeMap<String, Settings> {
        const NONE: &BTreeMap<String, Settings> = &BTreeMap::new();
        match self {
            Self::Edge(modules) => modules,
            Self::Device(_) | Self::Module(_) => NONE,
        }
    }
}
