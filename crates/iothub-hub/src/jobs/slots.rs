use serde::{Deserialize, Serialize};

/// Some devices of a job by their places in it, those in a row as one: first and last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slots(Vec<(u32, u32)>);

impl Slots {
    pub(crate) fn one(slot: u32) -> Self {
        Self(vec![(slot, slot)])
    }

    pub(crate) fn push(&mut self, slot: u32) {
        match self.0.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(slot) => *last = slot,
            Some(_) | None => self.0.push((slot, slot)),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_row_is_written_as_one() {
        let mut slots = Slots::default();
        for slot in [0, 1, 2, 5, 7, 8] {
            slots.push(slot);
        }
        assert_eq!(serde_json::to_string(&slots).unwrap(), "[[0,2],[5,5],[7,8]]");
        assert_eq!(slots.iter().collect::<Vec<_>>(), [0, 1, 2, 5, 7, 8]);
    }
}
