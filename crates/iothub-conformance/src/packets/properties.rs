//! MQTT 5 properties as lines: those of the names below, and user properties as `user NAME: VALUE`.

use iothub_codec::{PropertySection, SectionOf, SectionProperty, SectionWriter, UserProperty};

use crate::conversation::Deed;
use crate::player::Trouble;

/// Most bytes of a section.
const SECTION_MAX: usize = 4096;

/// The lines below a packet as a section.
pub(crate) fn section(fields: &[(String, String)], of: SectionOf) -> Result<Vec<u8>, Trouble> {
    let mut out = [0; SECTION_MAX];
    let mut writer = SectionWriter::new(of, &mut out);
    for (name, value) in fields {
        let bad = || Trouble::new(format!("{name:?}: {value:?} is no property of this packet"));
        let property = property(name, value).ok_or_else(bad)?;
        writer.put(property).map_err(|_| bad())?;
    }
    let section = writer.finish().map_err(|error| Trouble::new(format!("properties: {error}")))?;
    Ok(section.as_wire().to_vec())
}

fn property<'a>(name: &'a str, value: &'a str) -> Option<SectionProperty<'a>> {
    if let Some(name) = name.strip_prefix("user ") {
        return Some(SectionProperty::User(UserProperty { name, value }));
    }
    Some(match name {
        "content-type" => SectionProperty::ContentType(value),
        "correlation-data" => SectionProperty::CorrelationData(value.as_bytes()),
        "response-topic" => SectionProperty::ResponseTopic(value),
        "reason-string" => SectionProperty::ReasonString(value),
        "authentication-method" => SectionProperty::AuthenticationMethod(value),
        "request-problem-information" => SectionProperty::RequestProblemInformation(value == "1"),
        "topic-alias" => SectionProperty::TopicAlias(value.parse().ok()?),
        "message-expiry" => SectionProperty::MessageExpiryInterval(value.parse().ok()?),
        "session-expiry" => SectionProperty::SessionExpiryInterval(value.parse().ok()?),
        _ => return None,
    })
}

/// A section as lines below a packet.
pub(crate) fn with_fields(deed: Deed, section: PropertySection<'_>) -> Deed {
    let texts = [
        ("content-type", section.content_type()),
        ("response-topic", section.response_topic()),
        ("reason-string", section.reason_string()),
        ("authentication-method", section.authentication_method()),
    ];
    let numbers = [
        ("topic-alias", section.topic_alias().map(u32::from)),
        ("message-expiry", section.message_expiry_interval()),
        ("session-expiry", section.session_expiry_interval()),
    ];
    let correlation = section.correlation_data().map(String::from_utf8_lossy);
    let before = deed.fields.len();
    let deed =
        section.authentication_data().map_or(deed.clone(), |_| deed.field("authentication-data", "(secret)"));
    let deed = correlation.into_iter().fold(deed, |deed, data| deed.field("correlation-data", data));
    let deed = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .fold(deed, |deed, (name, text)| deed.field(name, text));
    let deed = numbers
        .into_iter()
        .filter_map(|(name, number)| Some((name, number?)))
        .fold(deed, |deed, (name, number)| deed.field(name, number));
    let deed = section.user().fold(deed, |deed, user| deed.field(format!("user {}", user.name), user.value));
    if deed.fields.len() - before == section.iter().count() {
        return deed;
    }
    // No conversation speaks of the others: where one comes, the lines differ, and show it.
    deed.field("properties", format!("{section:?}"))
}
