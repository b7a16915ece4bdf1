use core::fmt::{self, Display};

/// Why a command stopped, in words for whoever started it.
///
/// What is wrong in detail has been printed by then; this is the last line.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// For `map_err`: says what was attempted in front of why it did not work.
    pub(crate) fn while_doing<E: Display>(what: impl Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
