use super::row::{Row, Says};
use crate::byte_set::ByteSet;
use crate::property::Name;
use crate::request::RequestId;
use crate::section::id;
#[cfg(feature = "preview5")]
use crate::section::put_text;
use crate::status::Status;
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
    /// In the classic dialect: in a list behind the last slash of the topic. Answers have their number in front of it.
    Path,
}

/// In front of the names of the application's properties.
pub(super) const APPLICATION: &str = "@";

/// The name of an application's property, which stands behind a `@`. Clients that encode everything encode that, too.
pub(super) fn application(name: Text<'_>) -> Option<Text<'_>> {
    match name.behind(APPLICATION) {
        None if name.is_encoded() => name.behind("%40"),
        behind => behind,
    }
}

/// What a name means. One that is in no table was refused when the message was opened.
pub(in crate::dialect) fn property_name<'a>(rows: &[Row], name: Text<'a>) -> Name<'a> {
    if let Some(name) = application(name) {
        return Name::Application(name);
    }
    match rows.iter().find(|row| row.is_called(id::USER, name)) {
        Some(Row { says: Says::Property(property), .. }) => Name::System(*property),
        Some(_) | None => Name::Application(name),
    }
}

/// What stands behind a name.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Text(Text<'a>),
    Number(u64),
    Status(Status),
    Request(RequestId<'a>),
    Bytes(&'a [u8]),
}

/// Writes what has names.
pub(in crate::dialect) struct List<'w, 'b> {
    wire: Wire,
    pub(super) out: &'w mut Writer<'b>,
    /// What is not percent-encoded in a topic.
    plain: ByteSet,
    /// What stands in a topic between the last and the next.
    separator: &'static str,
}

/// What is not percent-encoded in messages: unreserved characters, and `@`, which the reference's samples show.
pub(super) const PLAIN: ByteSet = ByteSet::UNRESERVED_OR_AT;

impl<'w, 'b> List<'w, 'b> {
    pub(in crate::dialect) fn new(wire: Wire, plain: ByteSet, out: &'w mut Writer<'b>) -> Self {
        Self { wire, out, plain, separator: "" }
    }

    /// One of them. In a section MQTT's own properties have no name.
    pub(super) fn put(&mut self, id: u8, prefix: &str, name: Text<'_>, value: &Value<'_>) {
        let Self { wire, out, plain, separator } = self;
        match wire {
            #[cfg(feature = "preview5")]
            Wire::Section => {
                _ = (plain, separator);
                out.put_byte(id);
                if id == id::USER {
                    put_text(prefix, name, out);
                }
                if let Value::Text(text) = value {
                    return put_text("", *text, out);
                }
                let start = out.begin_block();
                value.put(None, out);
                out.end_block(start);
            }
            // In a topic.
            _ => {
                _ = id;
                out.put_str(core::mem::replace(separator, "&"));
                out.put_str(prefix);
                out.put_encoded_but(*plain, name);
                out.put_byte(b'=');
                value.put(Some(*plain), out);
            }
        }
    }
}

impl Value<'_> {
    /// The value, percent-encoded but for these bytes.
    fn put(&self, plain: Option<ByteSet>, out: &mut Writer<'_>) {
        match (self, plain) {
            (Self::Text(text), Some(plain)) => out.put_encoded_but(plain, *text),
            (Self::Text(text), None) => out.put_text(*text),
            (Self::Request(request), _) => request.put(plain, out),
            (Self::Number(number), _) => out.put_number(*number),
            (Self::Status(status), _) => out.put_hex(u32::from(status.code()), 4, b'A'),
            (Self::Bytes(bytes), _) => out.put(bytes),
        }
    }
}
