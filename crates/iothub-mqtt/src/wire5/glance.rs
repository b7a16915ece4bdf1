use iothub_codec::PropertySection;

/// What an end has to know of the properties of a PUBLISH, from one look over a section that is in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) alias: Option<u16>,
    pub(super) has_subscription_identifier: bool,
}

impl Glance {
    /// `None` if there is a property that a PUBLISH does not have.
    pub(super) fn of(section: PropertySection<'_>) -> Option<Self> {
        let mut glance = Self::default();
        let mut rest = section.as_wire();
        while let [id, after @ ..] = rest {
            let len = match *id {
                PAYLOAD_FORMAT => 1,
                MESSAGE_EXPIRY => 4,
                CONTENT_TYPE | RESPONSE_TOPIC | CORRELATION_DATA => text_len(after)?,
                USER => {
                    let name = text_len(after)?;
                    name + text_len(after.get(name..)?)?
                }
                SUBSCRIPTION_IDENTIFIER => {
                    glance.has_subscription_identifier = true;
                    1 + after.iter().position(|byte| byte & 0x80 == 0)?
                }
                TOPIC_ALIAS => {
                    glance.alias = after.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
                    2
                }
                _ => return None,
            };
            rest = after.get(len..)?;
        }
        Some(glance)
    }
}

/// How long a text or bytes are, with their length.
fn text_len(wire: &[u8]) -> Option<usize> {
    wire.first_chunk().map(|len| 2 + usize::from(u16::from_be_bytes(*len)))
}

const PAYLOAD_FORMAT: u8 = 0x01;
const MESSAGE_EXPIRY: u8 = 0x02;
const CONTENT_TYPE: u8 = 0x03;
const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
const TOPIC_ALIAS: u8 = 0x23;
const USER: u8 = 0x26;

#[cfg(test)]
mod tests {
    use iothub_codec::SectionOf;

    use super::*;

    fn glance(wire: &[u8], of: SectionOf) -> Option<Glance> {
        Glance::of(PropertySection::from_wire(wire, of).unwrap())
    }

    #[test]
    fn an_alias_and_an_identifier_are_found_among_everything_else() {
        let all = b"\x01\x01\x02\0\0\0\x09\x03\0\x01c\x08\0\x01r\x09\0\x01d\x26\0\x01n\0\x02vv";
        assert_eq!(glance(all, SectionOf::Publish), Some(Glance::default()));
        let more = [&all[..], b"\x0b\xff\x7f\x23\x01\x02\x0b\x01"].concat();
        let found = Glance { alias: Some(0x0102), has_subscription_identifier: true };
        assert_eq!(glance(&more, SectionOf::Publish), Some(found));
    }

    #[test]
    fn what_a_publish_does_not_have_is_noticed() {
        for (wire, of) in [
            (&b"\x11\0\0\0\x01"[..], SectionOf::Connect),
            (b"\x1f\0\x01x", SectionOf::PubAck),
            (b"\x18\0\0\0\x01", SectionOf::Will),
            (b"\x26\0\0\0\0\x15\0\x01x", SectionOf::Auth),
        ] {
            assert_eq!(glance(wire, of), None, "{wire:02x?}");
        }
    }
}
