use iothub_model::{BadEtag, IfMatch};

/// Reads `--if-match`: an etag with or without quotes, or a star.
pub(crate) fn condition(text: &str) -> Result<IfMatch, BadEtag> {
    match IfMatch::parse(Some(text))? {
        IfMatch::None => Err(BadEtag),
        condition @ (IfMatch::Any | IfMatch::Exactly(_)) => Ok(condition),
    }
}
