use crate::pairs::Pairs;
use crate::section::id;
#[cfg(feature = "preview5")]
use crate::section::{PropertySection, text};
use crate::text::Text;

/// What has names, as it stands on the wire.
#[derive(Clone, Copy)]
pub(crate) enum Entries<'a> {
    /// In a topic, percent-encoded.
    List(Pairs<'a>),
    /// In a section that has been checked.
    #[cfg(feature = "preview5")]
    Section(PropertySection<'a>),
}

/// One of them.
pub(crate) struct Entry<'a> {
    /// That of user properties, or of the property of MQTT's own that it is, which has no name.
    pub(crate) id: u8,
    pub(crate) name: Text<'a>,
    /// What is no text is an empty one.
    pub(crate) value: Text<'a>,
    /// The value, as it stands there.
    #[cfg_attr(
        not(any(feature = "preview311", feature = "preview5")),
        expect(dead_code, reason = "the classic dialect has nothing but texts")
    )]
    pub(crate) bytes: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        match self {
            Self::List(pairs) => pairs.next().map(|(name, value)| Entry {
                id: id::USER,
                name: Text::percent_encoded(name),
                value: Text::percent_encoded(value),
                bytes: value.as_bytes(),
            }),
            #[cfg(feature = "preview5")]
            Self::Section(section) => section.take_raw().map(|raw| Entry {
                id: raw.id,
                name: Text::plain(text(raw.name)),
                value: Text::plain(text(raw.value)),
                bytes: raw.value,
            }),
        }
    }
}
