use std::borrow::Cow;

use iothub_query::{Collection, Condition, Constraint, ConstraintKind, Expr, Literal, Path, Root};
use roaring::RoaringBitmap;

use crate::index::Finding;
use crate::registry::Registry;

/// Where the rows of a query are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The slots that are looked at, in their order; without these, all identities are, in the order of names.
    pub(crate) slots: Option<RoaringBitmap>,
    /// How many these are.
    pub(crate) candidates: Option<u64>,
    /// The constraints that indexes know of.
    pub(crate) served: Vec<Served>,
    /// Why not by index, if not.
    pub(crate) unserved: Option<Unserved>,
    /// Paths of properties whose indexes were asked.
    used: Vec<Path>,
    /// Paths of properties that could have an index and have none.
    wanted: Vec<Path>,
}

/// What an index has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// About what, in the words of queries.
    pub(crate) by: String,
    /// How many identities it names.
    pub(crate) identities: u64,
}

/// Why a query is not answered by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// It wants all.
    NoCondition,
    /// Its condition is not one that follows for single paths, or not for paths that have an index.
    NotIndexable,
    /// An index that it would use is being made.
    Soon,
    /// More than half of all would be looked at: those are found as quickly without.
    Broad,
}

impl Registry {
    /// Most names that a range of them may have for it to be put together.
    const NAMES_MAX: usize = 1000;
    /// With fewer identities, or for so few candidates, no index of a property is made.
    const WORTHWHILE: u64 = 1000;

    /// Finds out where to look for what a condition selects.
    pub(crate) fn plan(&self, condition: Option<&Condition>, of: Collection) -> Plan {
        let (found, search) = self.search(condition);
        let Search { mut served, used, wanted, is_soon, .. } = search;
        let kind = match of {
            Collection::Devices => self.index().devices(),
            Collection::Modules => self.index().modules(),
            Collection::Jobs => &RoaringBitmap::new(),
        };
        let is_found = found.is_some();
        let slots = found.map_or_else(|| kind.clone(), |found| found & kind);
        let all = self.len() as u64;
        let is_broad = slots.len() > all / 2;
        if !is_found && !is_broad {
            served.push(Served { by: format!("FROM {of}"), identities: slots.len() });
        }
        let unserved = is_broad.then_some(match condition {
            _ if is_found => Unserved::Broad,
            _ if is_soon || !wanted.is_empty() => Unserved::Soon,
            Some(_) => Unserved::NotIndexable,
            None => Unserved::NoCondition,
        });
        let is_worthwhile = all >= Self::WORTHWHILE && (is_broad || slots.len() > Self::WORTHWHILE);
        let wanted = if is_worthwhile { wanted } else { Vec::new() };
        let candidates = (!is_broad).then(|| slots.len());
        Plan { slots: (!is_broad).then_some(slots), candidates, served, unserved, used, wanted }
    }

    /// All for which a condition can be true, if indexes say something of it, and what they say.
    fn search(&self, condition: Option<&Condition>) -> (Option<RoaringBitmap>, Search<'_>) {
        let mut search = Search {
            registry: self,
            served: Vec::new(),
            used: Vec::new(),
            wanted: Vec::new(),
            is_soon: false,
        };
        let found = condition.and_then(|condition| search.narrowed(condition.expr()));
        (found, search)
    }

    /// All for which a condition can be true, however many these are.
    #[cfg(test)]
    pub(crate) fn found(&self, condition: &Condition) -> Option<RoaringBitmap> {
        self.search(Some(condition)).0
    }

    /// Has the indexes that a plan has used kept, and one begun that it would have used.
    pub(crate) fn learn(&mut self, plan: &Plan) {
        for path in &plan.used {
            self.index_mut().used(path);
        }
        for path in &plan.wanted {
            self.index_mut().begin(path);
        }
    }
}

struct Search<'r> {
    registry: &'r Registry,
    served: Vec<Served>,
    used: Vec<Path>,
    wanted: Vec<Path>,
    is_soon: bool,
}

