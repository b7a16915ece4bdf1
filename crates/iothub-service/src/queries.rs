use iothub_model::{ExplainedRows, QueryPlan, QuerySpecification, Twin};
use serde::de::DeserializeOwned;

use crate::pages::{asking, page};
use crate::request::{Repeat, Request};
use crate::{Error, Pages, QueryPage, QueryPosition, Service};

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
        page(self, asking(request(query), rows_max, after)?).await
    }

    /// Prepares to read all that a query answers, page by page, each row as a `T`.
    ///
    /// ```no_run
    /// # async fn plants(service: &iothub_service::Service) -> Result<(), iothub_service::Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Plant { plant: String, devices: u64 }
    ///
    /// let query = "SELECT tags.plant AS plant, COUNT() AS devices FROM devices GROUP BY tags.plant";
    /// let mut pages = service.pages::<Plant>(query);
    /// while let Some(page) = pages.next().await? {
    ///     for row in page.rows {
    ///         println!("{}: {}", row.plant, row.devices);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Each page as for [`Self::query`], and [`Error::Unreadable`] if a row is no `T`.
    pub fn pages<T: DeserializeOwned>(&self, query: &str) -> Pages<T> {
        Pages::new(self.clone(), request(query))
    }

    /// Prepares to read the twins of all devices that a condition holds for, `tags.plant = 'p1'` for instance; of all
    /// devices without one.
    ///
    /// # Errors
    ///
    /// Each page as for [`Self::query`].
    pub fn twins_where(&self, condition: Option<&str>) -> Pages<Twin> {
        match condition {
            None => self.pages("SELECT * FROM devices"),
            Some(condition) => self.pages(&format!("SELECT * FROM devices WHERE {condition}")),
        }
    }
}

/// # Extras of a local hub, continued
impl Service {
    /// Says how a local hub finds the first page of what a query answers: by which indexes, or by looking at every twin.
    /// Takes the right ServiceConnect.
    ///
    /// # Errors
    ///
    /// As for [`Self::query`], and [`Error::Refused`] by a hub that is not a local one.
    pub async fn explain_query(&self, query: &str) -> Result<QueryPlan, Error> {
        let specification = QuerySpecification { query: query.to_owned() };
        let request = Request::post("/$local/devices/query".into()).json(&specification);
        let explained: ExplainedRows = self.send(request.repeated(Repeat::Freely)).await?;
        Ok(explained.plan)
    }
}

/// It only reads, although it is posted.
fn request(query: &str) -> Request {
    let specification = QuerySpecification { query: query.to_owned() };
    Request::post("/devices/query".into()).json(&specification).repeated(Repeat::Freely)
}
