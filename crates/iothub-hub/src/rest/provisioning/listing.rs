//! Lists, page by page. They are asked for in the query language, of which this takes what names a list.

use iothub_model::{ErrorCode, QuerySpecification};
use serde::Serialize;

use crate::input::RestRequest;
use crate::rest::registration::json;
use crate::rest::{Failure, Outcome};

/// Most rows of a page, and how many there are when the caller does not say.
const ROWS_MAX: usize = 1000;
const ROWS: usize = 100;
/// Most documents that are looked at for a page.
const LOOKED_AT_MAX: usize = 10_000;

/// Which page is asked for.
pub(super) struct Listing {
    /// The name at which the page before has ended.
    after: Option<String>,
    rows_max: usize,
}

/// Some rows, and where the next ones begin, if there may be more.
pub(super) struct Page<T> {
    rows: Vec<T>,
    next: Option<String>,
}

impl Listing {
    pub(super) fn read(request: &RestRequest<'_>, collection: &str) -> Result<Self, Failure> {
        let specification: QuerySpecification = json(request.body)?;
        let words: Vec<&str> = specification.query.split_whitespace().collect();
        let is = |word: &str, fixed: &str| word.eq_ignore_ascii_case(fixed);
        match words[..] {
            [] => {}
            [a, b, c, d] if is(a, "select") && b == "*" && is(c, "from") && is(d, collection) => {}
            _ => {
                let message = format!("the only query that is served here is SELECT * FROM {collection}");
                return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
            }
        }
        let rows_max = match request.header("x-ms-max-item-count").filter(|text| !text.is_empty()) {
            None => ROWS,
            // Azure's clients say -1 where they do not care.
            Some("-1") => ROWS_MAX,
            Some(text) => {
                text.parse().ok().filter(|rows| (1..=ROWS_MAX).contains(rows)).ok_or_else(|| {
                    let message = format!("x-ms-max-item-count is {text:.64?}, and must be 1 to {ROWS_MAX}");
                    Failure::new(ErrorCode::ArgumentInvalid, message)
                })?
            }
        };
        let after = request.header("x-ms-continuation").filter(|text| !text.is_empty());
        Ok(Self { after: after.map(str::to_owned), rows_max })
    }

    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

impl<T: Serialize> Page<T> {
    pub(super) fn of<'d, D: 'd>(
        all: impl Iterator<Item = &'d D>,
        listing: &Listing,
        row: impl Fn(&'d D) -> (&'d String, T),
    ) -> Self {
        Self::of_some(all, listing, |document| {
            let (name, row) = row(document);
            (name, Some(row))
        })
    }

    /// The same where not each document is a row.
    pub(super) fn of_some<'d, D: 'd>(
        all: impl Iterator<Item = &'d D>,
        listing: &Listing,
        row: impl Fn(&'d D) -> (&'d String, Option<T>),
    ) -> Self {
        let mut all = all.peekable();
        let mut page = Self { rows: Vec::new(), next: None };
        let mut looked_at = 0;
        while let Some(document) = all.next() {
            let (name, row) = row(document);
            page.rows.extend(row);
            looked_at += 1;
            if (page.rows.len() >= listing.rows_max || looked_at >= LOOKED_AT_MAX) && all.peek().is_some() {
                page.next = Some(name.clone());
                break;
            }
        }
        page
    }

    pub(super) fn answer(self, item_type: &str) -> Outcome {
        let mut outcome = Outcome::json(200, &self.rows, None);
        if let Outcome::Done(response) = &mut outcome {
            response.headers.push(("x-ms-item-type".into(), item_type.to_owned()));
            response.headers.extend(self.next.map(|next| ("x-ms-continuation".into(), next)));
        }
        outcome
    }
}
