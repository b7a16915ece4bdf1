/// What memory of this process is resident.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    kib: f64,
}

impl Memory {
    /// `None` where the system does not say it as Linux does.
    pub(crate) fn now() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Self { kib: line.trim().trim_end_matches("kB").trim_end().parse().ok()? })
    }

    pub(crate) fn kib_more_than(self, before: Self) -> f64 {
        self.kib - before.kib
    }
}
