//! What a hub allows jobs, whatever its edition; the rates of editions are among the others in `quota/edition.rs`.

use core::time::Duration;

/// How long a job may take if nothing else is said, and at most, in seconds.
pub(crate) const TIME_USUAL_S: u64 = 60 * 60;
pub(crate) const TIME_MAX_S: u64 = 30 * 24 * 60 * 60;
/// Longest id, in bytes.
pub(crate) const ID_MAX: usize = 64;
/// Most jobs that are kept, ended ones among them: those make room, the oldest first.
pub(super) const JOBS_MAX: usize = 5_000;
/// Most devices that are kept of all jobs.
pub(super) const DEVICES_MAX: usize = 4_000_000;
/// Most bytes that are kept of what jobs are to do and what came of it.
pub(super) const BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a job is kept after its end.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Twins that are changed in one go, and devices that are called.
pub(super) const CHANGED_AT_A_TIME: usize = 200;
pub(super) const CALLED_AT_A_TIME: usize = 200;
/// Pause between two goes of one job, in which the hub does what else there is: at most 100 000 devices a second.
pub(super) const BETWEEN: Duration = Duration::from_millis(2);
/// Calls of all jobs that are on their way at a time.
pub(super) const CALLS_MAX: u32 = 2_000;
/// How long a job that must not go on waits until it looks again: for its edition, or for room on the disk.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// Devices of jobs that are stated anew in the time of one identity.
pub(super) const STATED_FOR_IDENTITY: usize = 16;
