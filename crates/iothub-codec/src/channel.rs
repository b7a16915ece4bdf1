use core::fmt;

/// What a device listens to: a set.
///
/// Telemetry and requests need no channel; what the hub sends by itself, and its answers, do.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Channels(u8);

impl Channels {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Commands (cloud to device).
    pub const COMMANDS: Self = Self(1);
    /// Direct methods.
    pub const METHODS: Self = Self(2);
    /// Answers to twin requests.
    pub const REPLIES: Self = Self(4);
    /// Changes of the desired properties.
    pub const DESIRED: Self = Self(8);
    /// Messages for the inputs of a module.
    pub const INPUTS: Self = Self(16);

    const EACH: [(Self, &'static str); 5] = [
        (Self::COMMANDS, "COMMANDS"),
        (Self::METHODS, "METHODS"),
        (Self::REPLIES, "REPLIES"),
        (Self::DESIRED, "DESIRED"),
        (Self::INPUTS, "INPUTS"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its channels, one at a time.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        Self::each().filter(move |channel| self.contains(*channel))
    }

    /// Every one.
    pub(crate) fn each() -> impl Iterator<Item = Self> {
        (0..Self::EACH.len()).map(|bit| Self(1 << bit))
    }
}

impl core::ops::BitOr for Channels {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(Self::EACH.iter().filter(|(channel, _)| self.contains(*channel)).map(|(_, name)| name))
            .finish()
    }
}

/// What a topic filter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription<'f> {
    /// The channels that it opens.
    pub channels: Channels,
    /// Only this method, where the filter names one.
    pub method: Option<&'f str>,
    /// Which of the channel's topics, where it has several.
    pub variant: Variant,
}

/// Which topic of a channel, where the `$az/iot` dialect has several. The other dialects have one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// The only one, or the one that is written unless something else was asked for.
    #[default]
    Usual,
    /// Answers to [`TwinGet`](crate::TwinGet). To a device that listens to no others a hub may write the answer to
    /// a [`TwinPatch`](crate::TwinPatch) as one of these: a sample of the reference shows it there.
    TwinGet,
    /// Answers to [`TwinPatch`](crate::TwinPatch).
    TwinPatch,
    /// Changes of the desired properties, in the spelling of the reference's table; the usual one is its sample's.
    /// [`Codec::with_variant`](crate::Codec::with_variant) writes it.
    DesiredSlash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_nothing_that_the_first_set_has_not() {
        let both = Channels::COMMANDS | Channels::METHODS;
        for (set, other, expected) in [
            (both, Channels::METHODS, Channels::COMMANDS),
            (both, Channels::DESIRED, both),
            (Channels::COMMANDS, both, Channels::NONE),
            (Channels::NONE, both, Channels::NONE),
        ] {
            assert_eq!(set.difference(other), expected, "{set:?} without {other:?}");
        }
    }
}
