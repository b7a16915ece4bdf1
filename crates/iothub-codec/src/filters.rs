use crate::publish::Qos;
use crate::word;

/// The topic filters of one SUBSCRIBE or UNSUBSCRIBE packet.
///
/// Kept as they stand in the packet: a two-byte length, the filter, and in a SUBSCRIBE one byte of
/// options, over and over. [`Codec::filters`](crate::Codec::filters) writes them; an MQTT stack copies
/// [`Self::as_wire`] into its packet, or walks [`Self::iter`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Filters<'a> {
    wire: &'a [u8],
    layout: Layout,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Subscribe,
    Unsubscribe,
}

/// One entry of [`Filters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter<'a> {
    /// The topic filter.
    pub topic: &'a str,
    /// The highest QoS asked for. QoS 2 is read as QoS 1, which is what a hub grants for it; in an
    /// UNSUBSCRIBE it is QoS 0 and means nothing.
    pub qos: Qos,
}

impl<'a> Filters<'a> {
    /// Whether there is none, and no packet to send: MQTT allows none without filters.
    pub const fn is_empty(self) -> bool {
        self.wire.is_empty()
    }

    /// Reads the payload of a SUBSCRIBE packet.
    ///
    /// # Errors
    ///
    /// [`BadFilters`] unless the bytes are at least one entry, each with a non-empty UTF-8 filter without
    /// NUL and a QoS of at most 2.
    pub fn from_subscribe(wire: &'a [u8]) -> Result<Self, BadFilters> {
        Self::checked(Self { wire, layout: Layout::Subscribe })
    }

    /// Reads the payload of an UNSUBSCRIBE packet.
    ///
    /// # Errors
    ///
    /// As for [`Self::from_subscribe`].
    pub fn from_unsubscribe(wire: &'a [u8]) -> Result<Self, BadFilters> {
        Self::checked(Self { wire, layout: Layout::Unsubscribe })
    }

    /// The payload of a SUBSCRIBE packet that is known to be one.
    pub(crate) const fn written(wire: &'a [u8]) -> Self {
        Self { wire, layout: Layout::Subscribe }
    }

    /// The bytes, as they stand in a packet.
    pub const fn as_wire(self) -> &'a [u8] {
        self.wire
    }

    /// The filters, in the order in which they were written.
    pub fn iter(self) -> impl Iterator<Item = Filter<'a>> {
        let mut at = 0;
        core::iter::from_fn(move || {
            let (filter, next) = self.entry(at).ok()?;
            at = next;
            Some(filter)
        })
    }

    fn checked(self) -> Result<Self, BadFilters> {
        if self.wire.is_empty() {
            return Err(BadFilters { at: 0 });
        }
        let mut at = 0;
        while at < self.wire.len() {
            (_, at) = self.entry(at)?;
        }
        Ok(self)
    }

    /// The entry that begins at `at`, and where the next one does.
    fn entry(self, at: usize) -> Result<(Filter<'a>, usize), BadFilters> {
        let bad = BadFilters { at };
        let [high, low, rest @ ..] = self.wire.get(at..).ok_or(bad)? else { return Err(bad) };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let topic = core::str::from_utf8(rest.get(..len).ok_or(bad)?).map_err(|_| bad)?;
        if topic.is_empty() || word::find(topic.as_bytes(), 0).is_some() {
            return Err(bad);
        }
        let end = at + 2 + len;
        match self.layout {
            Layout::Unsubscribe => Ok((Filter { topic, qos: Qos::AtMostOnce }, end)),
            Layout::Subscribe => {
                let qos = match self.wire.get(end).map(|options| options & 0b11) {
                    Some(0) => Qos::AtMostOnce,
                    Some(1 | 2) => Qos::AtLeastOnce,
                    Some(_) | None => return Err(bad),
                };
                Ok((Filter { topic, qos }, end + 1))
            }
        }
    }
}

impl core::fmt::Debug for Filters<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Not a list of topic filters, from the entry at byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of topic filters from byte {at} on")]
pub struct BadFilters {
    /// Where the unreadable entry begins.
    pub at: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order() {
        let filters = Filters::from_subscribe(b"\0\x01a\x01\0\x03b/#\x02\0\x01c\0").unwrap();
        let mut entries = filters.iter();
        assert_eq!(entries.next(), Some(Filter { topic: "a", qos: Qos::AtLeastOnce }));
        assert_eq!(entries.next(), Some(Filter { topic: "b/#", qos: Qos::AtLeastOnce }));
        assert_eq!(entries.next(), Some(Filter { topic: "c", qos: Qos::AtMostOnce }));
        assert_eq!(entries.next(), None);
        assert_eq!(Filters::from_unsubscribe(b"\0\x01a\0\x01b").unwrap().iter().count(), 2);
    }

    #[test]
    fn what_mqtt_5_says_beside_the_qos_is_passed_over() {
        for (options, qos) in [(0b0010_1100, Qos::AtMostOnce), (0b0001_1101, Qos::AtLeastOnce)] {
            let wire = [0, 1, b'a', options];
            let filter = Filters::from_subscribe(&wire).unwrap().iter().next();
            assert_eq!(filter, Some(Filter { topic: "a", qos }), "{options:08b}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused_at_its_entry() {
        for (wire, at) in [
            (&b""[..], 0),
            (b"\0", 0),
            (b"\0\0\0", 0),
            (b"\0\x02a\0", 0),
            (b"\0\x01a", 0),
            (b"\0\x01a\x03", 0),
            (b"\0\x01\0\0", 0),
            (b"\0\x01\xff\0", 0),
            (b"\0\x01a\0\0\x09b\0", 4),
        ] {
            assert_eq!(Filters::from_subscribe(wire), Err(BadFilters { at }), "{wire:?}");
        }
    }
}
