use iothub_query::{Literal, Worth};
use serde_json::{Number, Value as Json};

/// What stands at a path and can be compared, in the order and with the equality that conditions have.
///
/// Of a long text only the beginning is kept. As bytes are cut and not characters, texts in order stay in order: whoever
/// looks for a range finds all that is in it, and perhaps more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Worth),
    Text(Box<[u8]>),
}

impl Value {
    /// Bytes of a text that are kept.
    pub(super) const TEXT_MAX: usize = 128;

    /// `None` for what conditions do not compare.
    pub(super) fn of(json: &Json) -> Option<Self> {
        match json {
            Json::Null => Some(Self::Null),
            Json::Bool(truth) => Some(Self::Bool(*truth)),
            Json::Number(number) => Some(Self::number(number)),
            Json::String(text) => Some(Self::text(text)),
            Json::Array(_) | Json::Object(_) => None,
        }
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().iter().copied().take(Self::TEXT_MAX).collect())
    }

    fn number(number: &Number) -> Self {
        Self::Number(Worth(number.clone()))
    }

    /// Only two of one type are in a range together.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        core::mem::discriminant(self) == core::mem::discriminant(other)
    }
}

impl From<&Literal> for Value {
    fn from(literal: &Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(truth) => Self::Bool(*truth),
            Literal::Number(number) => Self::number(number),
            Literal::Text(text) => Self::text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_cut_stay_in_order() {
        let long = |len: usize, end: &str| format!("{}{end}", "x".repeat(len));
        let mut texts = vec![String::new(), "A".into(), "a".into(), "\u{e4}".into()];
        for len in 125..130 {
            texts.extend(["", "a", "z", "\u{e4}", "\u{20ac}", "\u{20ad}"].map(|end| long(len, end)));
        }
        texts.sort();
        for pair in texts.windows(2) {
            assert!(Value::text(&pair[0]) <= Value::text(&pair[1]), "{pair:?}");
        }
        assert_eq!(Value::text(&long(128, "")), Value::text(&long(129, "")));
    }

    #[test]
    fn numbers_are_what_they_are_worth() {
        let of = |text: &str| Value::of(&serde_json::from_str(text).unwrap()).unwrap();
        for (left, right) in [("1", "1.0"), ("0", "-0.0"), ("1e2", "100")] {
            assert_eq!(of(left), of(right), "{left} {right}");
        }
        assert!(of("null") < of("false") && of("true") < of("-1e300") && of("1e300") < of("\"\""));
    }
}
