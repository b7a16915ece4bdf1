use std::borrow::Cow;
use std::collections::BTreeMap;

use iothub_model::{Object, Update};
use iothub_query::{ConstraintKind, Path, Root, Step};
use roaring::RoaringBitmap;
use serde_json::Value as Json;

use crate::index::path_index::PathIndex;
use crate::twin::{Twin, TwinEdit};

/// What desired and reported properties say, at those paths that queries have asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct PropertyIndexes {
    by_path: BTreeMap<Path, Adaptive>,
    /// Counts uses, to know which index was not used for longest.
    uses: u64,
}

/// An index that is there because somebody asked.
#[derive(Clone, Debug, Default)]
struct Adaptive {
    index: PathIndex,
    /// The first slot that was not read yet, until all were. Changes of slots below it are kept up with.
    unread: Option<u32>,
    used: u64,
}

/// What there is for a path.
pub(super) enum Known<'i> {
    /// All for which it is so, and perhaps others.
    Found(Cow<'i, RoaringBitmap>),
    /// An index that is being made.
    Soon,
    /// Nothing.
    Nothing,
}

/// Which properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Desired,
    Reported,
}

impl PropertyIndexes {
    /// Most paths that have an index at a time.
    pub(super) const PATHS_MAX: usize = 8;
    /// Most different values in all of these together when one is being made; others go for it.
    const VALUES_MAX: usize = 2_000_000;

    pub(super) fn find(&self, path: &Path, kind: &ConstraintKind) -> Known<'_> {
        match self.by_path.get(path) {
            Some(Adaptive { index, unread: None, .. }) => Known::Found(index.find(kind)),
            Some(_) => Known::Soon,
            None => Known::Nothing,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_path.values().all(|each| each.index.is_empty() && each.index.value_count() == 0)
    }

    /// Remembers that an index was of use.
    pub(super) fn used(&mut self, path: &Path) {
        self.uses += 1;
        if let Some(adaptive) = self.by_path.get_mut(path) {
            adaptive.used = self.uses;
        }
    }

    /// Begins an index, unless another is being made: at a time there is one, so that queries of many kinds cannot have a
    /// hub do nothing else.
    pub(super) fn begin(&mut self, path: &Path) {
        if self.is_reading() || self.by_path.contains_key(path) {
            return;
        }
        if self.by_path.len() >= Self::PATHS_MAX {
            self.drop_one();
        }
        self.uses += 1;
        let adaptive = Adaptive { unread: Some(0), used: self.uses, ..Adaptive::default() };
        self.by_path.insert(path.clone(), adaptive);
    }

    pub(super) fn is_reading(&self) -> bool {
        self.by_path.values().any(|adaptive| adaptive.unread.is_some())
    }

