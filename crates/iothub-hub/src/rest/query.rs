//! Questions about all twins, answered page by page.

use core::ops::Bound;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use iothub_model::{ErrorCode, QuerySpecification};
use iothub_query::{Collection, ConstraintKind, Literal, Query, Root, Select};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hub::Hub;
use crate::input::RestRequest;
use crate::registry::{Entry, Key};
use crate::response::Response;
use crate::rest::registration::json;
use crate::rest::row::Row;
use crate::rest::{Failure, Outcome};

/// Most rows of a page, and how many it has when the caller does not say.
const ROWS_MAX: usize = 1000;
const ROWS_USUAL: usize = 100;
/// Most identities that are looked at for a page, which ends there however few rows it has: a hub does nothing else
/// meanwhile. Not for rows that are made of many twins: those take one look at all of them.
pub(super) const SCANNED_MAX: usize = 10_000;
/// A page ends behind the row that makes it longer than this, in bytes.
pub(super) const PAGE_LEN: usize = 512 * 1024;
/// Longest continuation that is read, in bytes.
const CONTINUATION_MAX: usize = 1024;

impl Hub {
    /// Gives a page of what a query answers. While there may be more, the response has `x-ms-continuation`.
    pub(super) fn query(&self, request: &RestRequest<'_>) -> Result<Outcome, Failure> {
        let QuerySpecification { query: text } = json(request.body)?;
        let query = Query::parse(&text).map_err(|error| invalid(error.to_string()))?;
        let place = match request.header("x-ms-continuation").filter(|token| !token.is_empty()) {
            None => Place::begin(&text),
            Some(token) => Place::read(token, &text)?,
        };
        let rows_max = rows_max(request)?;
        let page = match (query.from, query.is_grouped()) {
            (Collection::Jobs, _) => self.scanned_jobs(&query, place, rows_max),
            (Collection::Devices | Collection::Modules, true) => self.grouped(&query, &place, rows_max)?,
            (Collection::Devices | Collection::Modules, false) => self.scanned(&query, place, rows_max),
        };
        let item_type = match (&query.select, query.from) {
            (Select::All, Collection::Jobs) => "DeviceJob",
            (Select::All, Collection::Devices | Collection::Modules) => "Twin",
            (Select::Elements(_), _) => "Raw",
        };
        let mut headers = vec![("x-ms-item-type".into(), item_type.to_owned())];
        headers.extend(page.next.map(|next| ("x-ms-continuation".into(), next.written())));
        let body = [b"[", page.rows.join(&b","[..]).as_slice(), b"]"].concat();
        Ok(Outcome::Done(Response { status: 200, headers, body }))
    }

    /// Looks at one identity after the other, from where the page before ended.
    fn scanned(&self, query: &Query, mut place: Place, rows_max: usize) -> Page {
        let span = Span::of(query);
        let from = match place.after.take() {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(Key { device: span.first.clone(), module: None }),
        };
        let top = query.top.unwrap_or(u64::MAX);
        let mut entries =
            self.registry.from(from).take_while(|(key, _)| span.reaches(&key.device)).peekable();
        let (mut page, mut len, mut looked_at) = (Page::default(), 0, 0);
        while let Some((key, entry)) = entries.next() {
            looked_at += 1;
            let row = Row { key, entry };
            if is_of(query.from, key) && query.selects(&row) {
                let row = query.row(&row).to_string().into_bytes();
                len += row.len();
                page.rows.push(row);
                place.given += 1;
            }
            if place.given >= top || entries.peek().is_none() {
                break;
            }
            if page.rows.len() >= rows_max || len >= PAGE_LEN || looked_at >= SCANNED_MAX {
                place.after = Some(key.clone());
                page.next = Some(place);
                break;
            }
        }
        page
    }

    /// Looks at all identities at once, for each page anew.
    fn grouped(&self, query: &Query, place: &Place, rows_max: usize) -> Result<Page, Failure> {
        let mut groups = query.groups();
        let entries = self.registry.iter().filter(|(key, _)| is_of(query.from, key));
        for row in entries.map(|(key, entry): (&Key, &Entry)| Row { key, entry }) {
            if query.selects(&row) {
                groups.add(&row).map_err(|error| invalid(error.to_string()))?;
            }
        }
        let rows = groups.into_rows();
        let given = usize::try_from(place.given).unwrap_or(usize::MAX).min(rows.len());
        let end = given.saturating_add(rows_max).min(rows.len());
        let next = (end < rows.len()).then(|| Place { given: end as u64, ..place.clone() });
        Ok(Page { rows: rows[given..end].iter().map(|row| row.to_string().into_bytes()).collect(), next })
    }
}

/// Some rows, as JSON, and where the next ones begin, if there may be more.
#[derive(Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Vec<u8>>,
    pub(super) next: Option<Place>,
}

/// Where a page ended. Clients are given it and give it back without looking into it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Place {
    /// Of which query: with another it would mean nothing.
    of: [u8; 8],
    /// The last identity that was looked at.
    after: Option<Key>,
    /// The job, and the place of the device in it, that are to be looked at next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<(u64, u32)>,
    /// Rows that were given so far.
    pub(super) given: u64,
}

impl Place {
    fn begin(query: &str) -> Self {
        let mut of = [0; 8];
        of.copy_from_slice(&Sha256::digest(query)[..8]);
        Self { of, after: None, job: None, given: 0 }
    }

    fn read(token: &str, query: &str) -> Result<Self, Failure> {
        let bytes = Some(token).filter(|token| token.len() <= CONTINUATION_MAX);
        let bytes = bytes.and_then(|token| BASE64_URL_SAFE_NO_PAD.decode(token).ok());
        let place: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        place.filter(|place| place.of == Self::begin(query).of).ok_or_else(|| {
            invalid("x-ms-continuation is not what an earlier page of this query had".to_owned())
        })
    }

    fn written(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("a place has text for keys, all that can fail");
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The devices whose twins, or whose modules, can be meant: the registry is in the order of their names.
struct Span {
    first: String,
    last: Last,
}

enum Last {
    Any,
    Device(String),
    Prefix(String),
}

impl Span {
    fn of(query: &Query) -> Self {
        let mut span = Self { first: String::new(), last: Last::Any };
        let constraints =
            query.condition.as_ref().map(iothub_query::Condition::constraints).unwrap_or_default();
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

const fn is_of(collection: Collection, key: &Key) -> bool {
    match collection {
        Collection::Devices => key.module.is_none(),
        Collection::Modules => key.module.is_some(),
        Collection::Jobs => false,
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
