use iothub_codec::{Channels, Dialect, Filter, Qos, Subscription, Variant};

/// What a device has subscribed to, as a hub remembers it, also between connections.
///
/// Filters are kept as fingerprints: they are only ever compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    dialect: Dialect,
    entries: [Option<Entry>; Self::CAPACITY],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    key: Fingerprint,
    form: Form,
    channels: Channels,
    variant: Variant,
    qos: Qos,
}

/// Of what the fingerprint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The filter.
    Filter,
    /// The one method that it lets through, whose name is the end of the filter.
    Method,
    /// The same, with something behind the name. No dialect has a third way to say it.
    MethodAndTail,
}

impl Subscriptions {
    /// Most topic filters of one device at a time, in any dialect.
    pub const CAPACITY: usize = 50;

    /// Most topic filters of one device at a time in that dialect: 5 in the classic one, 50 in the others, which IoT
    /// Hub documents.
    pub fn limit(dialect: Dialect) -> usize {
        if dialect == Dialect::Classic { 5 } else { Self::CAPACITY }
    }

    /// No subscriptions.
    pub(crate) const fn none(dialect: Dialect) -> Self {
        Self { dialect, entries: [None; Self::CAPACITY] }
    }

    /// In which dialect the filters are: they mean nothing in another.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The QoS at which the device wants messages of that channel; `None` if it does not want them.
    pub fn granted(&self, channel: Channels) -> Option<Qos> {
        self.matching(|entry| entry.channels.contains(channel))
    }

    /// The QoS at which the device wants calls of that method; `None` if it does not want them.
    pub fn granted_method(&self, name: &str) -> Option<Qos> {
        let name = Fingerprint::of(name);
        self.matching(|entry| match entry.form {
            Form::Filter => entry.channels.contains(Channels::METHODS),
            Form::Method | Form::MethodAndTail => entry.key == name,
        })
    }

    /// The QoS at which the device wants messages of that channel that come on that variant of its topic.
    pub(crate) fn granted_variant(&self, channel: Channels, variant: Variant) -> Option<Qos> {
        self.matching(|entry| entry.channels.contains(channel) && entry.variant == variant)
    }

    /// Adds or replaces a subscription; `false` when there is no room for one more.
    pub(crate) fn add(&mut self, filter: Filter<'_>, meaning: Subscription<'_>) -> bool {
        let Subscription { channels, method, variant } = meaning;
        let (key, form) = fingerprint(filter.topic, method);
        let entry = Entry { key, form, channels, variant, qos: filter.qos };
        let room = self.entries.iter().flatten().count() < Self::limit(self.dialect);
        let same = |place: &&mut Option<Entry>| place.is_some_and(|old| (old.key, old.form) == (key, form));
        let place = match self.entries.iter_mut().find(same) {
            Some(place) => Some(place),
            None => self.entries.iter_mut().find(|place| place.is_none()).filter(|_| room),
        };
        place.map(|place| *place = Some(entry)).is_some()
    }

    /// Takes away the subscription with that meaning; whether it was there.
    pub(crate) fn remove(&mut self, filter: &str, meaning: Subscription<'_>) -> bool {
        let known = fingerprint(filter, meaning.method);
        let mut places = self.entries.iter_mut();
        places.any(|place| place.take_if(|entry| (entry.key, entry.form) == known).is_some())
    }

    fn matching(&self, which: impl Fn(&Entry) -> bool) -> Option<Qos> {
        self.entries.iter().flatten().filter(|entry| which(entry)).map(|entry| entry.qos).max()
    }
}

/// By what a filter is known again.
fn fingerprint(filter: &str, method: Option<&str>) -> (Fingerprint, Form) {
    match method {
        None => (Fingerprint::of(filter), Form::Filter),
        Some(name) if filter.ends_with(name) => (Fingerprint::of(name), Form::Method),
        Some(name) => (Fingerprint::of(name), Form::MethodAndTail),
    }
}

/// 32 bits of a string: FNV-1a.
///
/// Two filters of one device that collide are taken for one filter, which costs that device a subscription.
/// It cannot choose a collision against anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint(u32);

impl Fingerprint {
    fn of(text: &str) -> Self {
        let hash = text
            .bytes()
            .fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self(hash)
    }
}

const _: () = assert!(size_of::<Subscriptions>() <= 404, "kept for each device that went away");

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: Subscriptions = Subscriptions::none(Dialect::Classic);

    fn filter(topic: &str, qos: Qos) -> Filter<'_> {
        Filter { topic, qos }
    }

    const METHODS: Subscription<'static> =
        Subscription { channels: Channels::METHODS, method: None, variant: Variant::Usual };
    const COMMANDS: Subscription<'static> =
        Subscription { channels: Channels::COMMANDS, method: None, variant: Variant::Usual };

    #[test]
    fn a_repeated_filter_replaces_itself() {
        let mut subscriptions = CLASSIC;
        for _ in 0..2 * Subscriptions::CAPACITY {
            assert!(subscriptions.add(filter("c/#", Qos::AtMostOnce), COMMANDS));
        }
        assert!(subscriptions.add(filter("c/#", Qos::AtLeastOnce), COMMANDS));
        assert_eq!(subscriptions.granted(Channels::COMMANDS), Some(Qos::AtLeastOnce));
        assert!(subscriptions.remove("c/#", COMMANDS) && !subscriptions.remove("c/#", COMMANDS));
        assert_eq!(subscriptions, CLASSIC);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        for dialect in Dialect::ALL {
            let mut subscriptions = Subscriptions::none(*dialect);
            let limit = Subscriptions::limit(*dialect);
            let mut names = (0..).map(|nth: u8| [b'a' + nth / 16, b'a' + nth % 16]);
            let mut add = |subscriptions: &mut Subscriptions| {
                let name = names.next().unwrap();
                let topic = core::str::from_utf8(&name).unwrap();
                subscriptions.add(filter(topic, Qos::AtMostOnce), METHODS)
            };
            assert!((0..limit).all(|_| add(&mut subscriptions)), "{dialect:?}");
            assert!(!add(&mut subscriptions), "{dialect:?}");
            assert!(subscriptions.add(filter("aa", Qos::AtLeastOnce), METHODS), "it is no new one");
            assert!(subscriptions.remove("aa", METHODS));
            assert!(add(&mut subscriptions));
        }
    }

    #[test]
    fn one_named_method_lets_no_other_through() {
        let mut subscriptions = CLASSIC;
        let only =
            Subscription { channels: Channels::METHODS, method: Some("reboot"), variant: Variant::Usual };
        assert!(subscriptions.add(filter("reboot/#", Qos::AtMostOnce), only));
        assert_eq!(subscriptions.granted_method("reboot"), Some(Qos::AtMostOnce));
        assert_eq!(subscriptions.granted_method("rotate"), None);
        assert_eq!(subscriptions.granted(Channels::DESIRED), None);
        // The same in another spelling is another filter.
        assert!(subscriptions.add(filter("reboot", Qos::AtLeastOnce), only));
        assert!(subscriptions.remove("reboot/#", only));
        assert_eq!(subscriptions.granted_method("reboot"), Some(Qos::AtLeastOnce));
    }
}
