//! The query language of IoT Hub: what it says, and what comes of it.
//!
//! [`Query`] is a question about all twins, modules or jobs of a hub; [`Condition`] is its part behind `WHERE`
//! alone, as jobs name their devices with it and routes their messages. Both are read from text, print themselves so
//! that they are read back as they were, and are put to a [`Source`]: a JSON document, or whatever can say what stands
//! at a path without being one. What a document does not have is *undefined*, a value of its own, which spreads through
//! every operator until nobody selects the row; [`Datum`] has the rules. Nothing here does I/O or knows what a hub is.
//!
//! ```
//! use iothub_query::Query;
//! use serde_json::json;
//!
//! let query = Query::parse("SELECT DeviceId, tags.plant AS plant FROM devices WHERE properties.reported.rate >= 60")?;
//! let twins = [
//!     json!({"deviceId": "pump-7", "tags": {"plant": "p1"}, "properties": {"reported": {"rate": 75}}}),
//!     json!({"deviceId": "pump-8", "tags": {"plant": "p1"}, "properties": {"reported": {"rate": "high"}}}),
//! ];
//! assert_eq!(query.run(&twins)?, [json!({"deviceId": "pump-7", "plant": "p1"})]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What cannot be read is pointed at:
//!
//! ```
//! let error = iothub_query::Query::parse("SELECT * FROM devices WHERE tags.plant == 'p1'").unwrap_err();
//! assert_eq!(error.to_string(), "expected a value, found `=` at line 1, column 41");
//! ```
//!
//! An index serves a condition by its [`Constraint`]s: what must hold of a path in every row that is selected.
//!
//! ```
//! use iothub_query::Condition;
//!
//! let condition = Condition::of_twins("tags.plant = 'p1' AND deviceId IN ['a', 'b'] AND NOT is_null(tags.owner)")?;
//! let constraints: Vec<String> = condition.constraints().iter().map(ToString::to_string).collect();
//! assert_eq!(constraints, ["tags.plant = 'p1'", "deviceId IN ['a', 'b']"]);
//! # Ok::<(), iothub_query::ParseError>(())
//! ```

mod aggregate;
mod collection;
mod condition;
mod constraint;
mod datum;
mod error;
mod evaluate;
mod expression;
mod function;
pub mod fuzzing;
mod groups;
mod message;
mod name;
mod number;
mod parse;
mod path;
mod print;
mod query;
mod source;

pub use aggregate::{Aggregate, Statistic};
pub use collection::Collection;
pub use condition::Condition;
pub use constraint::{Constraint, ConstraintKind};
pub use datum::Datum;
pub use error::{Expectations, Expected, Found, ParseError, ParseErrorKind, Symbol};
pub use expression::{Comparison, Expr, Literal, Membership, Operator};
pub use function::Function;
pub use groups::{Groups, TooManyGroups};
pub use message::Message;
pub use name::{BadName, Name};
pub use number::Worth;
pub use path::{Path, Root, Step};
pub use query::{Column, Element, Query, Select};
pub use source::{Document, Source};
