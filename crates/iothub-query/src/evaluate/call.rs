use std::borrow::Cow;

use serde_json::Number;

use crate::datum::Datum;
use crate::expression::Expr;
use crate::function::Function;
use crate::number;
use crate::source::Source;

/// What a function makes of its arguments. A missing one is undefined; the parser lets none be missing.
pub(super) fn value<'s, S: Source + ?Sized>(
    function: Function,
    arguments: &'s [Expr],
    source: &'s S,
) -> Datum<'s> {
    let argument =
        |at: usize| arguments.get(at).map_or(Datum::Undefined, |argument| argument.evaluate(source));
    let first = argument(0);
    match function {
        Function::IsDefined | Function::TwinChangeIncludes => Datum::Bool(first != Datum::Undefined),
        Function::IsNull => Datum::Bool(first == Datum::Null),
        Function::IsNumber => Datum::Bool(first.number().is_some()),
        Function::IsString => Datum::Bool(first.text().is_some()),
        Function::IsBool => Datum::Bool(first.truth().is_some()),
        Function::IsArray => Datum::Bool(composite(&first, serde_json::Value::is_array)),
        Function::IsObject => Datum::Bool(composite(&first, serde_json::Value::is_object)),
        Function::IsPrimitive => Datum::Bool(first.is_primitive()),
        Function::AsNumber => match first.text() {
            Some(text) => number::from_text(text).into(),
            None => first.number().cloned().into(),
        },
        Function::Abs => mathematical(&first, |whole| Some(whole.abs()), f64::abs),
        Function::Exp => mathematical(&first, |_| None, f64::exp),
        Function::Square => mathematical(&first, |whole| whole.checked_mul(whole), |float| float * float),
        Function::Sqrt => mathematical(&first, |_| None, f64::sqrt),
        Function::Ceiling => mathematical(&first, Some, f64::ceil),
        Function::Floor => mathematical(&first, Some, f64::floor),
        Function::Sign => mathematical(&first, |whole| Some(whole.signum()), f64::signum),
        Function::Power => match (first.number(), argument(1).number()) {
            (Some(base), Some(exponent)) => written(number::float(base).powf(number::float(exponent))).into(),
            _ => Datum::Undefined,
        },
        Function::Concat => concatenated(arguments.iter().map(|argument| argument.evaluate(source))),
        Function::Length => first.text().map(|text| Number::from(text.chars().count())).into(),
        Function::Lower => text_of(first.text().map(str::to_lowercase)),
        Function::Upper => text_of(first.text().map(str::to_uppercase)),
        Function::Substring => {
            let length = (arguments.len() > 2).then(|| argument(2));
            text_of(first.text().and_then(|text| substring(text, &argument(1), length.as_ref())))
        }
        Function::IndexOf => match (first.text(), argument(1).text()) {
            (Some(text), Some(part)) => Datum::Number(index_of(text, part)),
            _ => Datum::Undefined,
        },
        Function::StartsWith => both(&first, &argument(1), |text, part| text.starts_with(part)),
        Function::EndsWith => both(&first, &argument(1), |text, part| text.ends_with(part)),
        Function::Contains => both(&first, &argument(1), |text, part| text.contains(part)),
    }
}

fn composite(datum: &Datum<'_>, is: impl Fn(&serde_json::Value) -> bool) -> bool {
    match datum {
        Datum::Composite(value) => is(value),
        Datum::Undefined | Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_) => false,
    }
}

/// Exactly if it is a whole number, as floats would round great ones.
fn mathematical<'s>(
    of: &Datum<'_>,
    exactly: impl FnOnce(i128) -> Option<i128>,
    about: impl FnOnce(f64) -> f64,
) -> Datum<'s> {
    let Some(number) = of.number() else { return Datum::Undefined };
    match number::whole(number).and_then(exactly) {
        Some(whole) => number::from_whole(whole).into(),
        None => written(about(number::float(number))).into(),
    }
}

/// Whole again, if it is.
fn written(float: f64) -> Option<Number> {
    let number = Number::from_f64(float)?;
    match number::whole(&number) {
        Some(whole) => number::from_whole(whole),
        None => Some(number),
    }
}

fn concatenated<'s>(parts: impl Iterator<Item = Datum<'s>>) -> Datum<'s> {
    let mut whole = String::new();
    for part in parts {
        let Some(text) = part.text() else { return Datum::Undefined };
        whole.push_str(text);
    }
    text_of(Some(whole))
}

fn substring(text: &str, start: &Datum<'_>, length: Option<&Datum<'_>>) -> Option<String> {
    let start = place(start)?;
    let mut rest = text.chars();
    for _ in 0..start {
        rest.next()?;
    }
    match length {
        None => Some(rest.collect()),
        Some(length) => Some(rest.take(place(length)?).collect()),
    }
}

fn place(datum: &Datum<'_>) -> Option<usize> {
    usize::try_from(number::whole(datum.number()?)?).ok()
}

fn index_of(text: &str, part: &str) -> Number {
    match text.find(part) {
        Some(at) => Number::from(text[..at].chars().count()),
        None => Number::from(-1),
    }
}

fn both<'s>(text: &Datum<'_>, part: &Datum<'_>, is: impl Fn(&str, &str) -> bool) -> Datum<'s> {
    match (text.text(), part.text()) {
        (Some(text), Some(part)) => Datum::Bool(is(text, part)),
        _ => Datum::Undefined,
    }
}

fn text_of<'s>(text: Option<String>) -> Datum<'s> {
    text.map_or(Datum::Undefined, |text| Datum::Text(Cow::Owned(text)))
}
