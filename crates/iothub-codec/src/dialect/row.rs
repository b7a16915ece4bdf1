use crate::error::{DecodeErrorKind, Field};
use crate::property::SystemProperty;
use crate::text::Text;

/// What one of the previews says about a system property. They are strict about them, where the classic dialect
/// takes anything.
pub(super) struct Row {
    pub(super) property: SystemProperty,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) telemetry: Presence,
    pub(super) command: Presence,
}

/// What the value of a property is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Milliseconds since 1970-01-01T00:00:00Z, in decimal.
    Time,
    U32,
    U64,
}

/// Whether a property belongs to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Never,
    Optional,
    Required,
}

impl Row {
    pub(super) fn check(&self, value: Text<'_>) -> Result<(), DecodeErrorKind> {
        let good = match self.kind {
            Kind::Text => true,
            Kind::U32 => decimal(value).is_some_and(|number| u32::try_from(number).is_ok()),
            Kind::Time | Kind::U64 => decimal(value).is_some(),
        };
        if good { Ok(()) } else { Err(DecodeErrorKind::BadValue(Field::Property(self.property))) }
    }
}

/// A number in decimal, and nothing else.
pub(super) fn decimal(text: Text<'_>) -> Option<u64> {
    let mut digits = text.bytes();
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let first = digit(digits.next()?)?;
    digits.try_fold(first, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)?))
}
