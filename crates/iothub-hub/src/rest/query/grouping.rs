use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use iothub_model::ErrorCode;
use iothub_proto::{Instant, Now};
use iothub_query::Groups;

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::ExchangeId;
use crate::registry::Registry;
use crate::rest::query::explanation::Explanation;
use crate::rest::query::page::Page;
use crate::rest::query::place::Place;
use crate::rest::query::walk::Walk;
use crate::rest::query::{Asked, invalid};
use crate::rest::row::Row;
use crate::rest::{Failure, Outcome};
use crate::timers::Due;

/// Queries whose rows are made of many twins. All twins have to be looked at for the first row: some at a time.
#[derive(Debug, Default)]
pub(crate) struct Groupings {
    running: BTreeMap<ExchangeId, Grouping>,
    /// Rows for the pages to come, the latest last.
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Grouping {
    asked: Asked,
    walk: Walk,
    groups: Groups,
    explanation: Explanation,
    due: Instant,
}

#[derive(Debug)]
struct Kept {
    id: u64,
    of: Place,
    rows: Vec<Vec<u8>>,
}

impl Groupings {
    /// Most queries that are under way at a time.
    const RUNNING_MAX: usize = 8;
    /// Most queries whose rows are kept, and most bytes of each. Those of others are made again for each page.
    const KEPT_MAX: usize = 4;
    const KEPT_LEN_MAX: usize = 4 * 1024 * 1024;
    /// Between two looks at some of the twins others have their turn.
    const PAUSE: Duration = Duration::from_millis(1);

    /// A page of rows that are kept.
    pub(super) fn page(&self, asked: &Asked) -> Option<Page> {
        let id = asked.place.kept?;
        let kept = self.kept.iter().find(|kept| kept.id == id && kept.of.is_of(&asked.place))?;
        Some(asked.page_of(&kept.rows))
    }

    fn keep(&mut self, kept: Kept) {
        if self.kept.len() >= Self::KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(kept);
    }
}

impl Hub {
    /// Looks at the first identities, and at the others later if there are more.
    pub(super) fn begin_grouping(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        asked: Asked,
        (walk, explanation): (Walk, Explanation),
    ) -> Result<Outcome, Failure> {
        if self.groupings.running.len() >= Groupings::RUNNING_MAX {
            let message = format!("{} queries with aggregates are under way", Groupings::RUNNING_MAX);
            return Err(Failure::gateway(ErrorCode::ThrottlingException, message));
        }
        let groups = asked.query.groups();
        let grouping = Grouping { asked, walk, groups, explanation, due: now.instant };
        self.go_on_grouping(now, exchange, grouping)
    }

    /// Its time has come to look at more.
    pub(crate) fn grouping_due(&mut self, now: Now, exchange: ExchangeId, effects: &mut Effects) {
        let Some(grouping) = self.groupings.running.remove(&exchange) else { return };
        match self.go_on_grouping(now, exchange, grouping) {
            Ok(Outcome::Done(response)) => effects.push(Effect::Respond { exchange, response }),
            Ok(Outcome::Later | Outcome::Read(_)) => {}
            Err(failure) => self.refuse(now, (exchange, None), "query", failure, effects),
        }
    }

    /// Nobody waits for it any longer.
    pub(crate) fn abandon_grouping(&mut self, exchange: ExchangeId) {
        if let Some(grouping) = self.groupings.running.remove(&exchange) {
            self.timers.cancel(grouping.due, Due::Grouping(exchange));
        }
    }

    /// The hub stops, and whoever waits is told.
    pub(crate) fn stop_groupings(&mut self, now: Now, effects: &mut Effects) {
        while let Some((&exchange, _)) = self.groupings.running.first_key_value() {
            self.abandon_grouping(exchange);
            let failure = Failure::gateway(ErrorCode::ServiceUnavailable, "the hub is stopping");
            self.refuse(now, (exchange, None), "query", failure, effects);
        }
    }

    fn go_on_grouping(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        mut grouping: Grouping,
    ) -> Result<Outcome, Failure> {
        let Grouping { asked, walk, groups, explanation, .. } = &mut grouping;
        let mut behind = None;
        for stop in walk.rest(&self.registry).take(Registry::LOOKED_AT_MAX) {
            explanation.looked_at += 1;
            let row = Row { key: stop.key, entry: stop.entry };
            if stop.key.collection() == asked.query.from && asked.query.selects(&row) {
                groups.add(&row).map_err(|error| invalid(error.to_string()))?;
            }
            behind = Some(walk.behind(&stop));
        }
        if let Some(behind) = behind {
            walk.go_on_behind(behind);
        }
        if walk.rest(&self.registry).next().is_some() {
            grouping.due = now.instant.after(Groupings::PAUSE);
            self.timers.set(grouping.due, Due::Grouping(exchange));
            self.groupings.running.insert(exchange, grouping);
            return Ok(Outcome::Later);
        }
        let Grouping { mut asked, groups, explanation, .. } = grouping;
        let rows: Vec<_> = groups.into_rows().iter().map(|row| row.to_string().into_bytes()).collect();
        let id = self.source.lock();
        asked.place.kept = Some(id);
        let page = asked.page_of(&rows);
        if page.next.is_some() && rows.iter().map(Vec::len).sum::<usize>() <= Groupings::KEPT_LEN_MAX {
            self.groupings.keep(Kept { id, of: asked.place.clone(), rows });
        }
        Ok(Outcome::Done(self.charged(now, asked.response(page, explanation))))
    }
}

impl Asked {
    /// As many of these rows as there are to be on the page.
    fn page_of(&self, rows: &[Vec<u8>]) -> Page {
        let given = usize::try_from(self.place.given).unwrap_or(usize::MAX).min(rows.len());
        let end = given.saturating_add(self.rows_max).min(rows.len());
        let next = (end < rows.len()).then(|| Place { given: end as u64, ..self.place.clone() });
        Page { rows: rows[given..end].to_vec(), next }
    }
}
