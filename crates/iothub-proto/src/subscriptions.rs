use iothub_codec::{Channels, Filter, Qos, Subscription};

/// What a device has subscribed to, as a hub remembers it, also between connections.
///
/// Filters are kept as fingerprints: they are only ever compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    entries: [Option<Entry>; Self::CAPACITY],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    filter: Fingerprint,
    channels: Channels,
    /// The one method that the filter lets through; `None` when it does not name one.
    method: Option<Fingerprint>,
    qos: Qos,
}

impl Subscriptions {
    /// Most topic filters of one device at a time: a limit that IoT Hub documents for MQTT 3.1.1.
    pub const CAPACITY: usize = 5;

    /// No subscriptions.
    pub const NONE: Self = Self { entries: [None; Self::CAPACITY] };

    /// The QoS at which the device wants messages of that channel; `None` if it does not want them.
    pub fn granted(&self, channel: Channels) -> Option<Qos> {
        self.matching(|entry| entry.channels.contains(channel))
    }

    /// The QoS at which the device wants calls of that method; `None` if it does not want them.
    pub fn granted_method(&self, name: &str) -> Option<Qos> {
        let name = Fingerprint::of(name);
        self.matching(|entry| {
            entry.channels.contains(Channels::METHODS) && entry.method.is_none_or(|only| only == name)
        })
    }

    /// Adds or replaces a subscription; `false` when there is no room for one more.
    pub(crate) fn add(&mut self, filter: Filter<'_>, meaning: Subscription<'_>) -> bool {
        let entry = Entry {
            filter: Fingerprint::of(filter.topic),
            channels: meaning.channels,
            method: meaning.method.map(Fingerprint::of),
            qos: filter.qos,
        };
        let same = |place: &&mut Option<Entry>| place.is_some_and(|old| old.filter == entry.filter);
        let place = match self.entries.iter_mut().find(same) {
            Some(place) => Some(place),
            None => self.entries.iter_mut().find(|place| place.is_none()),
        };
        place.map(|place| *place = Some(entry)).is_some()
    }

    /// Takes a subscription away; `false` if it is not there.
    pub(crate) fn remove(&mut self, filter: &str) -> bool {
        let filter = Fingerprint::of(filter);
        let mut places = self.entries.iter_mut();
        places.any(|place| place.take_if(|entry| entry.filter == filter).is_some())
    }

    fn matching(&self, which: impl Fn(&Entry) -> bool) -> Option<Qos> {
        self.entries.iter().flatten().filter(|entry| which(entry)).map(|entry| entry.qos).max()
    }
}

/// 64 bits of a string: FNV-1a.
///
/// Two filters of one device that collide are taken for one filter, which costs that device a subscription.
/// It cannot choose a collision against anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint(u64);

impl Fingerprint {
    fn of(text: &str) -> Self {
        let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use iothub_codec::Variant;

    use super::*;

    fn filter(topic: &str, qos: Qos) -> Filter<'_> {
        Filter { topic, qos }
    }

    const METHODS: Subscription<'static> =
        Subscription { channels: Channels::METHODS, method: None, variant: Variant::Usual };
    const COMMANDS: Subscription<'static> =
        Subscription { channels: Channels::COMMANDS, method: None, variant: Variant::Usual };

    #[test]
    fn a_repeated_filter_replaces_itself() {
        let mut subscriptions = Subscriptions::NONE;
        for _ in 0..2 * Subscriptions::CAPACITY {
            assert!(subscriptions.add(filter("c/#", Qos::AtMostOnce), COMMANDS));
        }
        assert!(subscriptions.add(filter("c/#", Qos::AtLeastOnce), COMMANDS));
        assert_eq!(subscriptions.granted(Channels::COMMANDS), Some(Qos::AtLeastOnce));
        assert!(subscriptions.remove("c/#") && !subscriptions.remove("c/#"));
        assert_eq!(subscriptions, Subscriptions::NONE);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut subscriptions = Subscriptions::NONE;
        for topic in ["a", "b", "c", "d", "e"] {
            assert!(subscriptions.add(filter(topic, Qos::AtMostOnce), METHODS));
        }
        assert!(!subscriptions.add(filter("f", Qos::AtMostOnce), METHODS));
        assert!(subscriptions.remove("a"));
        assert!(subscriptions.add(filter("f", Qos::AtMostOnce), METHODS));
    }

    #[test]
    fn one_named_method_lets_no_other_through() {
        let mut subscriptions = Subscriptions::NONE;
        let only =
            Subscription { channels: Channels::METHODS, method: Some("reboot"), variant: Variant::Usual };
        assert!(subscriptions.add(filter("reboot/#", Qos::AtMostOnce), only));
        assert_eq!(subscriptions.granted_method("reboot"), Some(Qos::AtMostOnce));
        assert_eq!(subscriptions.granted_method("rotate"), None);
        assert_eq!(subscriptions.granted(Channels::DESIRED), None);
    }
}