impl<'r> Search<'r> {
    /// All for which an expression can be true, if indexes say something of it.
    fn narrowed(&mut self, expr: &Expr) -> Option<RoaringBitmap> {
        if let Expr::Any(members) = expr
            && let Some(all) = self.united(members)
        {
            return Some(all);
        }
        let constraints = |expr: &Expr| Condition::from(expr.clone()).constraints();
        let mut parts: Vec<_> =
            constraints(expr).iter().filter_map(|constraint| self.found(constraint)).collect();
        if let Expr::All(members) = expr {
            for member in members {
                if let Expr::Any(choices) = member
                    && constraints(member).is_empty()
                {
                    parts.extend(self.united(choices).map(Cow::Owned));
                }
            }
        }
        parts.sort_by_key(|slots| slots.len());
        parts.into_iter().map(Cow::into_owned).reduce(|all, part| all & part)
    }

    /// All for which one of these can be true, if indexes say something of each.
    fn united(&mut self, members: &[Expr]) -> Option<RoaringBitmap> {
        let before = (self.served.len(), self.used.len());
        let all =
            members.iter().try_fold(RoaringBitmap::new(), |all, member| Some(all | self.narrowed(member)?));
        if all.is_none() {
            // What was found of the others is of no use.
            self.served.truncate(before.0);
            self.used.truncate(before.1);
        }
        all
    }

    fn found(&mut self, constraint: &Constraint) -> Option<Cow<'r, RoaringBitmap>> {
        let registry = self.registry;
        let found = match registry.index().find(constraint) {
            Finding::Slots(slots) => slots,
            Finding::Soon => {
                self.is_soon = true;
                return None;
            }
            Finding::Possible => {
                self.wanted.push(constraint.path.clone());
                return None;
            }
            Finding::Never if is_device_id(&constraint.path) => Cow::Owned(registry.named(&constraint.kind)?),
            Finding::Never => return None,
        };
        self.used.push(constraint.path.clone());
        self.served.push(Served { by: constraint.to_string(), identities: found.len() });
        Some(found)
    }
}

impl Registry {
    /// The slots of devices, and of their modules, with such names; `None` if these are many.
    fn named(&self, kind: &ConstraintKind) -> Option<RoaringBitmap> {
        let names = |literals: &[Literal]| {
            literals.iter().filter_map(text).flat_map(|name| self.slots_of(name)).collect()
        };
        match kind {
            ConstraintKind::Equal(literal) => Some(names(core::slice::from_ref(literal))),
            ConstraintKind::OneOf(literals) => Some(names(literals)),
            ConstraintKind::Prefix(prefix) => {
                let from = self.slots_from(prefix);
                few(from.take_while(|(key, _)| key.device.starts_with(prefix)).map(|(_, slot)| slot))
            }
            ConstraintKind::Range { lower, upper } => {
                let first = end(lower).unwrap_or_default();
                let from = self.slots_from(first);
                let last = end(upper);
                let is_in = |device: &str| last.is_none_or(|last| device <= last);
                few(from.take_while(|(key, _)| is_in(&key.device)).map(|(_, slot)| slot))
            }
            ConstraintKind::Defined => None,
        }
    }
}

fn few(mut slots: impl Iterator<Item = u32>) -> Option<RoaringBitmap> {
    let few = slots.by_ref().take(Registry::NAMES_MAX).collect();
    slots.next().is_none().then_some(few)
}

fn is_device_id(path: &Path) -> bool {
    matches!((path.root(), path.steps()), (Root::Name(name), []) if name.as_str() == "deviceId")
}

fn end(bound: &core::ops::Bound<Literal>) -> Option<&str> {
    use core::ops::Bound;

    match bound {
        Bound::Included(literal) | Bound::Excluded(literal) => text(literal),
        Bound::Unbounded => None,
    }
}

/// Names are texts: nothing is equal to something else, and the condition finds that out.
fn text(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::Text(text) => Some(text),
        Literal::Null | Literal::Bool(_) | Literal::Number(_) => None,
    }
}
