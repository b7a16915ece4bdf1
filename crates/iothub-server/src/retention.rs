use core::time::Duration;

use iothub_proto::Timestamp;

/// How events are kept for those who read them later, in a folder for data. In memory the latest are kept only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub(crate) partitions: Option<u8>,
    pub(crate) time: Duration,
    pub(crate) bytes: u64,
}

impl Retention {
    /// How many partitions there are if nothing else is said.
    pub const PARTITIONS: u8 = 4;
    /// Most partitions there can be.
    pub const PARTITIONS_MAX: u8 = 32;
    /// How long events are kept if nothing else is said.
    pub const TIME: Duration = Duration::from_secs(24 * 60 * 60);
    /// How long events can be kept at most.
    pub const TIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// Bytes on disk that events may take if nothing else is said: all partitions together.
    pub const BYTES: u64 = 1024 * 1024 * 1024;
    /// Fewer bytes than this keep no event long enough to be read.
    pub const BYTES_MIN: u64 = 16 * 1024 * 1024;

    /// `partitions` are fixed when the folder for the data is made: without it there are as many as there were, or
    /// [`Self::PARTITIONS`]. The oldest events are removed when they are older than `time`, or when all take more than
    /// about `bytes`; what comes first.
    ///
    /// # Errors
    ///
    /// [`BadRetention`] where one of them is beyond the limits above.
    pub fn new(partitions: Option<u8>, time: Duration, bytes: u64) -> Result<Self, BadRetention> {
        if partitions.is_some_and(|count| !(1..=Self::PARTITIONS_MAX).contains(&count)) {
            return Err(BadRetention::Partitions);
        }
        if time > Self::TIME_MAX {
            return Err(BadRetention::Time);
        }
        if bytes < Self::BYTES_MIN {
            return Err(BadRetention::Bytes);
        }
        Ok(Self { partitions, time, bytes })
    }

    /// What one partition may take.
    pub(crate) fn partition_bytes(&self) -> u64 {
        self.bytes / u64::from(self.partitions.unwrap_or(Self::PARTITIONS))
    }

    /// What is older need not be kept.
    pub(crate) fn oldest_kept_ms(&self, now: Timestamp) -> u64 {
        let time_ms = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        now.as_millis().saturating_sub(time_ms)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { partitions: None, time: Self::TIME, bytes: Self::BYTES }
    }
}

/// Not a way in which events can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRetention {
    /// No partitions, or too many.
    #[error("there can be 1 to {} partitions", Retention::PARTITIONS_MAX)]
    Partitions,
    /// Too long.
    #[error("events can be kept for 7 days at most")]
    Time,
    /// Too little.
    #[error("events need {} MiB at least", Retention::BYTES_MIN / (1024 * 1024))]
    Bytes,
}
