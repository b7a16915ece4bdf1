use core::fmt;
use core::num::NonZeroU16;

use crate::configurations::Configurations;

/// The size of a hub: what Azure sells, and one without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edition {
    sku: Sku,
    units: u64,
}

/// The editions of Azure that have all the operations of this hub, and one without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sku {
    /// As fast and as much as the machine can.
    #[default]
    Unlimited,
    /// Free.
    F1,
    /// Standard, small.
    S1,
    /// Standard, medium.
    S2,
    /// Standard, large.
    S3,
}

/// That many units of an edition are not sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sku} has 1 to {max} units")]
pub struct UnitsOutOfRange {
    sku: Sku,
    max: u16,
}

/// What is limited in its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// Reading and changing identities.
    Registry,
    /// Connecting.
    Connection,
    /// Telemetry, per message.
    Telemetry,
    /// Commands that back ends send.
    Command,
    /// Method calls, per block of [`Edition::BLOCK`] bytes of the request.
    Method,
    /// Twins that are read, by either end.
    TwinRead,
    /// Twins that are changed, by either end.
    TwinUpdate,
    /// Pages of queries.
    Query,
    /// Reading and changing configurations.
    Configuration,
    /// Requests about jobs.
    Job,
    /// Devices that jobs do something to.
    JobDevice,
    /// Uploads of files that begin.
    Upload,
}

impl Edition {
    /// An edition without limits.
    pub const UNLIMITED: Self = Self { sku: Sku::Unlimited, units: 1 };
    /// Bytes that a method call is counted in.
    pub(crate) const BLOCK: usize = 4 * 1024;

    /// So many units of an edition.
    ///
    /// # Errors
    ///
    /// [`UnitsOutOfRange`] if there cannot be so many of it.
    pub fn new(sku: Sku, units: NonZeroU16) -> Result<Self, UnitsOutOfRange> {
        let max = match sku {
            Sku::F1 => 1,
            Sku::S1 | Sku::S2 => 200,
            Sku::S3 => 10,
            Sku::Unlimited => u16::MAX,
        };
        if units.get() > max {
            return Err(UnitsOutOfRange { sku, max });
        }
        Ok(Self { sku, units: units.get().into() })
    }

    /// Messages a day; `None` for as many as come.
    pub(crate) const fn messages_a_day(self) -> Option<u64> {
        match self.sku {
            Sku::Unlimited => None,
            Sku::F1 => Some(8_000),
            Sku::S1 => Some(400_000 * self.units),
            Sku::S2 => Some(6_000_000 * self.units),
            Sku::S3 => Some(300_000_000 * self.units),
        }
    }

    /// As how many messages a text of that many bytes counts.
    pub(crate) const fn messages(self, len: usize) -> u64 {
        let meter = match self.sku {
            Sku::F1 => 512,
            Sku::Unlimited | Sku::S1 | Sku::S2 | Sku::S3 => 4 * 1024,
        };
        let blocks = len.div_ceil(meter) as u64;
        if blocks == 0 { 1 } else { blocks }
    }

    /// How many configurations there may be.
    pub(crate) const fn configurations(self) -> usize {
        match self.sku {
            Sku::F1 => 10,
            Sku::Unlimited | Sku::S1 | Sku::S2 | Sku::S3 => Configurations::MAX,
        }
    }

    /// Jobs that run at a time; others wait until one of them has ended.
    pub(crate) const fn jobs_at_a_time(self) -> usize {
        match self.sku {
            Sku::F1 | Sku::S1 => 1,
            Sku::S2 => 5,
            Sku::S3 | Sku::Unlimited => 10,
        }
    }

