use core::cmp::Ordering;

use serde_json::Number;

use crate::expression::Operator;

/// By their worth, exactly: `1` and `1.0` are equal, and whole numbers that a float cannot tell apart are not.
pub(crate) fn compare(left: &Number, right: &Number) -> Ordering {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => whole_with_float(left, float(right)),
        (None, Some(right)) => whole_with_float(right, float(left)).reverse(),
        (None, None) => float(left).total_cmp(&float(right)),
    }
}

fn whole_with_float(whole: i128, float: f64) -> Ordering {
    // Every whole number of JSON is far below this, and every float below it has a floor that i128 holds exactly.
    const BEYOND: f64 = 1e30;
    if float.abs() >= BEYOND {
        return 0.0_f64.total_cmp(&float);
    }
    let floor = float.floor();
    let part = if float > floor { Ordering::Less } else { Ordering::Equal };
    whole.cmp(&(floor as i128)).then(part)
}

/// The whole number that it is, if it is written as one; a float that happens to be whole and is small enough is one,
/// too, so that `-0.0` is 0.
pub(crate) fn whole(number: &Number) -> Option<i128> {
    let written = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    written.or_else(|| {
        let float = float(number);
        (float.fract() == 0.0 && float.abs() < EXACT).then_some(float as i128)
    })
}

/// Floats below this are whole numbers exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What it is worth, about.
pub(crate) fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// A whole number, or the float nearest to it.
pub(crate) fn from_whole(whole: i128) -> Option<Number> {
    Number::from_i128(whole).or_else(|| Number::from_f64(whole as f64))
}

/// What arithmetic makes of the two: none for what is no finite number, and for operators on other values.
pub(crate) fn combine(left: &Number, operator: Operator, right: &Number) -> Option<Number> {
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        let exact = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_rem(right).filter(|rest| *rest == 0).map(|_| left / right),
            Operator::Remainder => left.checked_rem(right),
            Operator::Concatenate | Operator::Coalesce => None,
        };
        if let Some(exact) = exact {
            return from_whole(exact);
        }
    }
    let (left, right) = (float(left), float(right));
    // An infinite or undefined result is no number of JSON.
    Number::from_f64(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
        Operator::Concatenate | Operator::Coalesce => return None,
    })
}

pub(crate) fn negate(number: &Number) -> Option<Number> {
    match whole(number) {
        Some(whole) => from_whole(-whole),
        None => Number::from_f64(-float(number)),
    }
}

/// The number that a text says in decimal, and nothing beside it.
pub(crate) fn from_text(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Floats of Rust may also be called `inf` or `nan`.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let whole = text.parse().map(i64::into).or_else(|_| text.parse().map(u64::into));
    whole.ok().or_else(|| text.parse().ok().and_then(Number::from_f64))
}

/// A number that is ordered, and equal to others, by what it is worth.
///
/// `1` and `1.0` are the same, as they are to a condition. An index that keeps numbers in this order finds what a
/// condition selects.
#[derive(Clone, Debug)]
pub struct Worth(pub Number);

impl PartialEq for Worth {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Worth {}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_exact_worth() {
        let ordered = [
            "-1e300",
            "-9223372036854775808",
            "-2.5",
            "-2",
            "0",
            "0.1",
            "1",
            "1.5",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "1e300",
        ]
        .map(|text| from_text(text).unwrap());
        for (i, left) in ordered.iter().enumerate() {
            for (j, right) in ordered.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left} {right}");
            }
        }
        for (left, right) in [("1", "1.0"), ("0", "-0.0"), ("9007199254740992", "9007199254740992.0")] {
            assert!(compare(&from_text(left).unwrap(), &from_text(right).unwrap()).is_eq(), "{left} {right}");
        }
    }

    #[test]
    fn arithmetic_is_exact_while_it_can_be_and_ends_where_numbers_end() {
        for (left, operator, right, expected) in [
            ("1", Operator::Add, "2", Some("3")),
            ("9007199254740993", Operator::Add, "0", Some("9007199254740993")),
            ("9223372036854775807", Operator::Add, "1", Some("9223372036854775808")),
            ("1", Operator::Subtract, "2.5", Some("-1.5")),
            ("3", Operator::Multiply, "0.5", Some("1.5")),
            ("6", Operator::Divide, "3", Some("2")),
            ("7", Operator::Divide, "2", Some("3.5")),
            ("7", Operator::Divide, "0", None),
            ("7", Operator::Remainder, "0", None),
            ("-7", Operator::Remainder, "2", Some("-1")),
            ("7.5", Operator::Remainder, "2", Some("1.5")),
            ("1e308", Operator::Multiply, "10", None),
        ] {
            let combined = combine(&from_text(left).unwrap(), operator, &from_text(right).unwrap());
            assert_eq!(combined, expected.and_then(from_text), "{left} {operator:?} {right}");
        }
    }

    #[test]
    fn only_decimal_texts_are_numbers() {
        for text in ["", "-", "inf", "NaN", "+1", "0x1F", "1 ", " 1", ".5", "1e999", "one"] {
            assert_eq!(from_text(text), None, "{text:?}");
        }
    }
}
