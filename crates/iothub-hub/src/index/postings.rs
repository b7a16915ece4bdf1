use std::borrow::Cow;

use roaring::RoaringBitmap;

/// The slots that have a value. Most values are those of one, or of many.
#[derive(Clone, Debug)]
pub(super) enum Postings {
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Postings {
    pub(super) fn add(&mut self, slot: u32) {
        match self {
            Self::One(only) if *only == slot => {}
            Self::One(only) => {
                let both = RoaringBitmap::from_iter([*only, slot]);
                *self = Self::Many(Box::new(both));
            }
            Self::Many(slots) => drop(slots.insert(slot)),
        }
    }

    /// Whether nothing is left.
    pub(super) fn remove(&mut self, slot: u32) -> bool {
        match self {
            Self::One(only) => *only == slot,
            Self::Many(slots) => {
                slots.remove(slot);
                slots.is_empty()
            }
        }
    }

    pub(super) fn slots(&self) -> Cow<'_, RoaringBitmap> {
        match self {
            Self::One(only) => Cow::Owned(RoaringBitmap::from_iter([*only])),
            Self::Many(slots) => Cow::Borrowed(slots),
        }
    }

    pub(super) fn unite_into(&self, all: &mut RoaringBitmap) {
        match self {
            Self::One(only) => drop(all.insert(*only)),
            Self::Many(slots) => *all |= &**slots,
        }
    }
}
