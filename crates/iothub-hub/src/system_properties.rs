use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// System properties of an event, by the names that Event Hubs gives them: each name once, in the order of the names.
///
/// Values are shared, since most are the same in all events of a connection, and there are many events.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SystemProperties(Vec<(Cow<'static, str>, Arc<str>)>);

impl SystemProperties {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a property; of a name that comes twice, the last value counts.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Arc<str>>) {
        let (name, value) = (name.into(), value.into());
        // Whoever has many brings them in order.
        if self.0.last().is_none_or(|(last, _)| *last < name) {
            return self.0.push((name, value));
        }
        match self.position(&name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// Has room for so many more.
    pub fn reserve(&mut self, count: usize) {
        self.0.reserve_exact(count);
    }

    /// Removes a property, if it is there.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.position(name) {
            self.0.remove(at);
        }
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).ok().map(|at| &*self.0[at].1)
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(each, _)| (**each).cmp(name))
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for SystemProperties {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(properties: I) -> Self {
        let mut all = Self::new();
        properties.into_iter().for_each(|(name, value)| all.insert(name, value));
        all
    }
}

/// One JSON object.
impl Serialize for SystemProperties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Debug for SystemProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_there_once_and_in_its_place_however_they_come() {
        for names in [["a", "b", "c", "b"], ["c", "b", "a", "b"], ["b", "b", "c", "a"]] {
            let all: SystemProperties = names.into_iter().zip(["1", "2", "3", "4"]).collect();
            assert_eq!(all.iter().map(|(name, _)| name).collect::<String>(), "abc", "{names:?}");
            let last = names.iter().zip(["1", "2", "3", "4"]).rfind(|(name, _)| **name == "b");
            assert_eq!(all.get("b"), last.map(|(_, value)| value), "{names:?}");
        }
    }

    #[test]
    fn what_is_removed_is_gone_and_what_is_not_there_can_be_removed() {
        let mut all: SystemProperties = [("a", "1"), ("b", "2")].into_iter().collect();
        all.remove("a");
        all.remove("x");
        assert_eq!((all.get("a"), all.get("b"), all.len()), (None, Some("2"), 1));
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"{"b":"2"}"#);
    }
}
