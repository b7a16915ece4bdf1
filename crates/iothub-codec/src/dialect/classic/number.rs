use crate::dialect::row::decimal;
use crate::text::Text;
use crate::write::Writer;

/// A number as it stands in a topic. Whatever else is encoded, numbers are not.
pub(crate) fn number(text: &str) -> Option<u64> {
    decimal(Text::plain(text))
}

/// The same, perhaps with a minus in front.
pub(in crate::dialect) fn signed(text: &str) -> Option<i32> {
    let digits = text.strip_prefix("-");
    let number = u32::try_from(number(digits.unwrap_or(text))?).ok()?;
    match digits {
        Some(_) => 0_i32.checked_sub_unsigned(number),
        None => i32::try_from(number).ok(),
    }
}

pub(in crate::dialect) fn put_signed(number: i32, out: &mut Writer<'_>) {
    if number < 0 {
        out.put_byte(b'-');
    }
    out.put_number(u64::from(number.unsigned_abs()));
}
