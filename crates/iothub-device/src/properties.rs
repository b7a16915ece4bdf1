use iothub_codec::{Name, SystemProperty};

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

    pub(crate) fn system_pairs(&self) -> Vec<(SystemProperty, &str)> {
        self.iter_system().collect()
    }

    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        self.iter().collect()
    }

    /// Names and values of the application's properties, and the values of the system's, in bytes.
    pub(crate) fn size(&self) -> usize {
        let application: usize = self.application.iter().map(|(name, value)| name.len() + value.len()).sum();
        application + self.system.iter().map(|(_, value)| value.len()).sum::<usize>()
    }
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
