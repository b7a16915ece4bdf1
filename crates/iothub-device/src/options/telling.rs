use std::sync::Arc;

use super::Options;
use crate::metrics::{Meter, Metrics};

/// Who is told what the device does.
impl Options {
    /// Has what the device does counted. One `Metrics` may serve many devices; without this, nothing is counted.
    #[must_use]
    pub fn metrics(mut self, metrics: Arc<impl Metrics + 'static>) -> Self {
        self.meter = Meter::new(metrics);
        self
    }
}
