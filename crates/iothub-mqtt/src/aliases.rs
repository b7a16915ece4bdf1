use crate::error::WireError;
use crate::frame::PacketType;

/// The topic aliases that the peer of one connection has given.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    /// That of alias 1 first; empty where none was given.
    topics: Vec<String>,
    /// Together in bytes.
    len: usize,
    max: u16,
}

impl Aliases {
    /// Forgets all, and takes aliases up to `max` from now on.
    pub(crate) fn restart(&mut self, max: u16) {
        self.topics.clear();
        self.len = 0;
        self.max = max;
    }

    /// From now on, the highest alias is that.
    pub(crate) const fn set_max(&mut self, max: u16) {
        self.max = max;
    }

    /// The topic of a PUBLISH that has an alias; one that says both gives it that alias.
    pub(crate) fn resolve<'a>(&'a mut self, topic: &'a str, alias: u16) -> Result<&'a str, WireError> {
        let index = usize::from(alias).wrapping_sub(1);
        if alias == 0 || alias > self.max {
            return Err(WireError::TopicAlias { alias });
        }
        if !topic.is_empty() {
            self.give(index, topic)?;
        }
        match self.topics.get(index).map(String::as_str) {
            None | Some("") => Err(WireError::NoTopic { packet: PacketType::Publish }),
            Some(topic) => Ok(topic),
        }
    }

    fn give(&mut self, index: usize, topic: &str) -> Result<(), WireError> {
        if self.topics.len() <= index {
            self.topics.resize_with(index + 1, String::new);
        }
        let Some(place) = self.topics.get_mut(index) else { return Ok(()) };
        let len = self.len - place.len() + topic.len();
        if len > Self::LEN_MAX {
            return Err(WireError::TopicAliasesTooLong { max: Self::LEN_MAX });
        }
        if place != topic {
            place.clear();
            place.push_str(topic);
            // What the longest topic took is not kept for a short one.
            place.shrink_to(2 * topic.len());
        }
        self.len = len;
        Ok(())
    }

    /// Most bytes of topics that one peer may have remembered.
    pub(crate) const LEN_MAX: usize = 64 * 1024;
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: WireError = WireError::NoTopic { packet: PacketType::Publish };

    #[test]
    fn an_alias_means_what_was_last_said_with_it() {
        let mut aliases = Aliases::default();
        aliases.restart(2);
        assert_eq!(aliases.resolve("", 1), Err(UNKNOWN));
        for topic in ["a", "a long one", "b"] {
            assert_eq!(aliases.resolve(topic, 2), Ok(topic));
            assert_eq!(aliases.resolve("", 2), Ok(topic));
        }
        assert_eq!(aliases.resolve("", 1), Err(UNKNOWN));
        aliases.restart(2);
        assert_eq!(aliases.resolve("", 2), Err(UNKNOWN));
    }

    #[test]
    fn an_alias_is_not_0_and_not_beyond_the_highest() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.resolve("a", 1), Err(WireError::TopicAlias { alias: 1 }));
        aliases.restart(2);
        assert_eq!(aliases.resolve("a", 3), Err(WireError::TopicAlias { alias: 3 }));
        assert_eq!(aliases.resolve("a", 0), Err(WireError::TopicAlias { alias: 0 }));
        assert_eq!(aliases.resolve("a", 2), Ok("a"));
    }

    #[test]
    fn no_more_is_remembered_than_so_many_bytes() {
        let long = "x".repeat(40_000);
        let mut aliases = Aliases::default();
        aliases.restart(10);
        assert_eq!(aliases.resolve(&long, 1), Ok(long.as_str()));
        let full = Err(WireError::TopicAliasesTooLong { max: 65_536 });
        assert_eq!(aliases.resolve(&long, 2), full);
        assert_eq!(aliases.resolve("short", 1), Ok("short"));
        assert_eq!(aliases.resolve(&long, 2), Ok(long.as_str()));
    }
}
