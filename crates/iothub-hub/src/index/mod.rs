//! Which identities a condition can be true of, without looking at each of them.
//!
//! Every device and module has a slot, a small number that is another's when it is gone. An index says for what stands at
//! a path in which slots it does. It may name too many, as the condition is put to each twin that it names, and never too
//! few. Indexes are not recorded: what is in the registry is in them.

mod path_index;
mod plan;
mod postings;
mod properties;
mod tags;
mod value;

use core::time::Duration;
use std::borrow::Cow;

use iothub_model::Status;
use iothub_proto::Now;
use iothub_query::{Constraint, Datum, Path, Root, Source, Step};
use roaring::RoaringBitmap;

pub(crate) use plan::{Plan, Unserved};

use crate::hub::Hub;
use crate::index::path_index::PathIndex;
use crate::index::properties::{Known, PropertyIndexes, Touched, is_indexable};
use crate::index::tags::TagIndex;
use crate::registry::Key;
use crate::timers::Due;
use crate::twin::{Twin, TwinEdit};

/// All indexes of a registry but that of its names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    devices: RoaringBitmap,
    modules: RoaringBitmap,
    disabled: RoaringBitmap,
    connected: RoaringBitmap,
    module_names: PathIndex,
    tags: TagIndex,
    properties: PropertyIndexes,
}

/// What an index says of a constraint.
enum Finding<'i> {
    /// All for which it is so, and perhaps others.
    Slots(Cow<'i, RoaringBitmap>),
    /// Nothing yet: an index of that path is being made.
    Soon,
    /// Nothing yet: an index of that path can be made.
    Possible,
    /// Nothing.
    Never,
}

impl Index {
    pub(crate) fn add(&mut self, slot: u32, key: &Key, status: Status, twin: &Twin) {
        match &key.module {
            None => drop(self.devices.insert(slot)),
            Some(module) => {
                self.modules.insert(slot);
                self.module_names.add_text(slot, module);
            }
        }
        self.set_status(slot, status);
        self.tags.add(slot, twin.tags().as_object());
        self.properties.add(slot, twin);
    }

    pub(crate) fn remove(&mut self, slot: u32, key: &Key, twin: &Twin) {
        match &key.module {
            None => drop(self.devices.remove(slot)),
            Some(module) => {
                self.modules.remove(slot);
                self.module_names.remove_text(slot, module);
            }
        }
        self.disabled.remove(slot);
        self.connected.remove(slot);
        self.tags.remove(slot, twin.tags().as_object());
        self.properties.remove(slot, twin);
    }

    pub(crate) fn set_status(&mut self, slot: u32, status: Status) {
        match status {
            Status::Enabled => self.disabled.remove(slot),
            Status::Disabled => self.disabled.insert(slot),
        };
    }

    pub(crate) fn set_connected(&mut self, slot: u32, is_connected: bool) {
        match is_connected {
            true => self.connected.insert(slot),
            false => self.connected.remove(slot),
        };
    }

    /// Performs an edit of a twin, and keeps up with what comes of it.
    pub(crate) fn follow<T>(
        &mut self,
        slot: u32,
        twin: &mut Twin,
        edit: TwinEdit,
        perform: impl FnOnce(&mut Twin, TwinEdit) -> T,
    ) -> T {
        let touched = Touched::from(&edit);
        let has_tags = edit.tags.is_some();
        if has_tags {
            self.tags.remove(slot, twin.tags().as_object());
        }
        self.properties.remove_edited(slot, twin, &touched);
        let outcome = perform(twin, edit);
        if has_tags {
            self.tags.add(slot, twin.tags().as_object());
        }
        self.properties.add_edited(slot, twin, &touched);
        outcome
    }

    /// Begins an index for a path that was asked for.
    pub(crate) fn begin(&mut self, path: &Path) {
        self.properties.begin(path);
    }

    pub(crate) fn used(&mut self, path: &Path) {
        self.properties.used(path);
    }

    /// Whether an index is being made.
    pub(crate) fn is_reading(&self) -> bool {
        self.properties.is_reading()
    }

    /// Reads on in the index that is being made.
    pub(crate) fn read<'t, I>(&mut self, twins: impl FnOnce(u32) -> I)
    where
        I: Iterator<Item = (u32, &'t Twin)>,
    {
        self.properties.read(twins);
    }

    /// Whether no index names anybody.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let Self { devices, modules, disabled, connected, module_names, tags, properties } = self;
        [devices, modules, disabled, connected].into_iter().all(RoaringBitmap::is_empty)
            && module_names.is_empty()
            && tags.is_empty()
            && properties.is_empty()
    }

    pub(crate) const fn devices(&self) -> &RoaringBitmap {
        &self.devices
    }

    pub(crate) const fn modules(&self) -> &RoaringBitmap {
        &self.modules
    }

    fn find(&self, constraint: &Constraint) -> Finding<'_> {
        let path = &constraint.path;
        let Root::Name(root) = path.root() else { return Finding::Never };
        match (root.as_str(), path.steps()) {
            ("moduleId", []) => Finding::Slots(self.module_names.find(&constraint.kind)),
            ("status", []) => Finding::Slots(Cow::Owned(self.divided(
                constraint,
                &self.disabled,
                (Status::Disabled.as_str(), Status::Enabled.as_str()),
            ))),
            ("connectionState", []) => Finding::Slots(Cow::Owned(self.divided(
                constraint,
                &self.connected,
                ("Connected", "Disconnected"),
            ))),
            ("tags", steps @ [_, ..]) => match self.tags.find(&joined(steps), &constraint.kind) {
                Some(slots) => Finding::Slots(slots),
                None => Finding::Never,
            },
            ("properties", _) if is_indexable(path) => match self.properties.find(path, &constraint.kind) {
                Known::Found(slots) => Finding::Slots(slots),
                Known::Soon => Finding::Soon,
                Known::Nothing => Finding::Possible,
            },
            _ => Finding::Never,
        }
    }

    /// Of two words, some have the first, and all others the second.
    fn divided(&self, constraint: &Constraint, some: &RoaringBitmap, words: (&str, &str)) -> RoaringBitmap {
        let all = || &self.devices | &self.modules;
        match (constraint.admits(&Word(words.0)), constraint.admits(&Word(words.1))) {
            (true, true) => all(),
            (true, false) => some.clone(),
            (false, true) => all() - some,
            (false, false) => RoaringBitmap::new(),
        }
    }
}

/// That word, wherever one looks.
struct Word<'w>(&'w str);

impl Source for Word<'_> {
    fn resolve(&self, _: &Path) -> Datum<'_> {
        Datum::from(self.0)
    }
}

/// No path in tags has an index in it, so that nothing is found for one that has.
fn joined(steps: &[Step]) -> String {
    let names = steps.iter().map(|step| match step {
        Step::Name(name) => name.as_str().to_owned(),
        Step::Index(at) => format!("[{at}]"),
    });
    names.collect::<Vec<_>>().join(".")
}

impl Hub {
    /// Identities that are read into an index at a time: a hub does nothing else meanwhile.
    const READ_AT_A_TIME: usize = 5000;
    /// Between two such times, others have at least as much.
    const READING_PAUSE: Duration = Duration::from_millis(5);

    pub(crate) fn read_index_later(&mut self, now: Now) {
        self.timers.set(now.instant.after(Self::READING_PAUSE), Due::Index);
    }

    pub(crate) fn index_due(&mut self, now: Now) {
        self.registry.read_into_index(Self::READ_AT_A_TIME);
        if self.registry.index().is_reading() {
            self.read_index_later(now);
        }
    }
}
