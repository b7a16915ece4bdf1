/// What is measured and heated.
#[derive(Debug)]
pub(crate) struct Room {
    temperature: f64,
}

impl Default for Room {
    fn default() -> Self {
        Self { temperature: 18.0 }
    }
}

impl Room {
    /// Heats or cools for a while, and measures, in degrees.
    pub(crate) fn regulate(&mut self, target: f64) -> f64 {
        self.temperature += (target - self.temperature) / 4.0;
        self.temperature
    }
}
