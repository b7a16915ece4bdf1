use core::cmp::Ordering;
use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::expression::{Comparison, Literal};
use crate::number;

/// What an expression is worth for one document.
///
/// - Only primitives are compared: texts by their characters, numbers by their worth, `false` below `true`. Two of
///   different types are not comparable and neither is anything with what is undefined, an array or an object: that
///   gives undefined, for `!=` too. Only `null` equals itself and differs from every other primitive.
/// - `AND` is false where one side is false, `OR` true where one is true, whatever the other is; otherwise one that is
///   not a truth value makes it undefined. `NOT` of such a value is undefined.
/// - What is calculated is undefined where a side is no number, and where the result would be none, as in `1 / 0`.
/// - A condition holds where it is `true`, and nowhere else.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    /// There is nothing.
    Undefined,
    /// JSON's `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Cow<'a, str>),
    /// An array or an object.
    Composite(Cow<'a, Value>),
}

impl Datum<'_> {
    /// As JSON; none if undefined.
    pub fn into_value(self) -> Option<Value> {
        match self {
            Self::Undefined => None,
            Self::Null => Some(Value::Null),
            Self::Bool(truth) => Some(Value::Bool(truth)),
            Self::Number(number) => Some(Value::Number(number)),
            Self::Text(text) => Some(Value::String(text.into_owned())),
            Self::Composite(value) => Some(value.into_owned()),
        }
    }

    /// Whether it can be compared at all.
    pub const fn is_primitive(&self) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => true,
            Self::Undefined | Self::Composite(_) => false,
        }
    }

    /// Whether that comparison is true; none if the two cannot be compared so.
    pub fn compare(&self, comparison: Comparison, other: &Datum<'_>) -> Option<bool> {
        match comparison {
            Comparison::Equal => self.equals(other),
            Comparison::NotEqual => self.equals(other).map(|equal| !equal),
            Comparison::Less => self.order(other).map(Ordering::is_lt),
            Comparison::AtMost => self.order(other).map(Ordering::is_le),
            Comparison::Greater => self.order(other).map(Ordering::is_gt),
            Comparison::AtLeast => self.order(other).map(Ordering::is_ge),
        }
    }

    fn equals(&self, other: &Datum<'_>) -> Option<bool> {
        match (self, other) {
            (Self::Null, Datum::Null) => Some(true),
            (Self::Null, _) => other.is_primitive().then_some(false),
            (_, Datum::Null) => self.is_primitive().then_some(false),
            _ => self.order(other).map(Ordering::is_eq),
        }
    }

    fn order(&self, other: &Datum<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(left), Datum::Bool(right)) => Some(left.cmp(right)),
            (Self::Number(left), Datum::Number(right)) => Some(number::compare(left, right)),
            (Self::Text(left), Datum::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    pub(crate) const fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Undefined | Self::Null | Self::Number(_) | Self::Text(_) | Self::Composite(_) => None,
        }
    }

    pub(crate) const fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Text(_) | Self::Composite(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) | Self::Composite(_) => None,
        }
    }
}

impl<'a> From<&'a Value> for Datum<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::from(text.as_str()),
            Value::Array(_) | Value::Object(_) => Self::Composite(Cow::Borrowed(value)),
        }
    }
}

impl From<Value> for Datum<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(truth),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(Cow::Owned(text)),
            Value::Array(_) | Value::Object(_) => Self::Composite(Cow::Owned(value)),
        }
    }
}

impl<'a> From<&'a str> for Datum<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a Literal> for Datum<'a> {
    fn from(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(truth) => Self::Bool(*truth),
            Literal::Number(number) => Self::Number(number.clone()),
            Literal::Text(text) => Self::from(text.as_str()),
        }
    }
}

impl From<Option<bool>> for Datum<'_> {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Self::Undefined, Self::Bool)
    }
}

impl From<Option<Number>> for Datum<'_> {
    fn from(number: Option<Number>) -> Self {
        number.map_or(Self::Undefined, Self::Number)
    }
}
