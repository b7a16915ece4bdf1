use iothub_model::ErrorCode;

use crate::rest::Failure;

/// Accepts what may name `of`: letters, digits, `-`, `.` and `_`.
pub(super) fn name(text: &str, of: &str, len_max: usize) -> Result<String, Failure> {
    let fit = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if fit && (1..=len_max).contains(&text.len()) {
        return Ok(text.into());
    }
    let message =
        format!("the name of {of} has 1 to {len_max} letters, digits, dashes, dots and underscores");
    Err(Failure::new(ErrorCode::ArgumentInvalid, message))
}
