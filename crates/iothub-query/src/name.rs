use core::fmt;

/// The name of a property, known to be one that a query can say.
///
/// What is not a plain word is written `[[so]]`: `configurations.[[my-fleet]].status`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Accepts every text but the empty one and those that `]]` would cut short.
    ///
    /// # Errors
    ///
    /// [`BadName`] for a text that is empty, has `]]` inside it, or ends in `]`.
    pub fn new(name: &str) -> Result<Self, BadName> {
        match name.is_empty() || name.contains("]]") || name.ends_with(']') {
            true => Err(BadName),
            false => Ok(Self(name.into())),
        }
    }

    /// The name itself, without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that the grammar has let through.
    pub(crate) fn known(name: &str) -> Self {
        debug_assert!(Self::new(name).is_ok(), "{name:?}");
        Self(name.into())
    }

    /// Whether it needs no brackets behind a dot, in any dialect.
    pub(crate) fn is_word(&self) -> bool {
        let mut chars = self.0.chars();
        chars.next().is_some_and(begins_word) && chars.all(continues_word)
    }
}

/// As a query says it behind a dot.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_word() {
            true => f.write_str(&self.0),
            false => write!(f, "[[{}]]", self.0),
        }
    }
}

/// Not the name of a property that a query could say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no name can be empty, have `]]` in it or end in `]`")]
pub struct BadName;

pub(crate) fn begins_word(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '$')
}

pub(crate) fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}
