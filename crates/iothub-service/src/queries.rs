use iothub_model::QuerySpecification;
use reqwest::header::HeaderName;
use serde_json::Value;

use crate::request::Request;
use crate::{Error, Service};

/// # Questions about all twins
///
/// It takes the right ServiceConnect.
impl Service {
    /// Gives a page of what a query answers, `SELECT * FROM devices WHERE tags.plant = 'p1'` for instance, from its
    /// begin or from where an earlier page of the same query ended.
    ///
    /// `rows_max` is how many rows the caller wants at most; the hub has limits of its own. A page may have fewer, and
    /// none at all, while there are more.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ArgumentInvalid` if the query cannot be understood; the message says where. See
    /// [`Error`] for others.
    pub async fn query(
        &self,
        query: &str,
        rows_max: Option<u32>,
        after: Option<&QueryPosition>,
    ) -> Result<QueryPage, Error> {
        let mut request =
            Request::post("/devices/query".into()).json(&QuerySpecification { query: query.to_owned() });
        if let Some(rows_max) = rows_max {
            request = request.header(ROWS_MAX, &rows_max.to_string())?;
        }
        if let Some(QueryPosition(after)) = after {
            request = request.header(CONTINUATION, after)?;
        }
        let (body, headers) = self.exchange_whole(request).await?;
        let rows = serde_json::from_slice(&body).map_err(|error| self.unreadable(error.to_string()))?;
        let text =
            |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let next = text(CONTINUATION).filter(|next| !next.is_empty()).map(QueryPosition);
        Ok(QueryPage { rows, item_type: text(ITEM_TYPE).unwrap_or_default(), next })
    }
}

/// A part of what a query answers.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryPage {
    /// The rows: whole twins, or objects with the columns that were selected.
    pub rows: Vec<Value>,
    /// What they are, in the words of the hub: `Twin`, `DeviceJob` or `Raw`.
    pub item_type: String,
    /// Where the next page begins, if there may be one.
    pub next: Option<QueryPosition>,
}

/// A place in what a query answers, as the hub names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPosition(String);

const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");
const ROWS_MAX: HeaderName = HeaderName::from_static("x-ms-max-item-count");
