use std::borrow::Cow;
use std::collections::BTreeMap;

use iothub_model::Object;
use iothub_query::ConstraintKind;
use roaring::RoaringBitmap;
use serde_json::Value as Json;

use crate::index::path_index::PathIndex;

/// What all tags say, by their paths below `tags`: names joined by dots, which no name has in it.
#[derive(Clone, Debug, Default)]
pub(super) struct TagIndex {
    paths: BTreeMap<Box<str>, PathIndex>,
    /// Those with too many tags: they count as having any value at any path.
    crowded: RoaringBitmap,
    /// A path was left out, and any that is not there may be the one.
    is_full: bool,
}

impl TagIndex {
    /// Most names in the tags of one twin, those inside of others too, for each to be known.
    pub(super) const NAMES_MAX: usize = 64;
    /// Most paths, of all twins together.
    pub(super) const PATHS_MAX: usize = 1000;

    pub(super) fn add(&mut self, slot: u32, tags: &Object) {
        if tags.is_empty() {
            return;
        }
        if is_crowded(tags) {
            self.crowded.insert(slot);
            return;
        }
        let Self { paths, is_full, .. } = self;
        walk(&mut String::new(), tags, &mut |path, json| {
            if let Some(index) = paths.get_mut(path) {
                index.add(slot, json);
            } else if *is_full || paths.len() >= Self::PATHS_MAX {
                *is_full = true;
            } else {
                paths.entry(path.into()).or_default().add(slot, json);
            }
        });
    }

    /// Takes back what was added with the same tags.
    pub(super) fn remove(&mut self, slot: u32, tags: &Object) {
        if tags.is_empty() || self.crowded.remove(slot) {
            return;
        }
        walk(&mut String::new(), tags, &mut |path, json| {
            let Some(index) = self.paths.get_mut(path) else { return };
            index.remove(slot, json);
            if index.is_empty() {
                self.paths.remove(path);
            }
        });
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.crowded.is_empty()
    }

    /// All for which it is so, and perhaps others; `None` if that is not known.
    pub(super) fn find(&self, path: &str, kind: &ConstraintKind) -> Option<Cow<'_, RoaringBitmap>> {
        let found = match self.paths.get(path) {
            Some(index) => index.find(kind),
            None if self.is_full => return None,
            None => Cow::default(),
        };
        Some(match self.crowded.is_empty() {
            true => found,
            false => Cow::Owned(&self.crowded | &*found),
        })
    }
}

fn is_crowded(tags: &Object) -> bool {
    let mut names = 0;
    walk(&mut String::new(), tags, &mut |_, _| names += 1);
    names > TagIndex::NAMES_MAX
}

/// Shows every path there is in these members. They nest as deep as a twin may, and no deeper.
fn walk(path: &mut String, members: &Object, show: &mut impl FnMut(&str, &Json)) {
    for (name, json) in members {
        let len = path.len();
        if len > 0 {
            path.push('.');
        }
        path.push_str(name);
        show(path, json);
        if let Json::Object(members) = json {
            walk(path, members, show);
        }
        path.truncate(len);
    }
}
