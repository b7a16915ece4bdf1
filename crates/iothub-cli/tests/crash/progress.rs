#![allow(clippy::disallowed_methods, reason = "it tells what time has passed, and nothing follows from it")]

use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// What one kill took, step after step, so that one sees what slows or hangs.
pub(crate) struct Progress {
    since: Instant,
    steps: Vec<(&'static str, Duration)>,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self { since: Instant::now(), steps: Vec::new() }
    }

    /// What was done until now, since the step before.
    pub(crate) fn done(&mut self, step: &'static str) {
        self.steps.push((step, self.since.elapsed()));
        self.since = Instant::now();
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, took) in &self.steps {
            write!(f, ", {step} {:.1} s", took.as_secs_f64())?;
        }
        match memory_mb() {
            Some(memory) => write!(f, ", {memory} MB"),
            None => Ok(()),
        }
    }
}

/// What this process has of the memory, where that can be read from a file.
///
/// It grows although hubs that have stopped are gone: each is read in by another thread, and the allocator of glibc keeps
/// what it had for the thread. With `MALLOC_ARENA_MAX=1` it stays within a few times the largest hub.
fn memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
    Some(kib.parse::<u64>().ok()? / 1024)
}
