pub(super) use crate::catalogue::ValueKind as Kind;
use crate::property::SystemProperty;
use crate::status::Status;
use crate::text::Text;

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
    if kind == Kind::Text {
        return Some(0);
    }
    let (number, len) = digits(value, if kind == Kind::Status { 16 } else { 10 });
    let fits = len != 0
        && (kind != Kind::U32 || u32::try_from(number).is_ok())
        && (kind != Kind::Status || len == STATUS_LEN);
    fits.then_some(number)
}

/// A number in decimal, and nothing else.
pub(super) fn decimal(text: Text<'_>) -> Option<u64> {
    let (number, len) = digits(text, 10);
    (len != 0).then_some(number)
}

/// A status: four hex digits, in any case.
pub(super) fn status(text: Text<'_>) -> Option<Status> {
    let (code, len) = digits(text, 16);
    u16::try_from(code).ok().filter(|_| len == STATUS_LEN).map(Status::from_code)
}

const STATUS_LEN: usize = 4;

/// A number, and how many digits it has: none, if it is no number, or too large a one.
#[cfg_attr(feature = "fast", inline)]
#[cfg_attr(not(feature = "fast"), inline(never))]
fn digits(text: Text<'_>, radix: u32) -> (u64, usize) {
    let digit = |number: u64, byte: u8| {
        let digit = char::from(byte).to_digit(radix)?;
        number.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    };
    let (mut number, mut len) = (0, 0);
    for byte in text.bytes() {
        let Some(longer) = digit(number, byte) else { return (0, 0) };
        (number, len) = (longer, len + 1);
    }
    (number, len)
}
