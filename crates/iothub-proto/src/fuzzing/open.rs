/// What a model takes for open: a list that is searched.
pub(super) struct Open<T, const N: usize>([Option<T>; N]);

impl<T: Copy + PartialEq, const N: usize> Open<T, N> {
    pub(super) const fn new() -> Self {
        Self([const { None }; N])
    }

    /// It begins, and was not open.
    pub(super) fn begin(&mut self, what: T) {
        assert!(!self.has(what), "it is open already");
        let place = self.0.iter_mut().find(|place| place.is_none());
        *place.expect("no more is open than the model has room for") = Some(what);
    }

    /// Whether it was open; it is not any longer.
    pub(super) fn end(&mut self, what: T) -> bool {
        self.0.iter_mut().any(|place| place.take_if(|open| *open == what).is_some())
    }

    pub(super) fn has(&self, what: T) -> bool {
        self.0.contains(&Some(what))
    }

    /// One that is open, if any is.
    pub(super) fn any(&self) -> Option<T> {
        self.0.iter().flatten().copied().next()
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }

    pub(super) fn clear(&mut self) {
        self.0 = [const { None }; N];
    }
}
