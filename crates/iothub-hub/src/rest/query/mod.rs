//! Questions about all twins, answered page by page.

mod ahead;
mod explanation;
mod grouping;
mod page;
mod place;
#[cfg(test)]
mod tests;
mod walk;

use iothub_model::{ErrorCode, QuerySpecification};
use iothub_proto::Now;
use iothub_query::{Collection, Query, Select};

use crate::hub::Hub;
use crate::index::Plan;
use crate::input::{ExchangeId, RestRequest};
use crate::response::Response;
use crate::rest::registration::json;
use crate::rest::{Failure, Outcome};

pub(crate) use grouping::Groupings;
pub(super) use page::{LEN_MAX, Page};
pub(super) use place::Place;

use explanation::Explanation;
use place::Run;
use walk::Walk;

/// Most rows of a page, and how many it has when the caller does not say.
const ROWS_MAX: usize = 1000;
const ROWS_USUAL: usize = 100;

/// What whoever asks wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The rows.
    Rows,
    /// The rows, and how they were found.
    Explained,
}

/// A query that is being answered.
#[derive(Debug)]
struct Asked {
    query: Query,
    answer: Answer,
    place: Place,
    rows_max: usize,
}

impl Hub {
    /// Gives a page of what a query answers. While there may be more, the response has `x-ms-continuation`.
    pub(super) fn query(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        request: &RestRequest<'_>,
        answer: Answer,
    ) -> Result<Outcome, Failure> {
        let QuerySpecification { query: text } = json(request.body)?;
        let query = Query::parse(&text).map_err(|error| invalid(error.to_string()))?;
        let run = Run::of(&self.config.seed.0);
        let place = match request.header("x-ms-continuation").filter(|token| !token.is_empty()) {
            None => Place::begin(&text),
            Some(token) => Place::read(token, &text, run)?,
        };
        let rows_max = rows_max(request)?;
        let asked = Asked { query, answer, place, rows_max };
        match asked.query.from {
            Collection::Devices | Collection::Modules => self.query_twins(now, exchange, asked, run),
            Collection::Jobs => {
                let page = self.scanned_jobs(&asked.query, asked.place.clone(), asked.rows_max);
                let explanation = Explanation::without_twins("jobs are looked at one after the other");
                Ok(Outcome::Done(asked.response(page, explanation)))
            }
        }
    }

    fn query_twins(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        asked: Asked,
        run: Run,
    ) -> Result<Outcome, Failure> {
        self.meter
            .allow_more_today(now.timestamp, self.config.edition)
            .map_err(|excess| Failure::gateway(excess.code(), excess.to_string()))?;
        if asked.query.is_grouped()
            && let Some(page) = self.groupings.page(&asked)
        {
            let explanation = Explanation::without_twins("the rows were made for an earlier page");
            return Ok(Outcome::Done(self.charged(now, asked.response(page, explanation))));
        }
        let mut plan = self.registry.plan(asked.query.condition.as_ref(), asked.query.from);
        self.learn(now, &plan);
        let walk = Walk::new(&asked.query, &mut plan, asked.place.after.clone(), &self.registry, run);
        let explanation = Explanation::new(&plan, &walk, &self.registry);
        if asked.query.is_grouped() {
            return self.begin_grouping(now, exchange, asked, (walk, explanation));
        }
        let (page, looked_at) = page::scanned(&self.registry, &asked, &walk);
        let explanation = Explanation { looked_at, ..explanation };
        Ok(Outcome::Done(self.charged(now, asked.response(page, explanation))))
    }

    /// Keeps the indexes that were of use, and begins one that would have been.
    fn learn(&mut self, now: Now, plan: &Plan) {
        let was_reading = self.registry.index().is_reading();
        self.registry.learn(plan);
        if self.registry.index().is_reading() && !was_reading {
            self.read_index_later(now);
        }
    }

    /// The answer to a query counts by its length.
    fn charged(&mut self, now: Now, response: Response) -> Response {
        self.charge(now, response.body.len());
        response
    }
}

impl Asked {
    fn response(&self, page: Page, explanation: Explanation) -> Response {
        let item_type = match (&self.query.select, self.query.from) {
            (Select::All, Collection::Jobs) => "DeviceJob",
            (Select::All, Collection::Devices | Collection::Modules) => "Twin",
            (Select::Elements(_), _) => "Raw",
        };
        let mut headers = vec![("x-ms-item-type".into(), item_type.to_owned())];
        headers.extend(page.next.map(|next| ("x-ms-continuation".into(), next.written())));
        let rows = [b"[", page.rows.join(&b","[..]).as_slice(), b"]"].concat();
        let body = match self.answer {
            Answer::Rows => rows,
            Answer::Explained => explanation.around(&rows),
        };
        Response { status: 200, headers, body }
    }
}

/// How many rows the caller wants on a page; more than there can be are as many as there can be.
fn rows_max(request: &RestRequest<'_>) -> Result<usize, Failure> {
    rows_max_of(request.header("x-ms-max-item-count"))
}

pub(super) fn rows_max_of(text: Option<&str>) -> Result<usize, Failure> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(ROWS_USUAL),
        Some(text) => match text.parse() {
            Ok(rows @ 1_usize..) => Ok(rows.min(ROWS_MAX)),
            Ok(0) | Err(_) => {
                Err(invalid(format!("x-ms-max-item-count is {text:.64?}, and must be a number from 1 on")))
            }
        },
    }
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, message)
}
