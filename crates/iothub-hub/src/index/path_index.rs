use core::ops::Bound;
use std::borrow::Cow;
use std::collections::BTreeMap;

use iothub_query::{ConstraintKind, Literal};
use roaring::RoaringBitmap;
use serde_json::Value as Json;

use crate::index::postings::Postings;
use crate::index::value::Value;

/// What stands at one path, in every twin that has something there.
#[derive(Clone, Debug, Default)]
pub(super) struct PathIndex {
    values: BTreeMap<Value, Postings>,
    /// Who has something there, be it nothing that could be compared.
    defined: RoaringBitmap,
}

impl PathIndex {
    /// Most values that one range is put together from. All that have something there are given instead of more.
    const WALKED_MAX: usize = 4096;

    pub(super) fn add(&mut self, slot: u32, json: &Json) {
        self.add_value(slot, Value::of(json));
    }

    pub(super) fn add_text(&mut self, slot: u32, text: &str) {
        self.add_value(slot, Some(Value::text(text)));
    }

    fn add_value(&mut self, slot: u32, value: Option<Value>) {
        self.defined.insert(slot);
        if let Some(value) = value {
            self.values
                .entry(value)
                .and_modify(|postings| postings.add(slot))
                .or_insert_with(|| Postings::One(slot));
        }
    }

    pub(super) fn remove(&mut self, slot: u32, json: &Json) {
        self.remove_value(slot, Value::of(json));
    }

    pub(super) fn remove_text(&mut self, slot: u32, text: &str) {
        self.remove_value(slot, Some(Value::text(text)));
    }

    fn remove_value(&mut self, slot: u32, value: Option<Value>) {
        self.defined.remove(slot);
        if let Some(value) = value
            && self.values.get_mut(&value).is_some_and(|postings| postings.remove(slot))
        {
            self.values.remove(&value);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.defined.is_empty()
    }

    /// Different values that are there, all of which take room.
    pub(super) fn value_count(&self) -> usize {
        self.values.len()
    }

    /// All for which it is so, and perhaps others.
    pub(super) fn find(&self, kind: &ConstraintKind) -> Cow<'_, RoaringBitmap> {
        match kind {
            ConstraintKind::Equal(literal) => match self.values.get(&literal.into()) {
                Some(postings) => postings.slots(),
                None => Cow::default(),
            },
            ConstraintKind::OneOf(literals) => {
                let mut all = RoaringBitmap::new();
                for postings in literals.iter().filter_map(|literal| self.values.get(&literal.into())) {
                    postings.unite_into(&mut all);
                }
                Cow::Owned(all)
            }
            ConstraintKind::Range { lower, upper } => self.range(end(lower), end(upper)),
            ConstraintKind::Prefix(prefix) => {
                let first = Value::text(prefix);
                let begins = |value: &Value| match (value, &first) {
                    (Value::Text(text), Value::Text(prefix)) => text.starts_with(prefix),
                    _ => false,
                };
                let from = self.values.range(&first..);
                self.united(from.take_while(|(value, _)| begins(value)).map(|(_, postings)| postings))
            }
            ConstraintKind::Defined => Cow::Borrowed(&self.defined),
        }
    }

    /// Both ends count as in the range: the condition leaves out what is not.
    fn range(&self, lower: Option<Value>, upper: Option<Value>) -> Cow<'_, RoaringBitmap> {
        match (lower, upper) {
            (Some(lower), Some(upper)) if lower > upper => Cow::default(),
            (Some(lower), Some(upper)) => {
                self.united(self.values.range(&lower..=&upper).map(|(_, postings)| postings))
            }
            (Some(lower), None) => {
                let up = self.values.range(&lower..).take_while(|(value, _)| value.is_like(&lower));
                self.united(up.map(|(_, postings)| postings))
            }
            (None, Some(upper)) => {
                let down = self.values.range(..=&upper).rev().take_while(|(value, _)| value.is_like(&upper));
                self.united(down.map(|(_, postings)| postings))
            }
            (None, None) => Cow::Borrowed(&self.defined),
        }
    }

    fn united<'i>(&'i self, parts: impl Iterator<Item = &'i Postings>) -> Cow<'i, RoaringBitmap> {
        let mut all = RoaringBitmap::new();
        for (walked, postings) in parts.enumerate() {
            if walked >= Self::WALKED_MAX {
                return Cow::Borrowed(&self.defined);
            }
            postings.unite_into(&mut all);
        }
        Cow::Owned(all)
    }
}

fn end(bound: &Bound<Literal>) -> Option<Value> {
    match bound {
        Bound::Included(literal) | Bound::Excluded(literal) => Some(literal.into()),
        Bound::Unbounded => None,
    }
}
