use core::ops::Bound;

use iothub_query::{Condition, ConstraintKind, Literal, Query, Root};
use roaring::RoaringBitmap;

use crate::index::Plan;
use crate::registry::{Entry, Key, Registry};
use crate::rest::query::ahead::Ahead;
use crate::rest::query::place::{After, Run};

/// A way past all identities that a query can mean.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    way: Way,
    run: Run,
}

#[derive(Clone, Debug)]
enum Way {
    /// These slots from one on.
    Slots(RoaringBitmap, u32),
    /// The names that can be meant, from one on.
    Names(Span, Bound<Key>),
}

impl Walk {
    /// Goes on as it was begun: what was looked at by name is not mixed with what is looked at by slot.
    pub(super) fn new(
        query: &Query,
        plan: &mut Plan,
        after: Option<After>,
        registry: &Registry,
        run: Run,
    ) -> Self {
        let span = Span::of(query);
        let way = match (after, plan.slots.take()) {
            (Some(After::Name(key)), _) => Way::Names(span, Bound::Excluded(key)),
            (Some(After::Slot(slot, _)), Some(slots)) => Way::Slots(slots, slot.saturating_add(1)),
            // The index is gone that there was for the page before.
            (Some(After::Slot(slot, _)), None) => {
                let index = registry.index();
                Way::Slots(index.devices() | index.modules(), slot.saturating_add(1))
            }
            (None, Some(slots)) => Way::Slots(slots, 0),
            (None, None) => {
                let first = Key { device: span.first.clone(), module: None };
                Way::Names(span, Bound::Included(first))
            }
        };
        Self { way, run }
    }

    /// Whether it looks at nothing but what indexes name, and if not, whether it leaves out names.
    pub(super) const fn is_by_slot(&self) -> bool {
        matches!(self.way, Way::Slots(..))
    }

    pub(super) fn is_narrow(&self) -> bool {
        match &self.way {
            Way::Slots(..) => true,
            Way::Names(span, _) => !span.first.is_empty() || !matches!(span.last, Last::Any),
        }
    }

    /// Those still to come.
    pub(super) fn rest<'w>(&'w self, registry: &'w Registry) -> Box<dyn Iterator<Item = Stop<'w>> + 'w> {
        match &self.way {
            Way::Slots(slots, first) => {
                let stops = slots.range(*first..).filter_map(|slot| {
                    let (key, entry) = registry.at(slot)?;
                    Some(Stop { slot, key, entry })
                });
                Box::new(Ahead::of(stops))
            }
            Way::Names(span, first) => {
                let stops = registry
                    .seats_from(first.clone())
                    .take_while(|(_, key, _)| span.reaches(&key.device))
                    .map(|(slot, key, entry)| Stop { slot, key, entry });
                Box::new(Ahead::of(stops))
            }
        }
    }

    /// Where it goes on behind that one.
    pub(super) fn behind(&self, stop: &Stop<'_>) -> After {
        match &self.way {
            Way::Slots(..) => After::Slot(stop.slot, self.run),
            Way::Names(..) => After::Name(stop.key.clone()),
        }
    }

    pub(super) fn go_on_behind(&mut self, after: After) {
        match (&mut self.way, after) {
            (Way::Slots(_, first), After::Slot(slot, _)) => *first = slot.saturating_add(1),
            (Way::Names(_, first), After::Name(key)) => *first = Bound::Excluded(key),
            (Way::Slots(..), After::Name(_)) | (Way::Names(..), After::Slot(..)) => {}
        }
    }
}

/// An identity on the way.
#[derive(Clone, Copy)]
pub(super) struct Stop<'r> {
    slot: u32,
    pub(super) key: &'r Key,
    pub(super) entry: &'r Entry,
}

/// The devices whose twins, or whose modules, can be meant: the registry is in the order of their names.
#[derive(Clone, Debug)]
struct Span {
    first: String,
    last: Last,
}

#[derive(Clone, Debug)]
enum Last {
    Any,
    Device(String),
    Prefix(String),
}

impl Span {
    fn of(query: &Query) -> Self {
        let mut span = Self { first: String::new(), last: Last::Any };
        let constraints = query.condition.as_ref().map(Condition::constraints).unwrap_or_default();
        for constraint in constraints {
            match (constraint.path.root(), constraint.path.steps()) {
                (Root::Name(name), []) if name.as_str() == "deviceId" => span.narrow(constraint.kind),
                _ => {}
            }
        }
        span
    }

    fn narrow(&mut self, kind: ConstraintKind) {
        let (first, last) = match kind {
            ConstraintKind::Equal(literal) => (text(&literal), text(&literal).map(Last::Device)),
            ConstraintKind::OneOf(literals) => {
                let names = || literals.iter().filter_map(text);
                (names().min(), names().max().map(Last::Device))
            }
            ConstraintKind::Range { lower, upper } => (end(&lower), end(&upper).map(Last::Device)),
            ConstraintKind::Prefix(prefix) => (Some(prefix.clone()), Some(Last::Prefix(prefix))),
            ConstraintKind::Defined => (None, None),
        };
        if let Some(first) = first {
            self.first = first.max(core::mem::take(&mut self.first));
        }
        if let (Some(last), Last::Any) = (last, &self.last) {
            self.last = last;
        }
    }

    fn reaches(&self, device: &str) -> bool {
        match &self.last {
            Last::Any => true,
            Last::Device(last) => device <= last.as_str(),
            Last::Prefix(prefix) => device.starts_with(prefix) || device < prefix.as_str(),
        }
    }
}

fn end(bound: &Bound<Literal>) -> Option<String> {
    match bound {
        Bound::Included(literal) | Bound::Excluded(literal) => text(literal),
        Bound::Unbounded => None,
    }
}

/// Names are texts: nothing is equal to something else, and the condition finds that out.
fn text(literal: &Literal) -> Option<String> {
    match literal {
        Literal::Text(text) => Some(text.clone()),
        Literal::Null | Literal::Bool(_) | Literal::Number(_) => None,
    }
}
