pub(super) use crate::catalogue::ValueKind as Kind;
use crate::property::SystemProperty;
use crate::status::Status;
use crate::text::{Text, hex};

/// What one of the previews says about a system property. They are strict about them, where the classic dialect
/// takes anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) property: SystemProperty,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) telemetry: Presence,
    pub(crate) command: Presence,
}

/// Whether a property belongs to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Never,
    Optional,
    Required,
}

impl Presence {
    /// Whether it must be there, if it can be.
    pub(crate) fn required(self) -> Option<bool> {
        match self {
            Self::Never => None,
            Self::Optional => Some(false),
            Self::Required => Some(true),
        }
    }
}

/// The number that a value of that kind is; 0 for a text, which need not be one. `None` for what it cannot be.
pub(super) fn number(kind: Kind, value: Text<'_>) -> Option<u64> {
    match kind {
        Kind::Text => Some(0),
        Kind::U32 => decimal(value).filter(|number| *number <= u64::from(u32::MAX)),
        Kind::Time | Kind::U64 => decimal(value),
        Kind::Status => status(value).map(|status| u64::from(status.code())),
    }
}

/// A number in decimal, and nothing else.
pub(super) fn decimal(text: Text<'_>) -> Option<u64> {
    let mut digits = text.bytes();
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let first = digit(digits.next()?)?;
    digits.try_fold(first, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)?))
}

/// A status: four hex digits, in any case.
pub(super) fn status(text: Text<'_>) -> Option<Status> {
    let (mut code, mut len) = (0, 0_usize);
    for digit in text.bytes() {
        code = code << 4 | u16::from(hex(digit)?);
        len += 1;
    }
    (len == 4).then_some(Status::from_code(code))
}
