use std::sync::Arc;

use super::Metrics;

/// Whoever counts, if somebody does. Otherwise telling is a comparison.
#[derive(Clone, Default)]
pub(crate) struct Meter(Option<Arc<dyn Metrics>>);

impl Meter {
    pub(crate) fn new(metrics: Arc<dyn Metrics>) -> Self {
        Self(Some(metrics))
    }

    /// Whether anybody counts.
    #[cfg(feature = "outbox")]
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn tell(&self, what: impl FnOnce(&dyn Metrics)) {
        if let Some(metrics) = &self.0 {
            what(&**metrics);
        }
    }
}

/// Those who count need not be shown.
impl core::fmt::Debug for Meter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.0.is_some() { "Meter(..)" } else { "Meter" })
    }
}
