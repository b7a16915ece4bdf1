use core::time::Duration;

/// Bytes as a source of what happens. Behind the last there are zeros, and [`Self::is_over`] says so.
pub(super) struct Steps<'a>(&'a [u8]);

impl<'a> Steps<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Up to half a minute.
    pub(super) fn wait(&mut self) -> Duration {
        Duration::from_millis(u64::from(self.byte()) * 128)
    }

    /// Some of the bytes themselves.
    pub(super) fn some(&mut self) -> &'a [u8] {
        let len = usize::from(self.below(12)).min(self.0.len());
        let (some, rest) = self.0.split_at(len);
        self.0 = rest;
        some
    }
}
