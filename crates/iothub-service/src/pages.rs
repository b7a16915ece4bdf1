use core::marker::PhantomData;

use reqwest::header::HeaderName;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request::Request;
use crate::{Error, Service};

/// A part of what a hub answers in pages.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryPage<T = Value> {
    /// The rows: for queries whole twins, or objects with the columns that were selected.
    pub rows: Vec<T>,
    /// What they are, in the words of the hub: `Twin`, `DeviceJob`, `JobResponse` or `Raw`.
    pub item_type: String,
    /// Where the next page begins, if there may be one.
    pub next: Option<QueryPosition>,
}

/// A place between two pages, as the hub names it: good for the same question only, and for as long as the hub says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPosition(String);

impl QueryPosition {
    /// What [`Self::as_str`] gave, perhaps long ago.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// To be kept, and handed back to [`Pages::after`].
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads an answer page by page, and keeps no more than one. Comes from [`Service::pages`] and others; nothing is sent
/// before [`Self::next`].
#[derive(Clone, Debug)]
pub struct Pages<T> {
    service: Service,
    request: Request,
    rows_max: Option<u32>,
    next: Next,
    rows: PhantomData<fn() -> T>,
}

#[derive(Clone, Debug)]
enum Next {
    First,
    After(QueryPosition),
    Nothing,
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) const fn new(service: Service, request: Request) -> Self {
        Self { service, request, rows_max: None, next: Next::First, rows: PhantomData }
    }

    /// Asks for pages of up to `rows_max` rows. The hub has limits of its own.
    pub fn rows_max(self, rows_max: u32) -> Self {
        Self { rows_max: Some(rows_max), ..self }
    }

    /// Goes on where an earlier page of the same answer ended.
    pub fn after(self, position: QueryPosition) -> Self {
        Self { next: Next::After(position), ..self }
    }

    /// Gives the next page, and `None` behind the last. A page may be empty while there are more.
    ///
    /// After an error, and when it was dropped while it waited, it may be called again: no row is lost.
    ///
    /// # Errors
    ///
    /// As for what gave the pages.
    pub async fn next(&mut self) -> Result<Option<QueryPage<T>>, Error> {
        let after = match &self.next {
            Next::First => None,
            Next::After(position) => Some(position),
            Next::Nothing => return Ok(None),
        };
        let request = asking(self.request.clone(), self.rows_max, after)?;
        let page: QueryPage<T> = page(&self.service, request).await?;
        self.next = page.next.clone().map_or(Next::Nothing, Next::After);
        Ok(Some(page))
    }

    /// Where the next page begins: `None` before the first, and behind the last.
    pub const fn position(&self) -> Option<&QueryPosition> {
        match &self.next {
            Next::After(position) => Some(position),
            Next::First | Next::Nothing => None,
        }
    }
}

/// The request for one page.
pub(crate) fn asking(
    mut request: Request,
    rows_max: Option<u32>,
    after: Option<&QueryPosition>,
) -> Result<Request, Error> {
    if let Some(rows_max) = rows_max {
        request = request.header(ROWS_MAX, &rows_max.to_string())?;
    }
    if let Some(after) = after {
        request = request.header(CONTINUATION, after.as_str())?;
    }
    Ok(request)
}

pub(crate) async fn page<T: DeserializeOwned>(
    service: &Service,
    request: Request,
) -> Result<QueryPage<T>, Error> {
    let answer = service.exchange(request).await?;
    let next = answer.text(&CONTINUATION).filter(|next| !next.is_empty()).map(QueryPosition::new);
    let item_type = answer.text(&ITEM_TYPE).unwrap_or_default().to_owned();
    Ok(QueryPage { rows: service.document(&answer.body)?, item_type, next })
}

pub(crate) const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");
const ROWS_MAX: HeaderName = HeaderName::from_static("x-ms-max-item-count");
