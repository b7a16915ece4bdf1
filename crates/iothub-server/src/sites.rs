use core::convert::Infallible;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::premises::Premises;
use crate::shared::Shared;

/// The hubs of one process, by the names that clients know them by. They share nothing but what [`Premises`] has.
///
/// Held by every task until it is done.
pub(crate) struct Sites {
    /// For whoever names none of the others.
    main: Arc<Shared>,
    others: BTreeMap<String, Arc<Shared>>,
    /// Dropped behind the hubs: who waits for its end finds nothing left of them.
    _at_work: mpsc::Sender<Infallible>,
}

impl Sites {
    /// `others` with their names; no name has a case. The receiver sees the end of `at_work` with the last task.
    pub(crate) fn new(
        main: Arc<Shared>,
        others: impl IntoIterator<Item = (String, Arc<Shared>)>,
        at_work: mpsc::Sender<Infallible>,
    ) -> Self {
        let others = others.into_iter().map(|(name, shared)| (name.to_ascii_lowercase(), shared));
        Self { main, others: others.collect(), _at_work: at_work }
    }

    pub(crate) fn main(&self) -> &Arc<Shared> {
        &self.main
    }

    pub(crate) fn premises(&self) -> &Premises {
        self.main.premises()
    }

    /// The hub of that name.
    pub(crate) fn pick(&self, name: Option<&str>) -> &Arc<Shared> {
        let named = name.and_then(|name| self.others.get(&name.to_ascii_lowercase()));
        named.unwrap_or(&self.main)
    }

    /// The hub of that name, and no other: `None` for the first, which has many.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Shared>> {
        self.others.get(&name.to_ascii_lowercase())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Shared>> {
        core::iter::once(&self.main).chain(self.others.values())
    }
}
