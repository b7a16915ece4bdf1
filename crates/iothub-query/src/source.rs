use serde_json::Value;

use crate::datum::Datum;
use crate::path::{Path, Root};

/// What conditions are put to: JSON, or what could be written as JSON.
///
/// Most documents are asked for a path or two and then passed over, so whoever keeps twins in another form answers
/// those from where it has them, and writes a document only for what is selected.
///
/// ```
/// use iothub_query::{Datum, Document, Path, Query, Root, Source};
/// use serde_json::{Value, json};
///
/// struct Twin {
///     id: String,
/// }
///
/// impl Source for Twin {
///     fn resolve(&self, path: &Path) -> Datum<'_> {
///         match (path.root(), path.steps()) {
///             (Root::Name(name), []) if name.as_str() == "deviceId" => Datum::from(self.id.as_str()),
///             _ => Datum::Undefined,
///         }
///     }
/// }
///
/// impl Document for Twin {
///     fn document(&self) -> Value {
///         json!({"deviceId": self.id})
///     }
/// }
///
/// let query = Query::parse("SELECT * FROM devices WHERE deviceId != 'pump-7'").unwrap();
/// let twins = ["pump-7", "pump-8"].map(|id| Twin { id: id.to_owned() });
/// assert_eq!(query.run(&twins).unwrap(), [json!({"deviceId": "pump-8"})]);
/// ```
pub trait Source {
    /// What stands at this path. The root of a path in a query has the case of
    /// [`Collection::columns`](crate::Collection::columns), however it was written.
    fn resolve(&self, path: &Path) -> Datum<'_>;
}

/// A source that rows are made of.
pub trait Document: Source {
    /// All of it, for `SELECT *`.
    fn document(&self) -> Value;
}

impl Source for Value {
    fn resolve(&self, path: &Path) -> Datum<'_> {
        let found = match path.root() {
            Root::Name(name) => self.get(name.as_str()).and_then(|value| Path::descend(path.steps(), value)),
            Root::System(_) => None,
        };
        found.map_or(Datum::Undefined, Datum::from)
    }
}

impl Document for Value {
    fn document(&self) -> Self {
        self.clone()
    }
}
