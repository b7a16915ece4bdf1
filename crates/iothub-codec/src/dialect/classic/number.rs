use crate::dialect::row::decimal;
use crate::text::Text;
use crate::write::Writer;

/// A number as it stands in a topic. Whatever else is encoded, numbers are not.
pub(crate) fn number(text: &str) -> Option<u64> {
    decimal(Text::plain(text))
}

/// The same, perhaps with a minus in front.
pub(super) fn signed(text: &str) -> Option<i32> {
    let number = |text| number(text).and_then(|number| i64::try_from(number).ok());
    let signed = match text.strip_prefix("-") {
        Some(digits) => number(digits).map(i64::wrapping_neg),
        None => number(text),
    };
    i32::try_from(signed?).ok()
}

pub(super) fn put_signed(number: i32, out: &mut Writer<'_>) {
    if number < 0 {
        out.put_byte(b'-');
    }
    out.put_number(u64::from(number.unsigned_abs()));
}