    /// Reads on in the index that is being made, as far as `twins` goes, which gives them by their slots from the first
    /// unread one on. All have been read if it gives none.
    pub(super) fn read<'t, I>(&mut self, twins: impl FnOnce(u32) -> I)
    where
        I: Iterator<Item = (u32, &'t Twin)>,
    {
        let Some((path, adaptive)) = self.by_path.iter_mut().find(|(_, each)| each.unread.is_some()) else {
            return;
        };
        let from = adaptive.unread.unwrap_or_default();
        adaptive.unread = None;
        for (slot, twin) in twins(from) {
            if let Some(json) = read(path, twin) {
                adaptive.index.add(slot, json);
            }
            adaptive.unread = Some(slot + 1);
        }
        while self.by_path.len() > 1
            && self.by_path.values().map(|each| each.index.value_count()).sum::<usize>() > Self::VALUES_MAX
        {
            self.drop_one();
        }
    }

    /// Takes in all that a twin says.
    pub(super) fn add(&mut self, slot: u32, twin: &Twin) {
        for (path, index) in self.covering(slot) {
            if let Some(json) = read(path, twin) {
                index.add(slot, json);
            }
        }
    }

    /// Takes back all that a twin says.
    pub(super) fn remove(&mut self, slot: u32, twin: &Twin) {
        for (path, index) in self.covering(slot) {
            if let Some(json) = read(path, twin) {
                index.remove(slot, json);
            }
        }
    }

    /// Takes back what an edit may change; [`Self::add_edited`] takes in what came of it.
    pub(super) fn remove_edited(&mut self, slot: u32, twin: &Twin, edit: &Touched) {
        for (path, index) in self.covering(slot).filter(|(path, _)| edit.touches(path)) {
            if let Some(json) = read(path, twin) {
                index.remove(slot, json);
            }
        }
    }

    pub(super) fn add_edited(&mut self, slot: u32, twin: &Twin, edit: &Touched) {
        for (path, index) in self.covering(slot).filter(|(path, _)| edit.touches(path)) {
            if let Some(json) = read(path, twin) {
                index.add(slot, json);
            }
        }
    }

    /// The indexes in which that slot has been read.
    fn covering(&mut self, slot: u32) -> impl Iterator<Item = (&Path, &mut PathIndex)> {
        let is_read = move |each: &Adaptive| each.unread.is_none_or(|unread| slot < unread);
        self.by_path
            .iter_mut()
            .filter(move |(_, each)| is_read(each))
            .map(|(path, each)| (path, &mut each.index))
    }

    /// Drops the index that was not used for longest.
    fn drop_one(&mut self) {
        let oldest = self.by_path.iter().min_by_key(|(_, each)| each.used);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.by_path.remove(&path);
        }
    }
}

/// The names at the top of both sections that an edit may change; none for all of them.
pub(super) struct Touched {
    desired: Option<Names>,
    reported: Option<Names>,
}

enum Names {
    All,
    These(Vec<String>),
}

impl From<&TwinEdit> for Touched {
    fn from(edit: &TwinEdit) -> Self {
        let names = |update: &Update| match update {
            Update::Merge(patch) => Names::These(patch.keys().cloned().collect()),
            Update::Replace(_) | Update::Clear => Names::All,
        };
        Self { desired: edit.desired.as_ref().map(names), reported: edit.reported.as_ref().map(names) }
    }
}

impl Touched {
    fn touches(&self, path: &Path) -> bool {
        let names = match part(path) {
            Some((Part::Desired, [Step::Name(first), ..])) => {
                self.desired.as_ref().map(|names| (names, first))
            }
            Some((Part::Reported, [Step::Name(first), ..])) => {
                self.reported.as_ref().map(|names| (names, first))
            }
            Some(_) | None => None,
        };
        match names {
            Some((Names::All, _)) => true,
            Some((Names::These(names), first)) => names.iter().any(|name| name == first.as_str()),
            None => false,
        }
    }
}

/// Whether an index can be made for a path: it is that of a property, and not of what the hub says about one.
pub(super) fn is_indexable(path: &Path) -> bool {
    match part(path) {
        Some((_, [Step::Name(first), ..])) => !first.as_str().starts_with('$'),
        Some(_) | None => false,
    }
}

fn read<'t>(path: &Path, twin: &'t Twin) -> Option<&'t Json> {
    let (part, steps) = part(path)?;
    let properties: &Object = match part {
        Part::Desired => twin.desired().properties(),
        Part::Reported => twin.reported().properties(),
    };
    let (Step::Name(first), rest) = steps.split_first()? else { return None };
    Path::descend(rest, properties.get(first.as_str())?)
}

fn part(path: &Path) -> Option<(Part, &[Step])> {
    match (path.root(), path.steps()) {
        (Root::Name(root), [Step::Name(part), rest @ ..]) if root.as_str() == "properties" => {
            match part.as_str() {
                "desired" => Some((Part::Desired, rest)),
                "reported" => Some((Part::Reported, rest)),
                _ => None,
            }
        }
        _ => None,
    }
}
