/// Whether there is more code than it takes: ways around the general one for what is usual, which give the same.
pub(crate) const FAST: bool = cfg!(feature = "fast");
