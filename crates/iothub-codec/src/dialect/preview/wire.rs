use crate::byte_set::ByteSet;
use crate::dialect::row::Row;
use crate::property::Name;
#[cfg(feature = "preview5")]
use crate::section::{id, put_text, put_user};
use crate::text::Text;
use crate::write::Writer;

/// Where the fields of a message stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Wire {
    /// In a list at the end of the topic.
    #[cfg(feature = "preview311")]
    Topic,
    /// In the property section.
    #[cfg(feature = "preview5")]
    Section,
}

/// In front of the names of the application's properties.
pub(super) const APPLICATION: &str = "@";

/// The name of an application's property, which stands behind a `@`. Clients that encode everything encode that, too.
pub(super) fn application(name: Text<'_>) -> Option<Text<'_>> {
    name.behind(APPLICATION).or_else(|| name.behind("%40").filter(|name| name.is_encoded()))
}

/// What a name means. One that is in no table was refused when the message was opened.
pub(in crate::dialect) fn property_name<'a>(rows: &[Row], name: Text<'a>) -> Name<'a> {
    match application(name) {
        Some(name) => Name::Application(name),
        None => rows
            .iter()
            .find(|row| name == row.name)
            .map_or(Name::Application(name), |row| Name::System(row.property)),
    }
}

/// Writes what has names.
pub(in crate::dialect) struct List<'w, 'b> {
    pub(super) wire: Wire,
    pub(super) out: &'w mut Writer<'b>,
    /// What stands between the last and the next.
    #[cfg(feature = "preview311")]
    separator: &'static str,
    /// What is not percent-encoded.
    #[cfg(feature = "preview311")]
    plain: ByteSet,
}

/// What is not percent-encoded in messages: unreserved characters, and `@`, which the reference's samples show.
pub(super) const PLAIN: ByteSet = ByteSet::UNRESERVED_OR_AT;

impl<'w, 'b> List<'w, 'b> {
    pub(in crate::dialect) fn new(wire: Wire, plain: ByteSet, out: &'w mut Writer<'b>) -> Self {
        #[cfg(not(feature = "preview311"))]
        let _ = plain;
        Self {
            wire,
            out,
            #[cfg(feature = "preview311")]
            separator: "",
            #[cfg(feature = "preview311")]
            plain,
        }
    }

    pub(super) fn put_text(&mut self, prefix: &str, name: &Text<'_>, value: &Text<'_>) {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => {
                self.put_name(prefix, name);
                self.out.put_encoded_but(self.plain, *value);
            }
            #[cfg(feature = "preview5")]
            Wire::Section => put_user(prefix, *name, *value, self.out),
        }
    }

    pub(super) fn put_number(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            let value = self.begin(name);
            self.out.put_number(number);
            self.end(value);
        }
    }

    /// A name whose value is written next; gives what [`Self::end`] wants to know behind that.
    pub(super) fn begin(&mut self, name: &str) -> usize {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => {
                self.put_name("", &Text::plain(name));
                0
            }
            #[cfg(feature = "preview5")]
            Wire::Section => {
                self.out.put_byte(id::USER);
                put_text("", Text::plain(name), self.out);
                self.out.begin_block()
            }
        }
    }

    pub(super) fn end(&mut self, value: usize) {
        match self.wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => {}
            #[cfg(feature = "preview5")]
            Wire::Section => self.out.end_block(value),
        }
    }

    #[cfg(feature = "preview311")]
    fn put_name(&mut self, prefix: &str, name: &Text<'_>) {
        self.out.put_str(self.separator);
        self.separator = "&";
        self.out.put_str(prefix);
        self.out.put_encoded_but(self.plain, *name);
        self.out.put_byte(b'=');
    }

    #[cfg(feature = "preview5")]
    pub(super) fn put_content_type(&mut self, media_type: &Text<'_>) {
        self.out.put_byte(id::CONTENT_TYPE);
        put_text("", *media_type, self.out);
    }
}