    /// Operations a minute; `None` for as many as come.
    pub(crate) fn a_minute(self, operation: Operation) -> Option<u64> {
        use Operation::{
            Command, Configuration, Connection, Job, JobDevice, Method, Query, Registry, Telemetry, TwinRead,
            TwinUpdate, Upload,
        };

        let units = self.units;
        // At least so many a hub, and so many a unit.
        let (hub, unit) = match (self.sku, operation) {
            (Sku::Unlimited, _) => return None,
            (Sku::F1 | Sku::S1 | Sku::S2, Registry | Command | Job | Upload) => (0, 100),
            (Sku::S3, Registry | Command | Job | Upload) => (0, 5_000),
            (Sku::F1 | Sku::S1, Connection | Telemetry) => (6_000, 720),
            (Sku::S2, Connection | Telemetry) => (0, 7_200),
            (Sku::S3, Connection | Telemetry) => (0, 360_000),
            // 160 KB, 480 KB and 24 MB a second, in blocks.
            (Sku::F1 | Sku::S1, Method) => (0, 2_400),
            (Sku::S2, Method) => (0, 7_200),
            (Sku::S3, Method) => (0, 368_640),
            (Sku::F1 | Sku::S1, TwinRead) => (6_000, 0),
            (Sku::S2, TwinRead) => (6_000, 600),
            (Sku::S3, TwinRead) => (0, 30_000),
            (Sku::F1 | Sku::S1, TwinUpdate) => (3_000, 0),
            (Sku::S2, TwinUpdate) => (3_000, 300),
            (Sku::S3, TwinUpdate) => (0, 15_000),
            (Sku::F1 | Sku::S1 | Sku::S2, Query) | (Sku::F1 | Sku::S1 | Sku::S2 | Sku::S3, Configuration) => {
                (0, 20)
            }
            (Sku::S3, Query) => (0, 1_000),
            (Sku::F1 | Sku::S1, JobDevice) => (600, 0),
            (Sku::S2, JobDevice) => (600, 60),
            (Sku::S3, JobDevice) => (0, 3_000),
        };
        Some((unit * units).max(hub))
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unlimited => "unlimited",
            Self::F1 => "F1",
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
        })
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.sku, self.units) {
            (Sku::Unlimited, _) => f.write_str("a hub without limits"),
            (sku, 1) => write!(f, "1 unit of {sku}"),
            (sku, units) => write!(f, "{units} units of {sku}"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registry => "registry operations",
            Self::Connection => "new connections",
            Self::Telemetry => "telemetry messages",
            Self::Command => "commands",
            Self::Method => "blocks of method calls",
            Self::TwinRead => "twin reads",
            Self::TwinUpdate => "twin updates",
            Self::Query => "queries",
            Self::Configuration => "operations on configurations",
            Self::Job => "requests about jobs",
            Self::JobDevice => "devices of jobs",
            Self::Upload => "uploads",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(sku: Sku, units: u16) -> Edition {
        Edition::new(sku, NonZeroU16::new(units).unwrap()).unwrap()
    }

    #[test]
    fn rates_and_quotas_are_the_published_ones() {
        use Operation::{
            Command, Connection, Job, JobDevice, Method, Query, Registry, Telemetry, TwinRead, TwinUpdate,
        };
        // Operations a second, as they are published.
        for (sku, units, operation, a_second) in [
            (Sku::F1, 1, Registry, 100.0 / 60.0),
            (Sku::S1, 3, Registry, 5.0),
            (Sku::S3, 1, Command, 5_000.0 / 60.0),
            (Sku::S1, 1, Telemetry, 100.0),
            (Sku::S1, 9, Connection, 108.0),
            (Sku::S2, 2, Telemetry, 240.0),
            (Sku::S3, 10, Connection, 60_000.0),
            (Sku::S1, 1, Method, 160.0 / 4.0),
            (Sku::S3, 1, Method, 24.0 * 1024.0 / 4.0),
            (Sku::S1, 200, TwinRead, 100.0),
            (Sku::S2, 11, TwinRead, 110.0),
            (Sku::S2, 1, TwinUpdate, 50.0),
            (Sku::S3, 2, TwinUpdate, 500.0),
            (Sku::S1, 3, Query, 1.0),
            (Sku::S3, 3, Query, 50.0),
            (Sku::S2, 3, Job, 5.0),
            (Sku::S1, 20, JobDevice, 10.0),
            (Sku::S2, 20, JobDevice, 20.0),
            (Sku::S3, 2, JobDevice, 100.0),
        ] {
            let a_minute = edition(sku, units).a_minute(operation).unwrap();
            assert_eq!(a_minute as f64 / 60.0, a_second, "{units} {sku} {operation}");
        }
        assert_eq!(Edition::UNLIMITED.a_minute(Telemetry), None);
        for (sku, units, a_day) in [(Sku::F1, 1, 8_000), (Sku::S1, 2, 800_000), (Sku::S3, 10, 3_000_000_000)]
        {
            assert_eq!(edition(sku, units).messages_a_day(), Some(a_day));
        }
    }

    #[test]
    fn a_message_counts_in_blocks_and_an_empty_one_as_one() {
        for (sku, len, messages) in [
            (Sku::S1, 0, 1),
            (Sku::S1, 4096, 1),
            (Sku::S1, 4097, 2),
            (Sku::S1, 256 * 1024, 64),
            (Sku::F1, 512, 1),
            (Sku::F1, 513, 2),
        ] {
            assert_eq!(edition(sku, 1).messages(len), messages, "{sku} {len}");
        }
    }

    #[test]
    fn nobody_has_more_units_than_are_sold() {
        for (sku, units, good) in [
            (Sku::F1, 1, true),
            (Sku::F1, 2, false),
            (Sku::S2, 200, true),
            (Sku::S2, 201, false),
            (Sku::S3, 11, false),
        ] {
            assert_eq!(Edition::new(sku, NonZeroU16::new(units).unwrap()).is_ok(), good, "{units} {sku}");
        }
        let refused = Edition::new(Sku::S3, NonZeroU16::new(11).unwrap());
        assert_eq!(refused.unwrap_err().to_string(), "S3 has 1 to 10 units");
    }
}
