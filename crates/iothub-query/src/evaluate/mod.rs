//! What an expression is worth for one document. [`Datum`] has the rules.

mod call;

use std::borrow::Cow;

use serde_json::Value;

use crate::datum::Datum;
use crate::expression::{Expr, Literal, Membership, Operator};
use crate::number;
use crate::source::Source;

impl Expr {
    /// What it is worth for this document.
    pub fn evaluate<'s, S: Source + ?Sized>(&'s self, source: &'s S) -> Datum<'s> {
        match self {
            Self::Undefined => Datum::Undefined,
            Self::Literal(literal) => literal.into(),
            Self::Array(items) => Datum::Composite(Cow::Owned(array(items))),
            Self::Path(path) => source.resolve(path),
            Self::Not(inner) => inner.evaluate(source).truth().map(|truth| !truth).into(),
            Self::Negate(inner) => inner.evaluate(source).number().and_then(number::negate).into(),
            Self::All(members) => joined(members, source, false),
            Self::Any(members) => joined(members, source, true),
            Self::Compare(left, comparison, right) => {
                left.evaluate(source).compare(*comparison, &right.evaluate(source)).into()
            }
            Self::Combine(left, operator, right) => {
                combined(left.evaluate(source), *operator, || right.evaluate(source))
            }
            Self::Member(of, membership, among) => member(&of.evaluate(source), *membership, among).into(),
            Self::Call(function, arguments) => call::value(*function, arguments, source),
        }
    }
}

/// `AND` if false decides it, `OR` if true does.
fn joined<'s, S: Source + ?Sized>(members: &'s [Expr], source: &'s S, deciding: bool) -> Datum<'s> {
    let mut value = Some(!deciding);
    for member in members {
        match member.evaluate(source).truth() {
            Some(truth) if truth == deciding => return Datum::Bool(deciding),
            Some(_) => {}
            None => value = None,
        }
    }
    value.into()
}

fn combined<'s>(left: Datum<'s>, operator: Operator, right: impl FnOnce() -> Datum<'s>) -> Datum<'s> {
    match operator {
        Operator::Coalesce => match left {
            Datum::Undefined => right(),
            Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_) | Datum::Composite(_) => left,
        },
        Operator::Concatenate => match (left.text(), right().text()) {
            (Some(left), Some(right)) => Datum::Text(Cow::Owned([left, right].concat())),
            _ => Datum::Undefined,
        },
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
            match (left.number(), right().number()) {
                (Some(left), Some(right)) => number::combine(left, operator, right).into(),
                _ => Datum::Undefined,
            }
        }
    }
}

/// What a list has of other types is merely not the value: it is the value that must be comparable.
fn member(of: &Datum<'_>, membership: Membership, among: &[Literal]) -> Option<bool> {
    of.is_primitive().then(|| {
        let found = among.iter().any(|literal| is(of, literal));
        match membership {
            Membership::In => found,
            Membership::NotIn => !found,
        }
    })
}

pub(crate) fn is(datum: &Datum<'_>, literal: &Literal) -> bool {
    datum.compare(crate::Comparison::Equal, &literal.into()) == Some(true)
}

fn array(items: &[Literal]) -> Value {
    Value::Array(items.iter().filter_map(|item| Datum::from(item).into_value()).collect())
}
