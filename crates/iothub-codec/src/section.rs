/// The property section of an MQTT 5 packet, in wire form and without its length.
///
/// An MQTT stack copies [`Self::as_wire`] behind the length into its packet. Over MQTT 3.1.1 it is
/// [`Self::EMPTY`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PropertySection<'a>(&'a [u8]);

impl<'a> PropertySection<'a> {
    /// No properties.
    pub const EMPTY: Self = Self(&[]);

    pub(crate) const fn written(wire: &'a [u8]) -> Self {
        Self(wire)
    }

    /// The bytes, as they stand in a packet behind the section's length.
    pub const fn as_wire(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no properties.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}
