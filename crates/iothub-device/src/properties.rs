use iothub_codec::{Dialect, Name, SystemProperty, TraceContext};

/// The properties of a message, decoded and owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    system: Vec<(SystemProperty, String)>,
    application: Vec<(String, String)>,
}

impl Properties {
    /// The value of a property of the application's.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.application.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a system property.
    pub fn system(&self, name: SystemProperty) -> Option<&str> {
        self.system.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// Where the message stands in a trace, if it says so: by the properties that [`Message::trace_context`] sets, wherever
    /// its dialect has them.
    ///
    /// [`Message::trace_context`]: crate::Message::trace_context
    pub fn trace_context(&self) -> Option<TraceContext<'_>> {
        let of = |name: SystemProperty| self.system(name).or_else(|| self.get(name.event_name()));
        TraceContext::read(of(SystemProperty::TraceParent)?, of(SystemProperty::TraceState)).ok()
    }

    /// The application's properties, in the order in which they were set or arrived.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.application.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The system properties.
    pub fn iter_system(&self) -> impl Iterator<Item = (SystemProperty, &str)> {
        self.system.iter().map(|(name, value)| (*name, value.as_str()))
    }

    pub(crate) fn set(&mut self, name: String, value: String) {
        match self.application.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.application.push((name, value)),
        }
    }

    pub(crate) fn set_system(&mut self, name: SystemProperty, value: String) {
        match self.system.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.system.push((name, value)),
        }
    }

    pub(crate) fn unset_system(&mut self, name: SystemProperty) {
        self.system.retain(|(key, _)| *key != name);
    }

    /// Those of the system's that are written as such in that dialect.
    pub(crate) fn system_pairs(&self, dialect: Dialect) -> Vec<(SystemProperty, &str)> {
        self.iter_system().filter(|(name, _)| !is_plain(*name, dialect)).collect()
    }

    /// What is written as a property of the application's in that dialect.
    pub(crate) fn pairs(&self, dialect: Dialect) -> Vec<(&str, &str)> {
        let plain = self.iter_system().filter(|(name, _)| is_plain(*name, dialect));
        let mut pairs: Vec<_> = plain.map(|(name, value)| (name.event_name(), value)).collect();
        let of_a_trace = pairs.len();
        for (name, value) in self.iter() {
            if !pairs[..of_a_trace].iter().any(|(other, _)| *other == name) {
                pairs.push((name, value));
            }
        }
        pairs
    }

    /// Names and values of the application's properties, and the values of the system's, in bytes.
    pub(crate) fn size(&self) -> usize {
        let application: usize = self.application.iter().map(|(name, value)| name.len() + value.len()).sum();
        application + self.system.iter().map(|(_, value)| value.len()).sum::<usize>()
    }
}

/// Whether a dialect without a place for that property has it among the application's, as the W3C has it for MQTT.
fn is_plain(name: SystemProperty, dialect: Dialect) -> bool {
    let is_of_a_trace = matches!(name, SystemProperty::TraceParent | SystemProperty::TraceState);
    is_of_a_trace && dialect != Dialect::Preview311
}

impl From<iothub_codec::Properties<'_>> for Properties {
    fn from(properties: iothub_codec::Properties<'_>) -> Self {
        let mut owned = Self::default();
        for property in properties.iter() {
            let value = property.value.to_string();
            match property.name {
                Name::System(name) => owned.set_system(name, value),
                Name::Application(name) => owned.set(name.to_string(), value),
            }
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_where_its_dialect_has_it() {
        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut properties = Properties::default();
        properties.set("level".to_owned(), "hot".to_owned());
        properties.set("traceparent".to_owned(), "of the application's own".to_owned());
        properties.set_system(SystemProperty::MessageId, "m1".to_owned());
        properties.set_system(SystemProperty::TraceParent, PARENT.to_owned());
        let (id, parent) = ((SystemProperty::MessageId, "m1"), (SystemProperty::TraceParent, PARENT));
        for dialect in [Dialect::Classic, Dialect::Preview5] {
            assert_eq!(properties.system_pairs(dialect), [id]);
            assert_eq!(properties.pairs(dialect), [("traceparent", PARENT), ("level", "hot")]);
        }
        assert_eq!(properties.system_pairs(Dialect::Preview311), [id, parent]);
        let own = [("level", "hot"), ("traceparent", "of the application's own")];
        assert_eq!(properties.pairs(Dialect::Preview311), own);
    }

    #[test]
    fn a_trace_is_read_wherever_it_came_and_only_if_it_is_one() {
        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (system, application, is_one) in [
            (Some(PARENT), None, true),
            (None, Some(PARENT), true),
            (None, Some("00-"), false),
            (None, None, false),
        ] {
            let mut properties = Properties::default();
            if let Some(text) = system {
                properties.set_system(SystemProperty::TraceParent, text.to_owned());
            }
            if let Some(text) = application {
                properties.set("traceparent".to_owned(), text.to_owned());
            }
            let read = properties.trace_context().map(|context| context.parent.to_string());
            assert_eq!(read.is_some_and(|text| text == PARENT), is_one, "{system:?} {application:?}");
        }
    }
}
