use crate::collection::Collection;
use crate::constraint::{self, Constraint};
use crate::datum::Datum;
use crate::error::ParseError;
use crate::expression::Expr;
use crate::parse;
use crate::source::Source;

/// What is said of a document, or of a message, and holds or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(pub(crate) Expr);

impl Condition {
    /// Reads a condition on twins, as a job names its devices by it. `*` stands for all of them.
    ///
    /// # Errors
    ///
    /// As for [`Query::parse`](crate::Query::parse).
    pub fn of_twins(text: &str) -> Result<Self, ParseError> {
        parse::twin_condition(text).map(Self)
    }

    /// Reads a condition on twins that may say of what these are, as configurations name whom they are for:
    /// `FROM devices.modules WHERE moduleId = 'camera'`. Without `FROM` they are of devices.
    ///
    /// # Errors
    ///
    /// As for [`Query::parse`](crate::Query::parse).
    pub fn of_targets(text: &str) -> Result<(Collection, Self), ParseError> {
        parse::targets(text).map(|(from, expr)| (from, Self(expr)))
    }

    /// Reads a condition on messages, as a route has it; put it to a [`Message`](crate::Message).
    ///
    /// Differs in that names may have `-` in them, paths may have indexes, there are `||` and `??`, and constants such
    /// as `true` are written in lower case.
    ///
    /// ```
    /// use iothub_query::{Condition, Message};
    ///
    /// let condition = Condition::of_messages("level = 'hot' AND as_number(severity) >= 2")?;
    /// let application = [("level", "hot"), ("Severity", "3")];
    /// assert!(condition.holds(&Message { application: &application, ..Message::default() }));
    /// # Ok::<(), iothub_query::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Query::parse`](crate::Query::parse).
    pub fn of_messages(text: &str) -> Result<Self, ParseError> {
        parse::message_condition(text).map(Self)
    }

    /// Whether it holds: whether its value is `true`. Everything else does not count as holding.
    pub fn holds<S: Source + ?Sized>(&self, source: &S) -> bool {
        matches!(self.0.evaluate(source), Datum::Bool(true))
    }

    /// What must be so of single paths wherever it holds. A document for which one of these does not hold need not be
    /// looked at; one for which all do may still be refused.
    pub fn constraints(&self) -> Vec<Constraint> {
        constraint::of(&self.0)
    }

    /// The tree.
    pub const fn expr(&self) -> &Expr {
        &self.0
    }
}

impl From<Expr> for Condition {
    fn from(expr: Expr) -> Self {
        Self(expr)
    }
}
