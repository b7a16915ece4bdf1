use iothub_model::{IndexUse, QueryAccess, QueryPlan};

use crate::index::{Plan, Unserved};
use crate::registry::Registry;
use crate::rest::query::walk::Walk;

/// How the rows of a query are found, for those who wonder.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    pub(super) plan: QueryPlan,
    /// Identities.
    pub(super) looked_at: u64,
}

impl Explanation {
    pub(super) fn new(plan: &Plan, walk: &Walk, registry: &Registry) -> Self {
        let access = match (walk.is_by_slot(), walk.is_narrow()) {
            (true, _) => QueryAccess::Index,
            (false, true) => QueryAccess::Names,
            (false, false) => QueryAccess::All,
        };
        let served = plan.served.iter();
        let indexes =
            served.map(|served| IndexUse { constraint: served.by.clone(), identities: served.identities });
        let reason = plan.unserved.filter(|_| access != QueryAccess::Index).map(Unserved::reason);
        let plan = QueryPlan {
            access,
            indexes: indexes.collect(),
            reason: reason.map(str::to_owned),
            candidates: plan.candidates,
            looked_at: 0,
            identities: registry.len() as u64,
        };
        Self { plan, looked_at: 0 }
    }

    /// Of rows for which no twin was looked at.
    pub(super) fn without_twins(reason: &str) -> Self {
        let plan = QueryPlan { reason: Some(reason.to_owned()), ..QueryPlan::default() };
        Self { plan, looked_at: 0 }
    }

    /// The document that has it beside these rows.
    pub(super) fn around(self, rows: &[u8]) -> Vec<u8> {
        let plan = QueryPlan { looked_at: self.looked_at, ..self.plan };
        let plan = serde_json::to_vec(&plan).expect("plans have text for keys, all that can fail");
        [b"{\"plan\":", plan.as_slice(), b",\"rows\":", rows, b"}"].concat()
    }
}

impl Unserved {
    const fn reason(self) -> &'static str {
        match self {
            Self::NoCondition => "there is no condition",
            Self::NotIndexable => "no part of the condition has an index",
            Self::Soon => {
                "an index of a property in the condition is being made, or will be if there are many twins"
            }
            Self::Broad => "it is for more than half of all devices and modules that it can be so",
        }
    }
}
