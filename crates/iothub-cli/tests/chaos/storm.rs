use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::chance::Chance;
use crate::hub::{Departure, Restarted};

/// What was done to the hub and the way to it, and how often.
#[derive(Debug, Default)]
pub(crate) struct Storm(BTreeMap<&'static str, u64>);

#[derive(Clone, Copy, Debug)]
enum Blow {
    Cut,
    CutAfter(u64),
    Stall(u64),
    HalfOpen,
    ByteByByte(u64),
    Late(u64),
    RefuseConnections(u64),
    Kill,
    Stop,
}

impl Blow {
    fn any(chance: &mut Chance) -> Self {
        match chance.below(20) {
            0..4 => Self::Cut,
            4..8 => Self::CutAfter(1 + chance.below(20_000)),
            8..11 => Self::Stall(50 + chance.below(1500)),
            11..13 => Self::HalfOpen,
            13..15 => Self::ByteByByte(100 + chance.below(600)),
            15..17 => Self::Late(20 + chance.below(180)),
            17 => Self::RefuseConnections(100 + chance.below(900)),
            18 => Self::Kill,
            _ => Self::Stop,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::CutAfter(_) => "cut after some bytes",
            Self::Stall(_) => "stalled",
            Self::HalfOpen => "half open",
            Self::ByteByByte(_) => "byte by byte",
            Self::Late(_) => "late",
            Self::RefuseConnections(_) => "connections refused",
            Self::Kill => "hub killed",
            Self::Stop => "hub stopped",
        }
    }

    async fn strike(self, hub: &Restarted) {
        let faults = hub.faults();
        match self {
            Self::Cut => faults.cut(),
            Self::CutAfter(bytes) => faults.cut_after(bytes),
            Self::Stall(ms) => faults.stall_for(Duration::from_millis(ms)),
            Self::HalfOpen => faults.half_open(),
            Self::ByteByByte(ms) => {
                faults.byte_by_byte();
                tokio::time::sleep(Duration::from_millis(ms)).await;
                faults.calm();
            }
            Self::Late(ms) => {
                faults.delay(Duration::from_millis(ms));
                tokio::time::sleep(Duration::from_millis(5 * ms)).await;
                faults.calm();
            }
            Self::RefuseConnections(ms) => {
                faults.refuse_connections_for(Duration::from_millis(ms));
                faults.cut();
            }
            Self::Kill => hub.restart(Departure::Killed).await,
            Self::Stop => hub.restart(Departure::Stopped).await,
        }
    }
}

/// Lets one thing after the other go wrong, for so long. Behind it nothing does any longer.
#[expect(clippy::disallowed_methods, reason = "real sockets take real time")]
pub(crate) async fn rage(hub: &Restarted, seed: u64, duration: Duration) -> Storm {
    let (mut storm, mut chance, end) = (Storm::default(), Chance::new(seed), Instant::now() + duration);
    while Instant::now() < end {
        let blow = Blow::any(&mut chance);
        *storm.0.entry(blow.name()).or_default() += 1;
        blow.strike(hub).await;
        // Half of the time nobody comes to rest, and half of the time everybody does.
        let rest = if chance.below(2) == 0 { chance.below(400) } else { 1000 + chance.below(2000) };
        tokio::time::sleep(Duration::from_millis(rest)).await;
    }
    hub.faults().calm();
    storm
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, times) in &self.0 {
            writeln!(f, "  {name:<28} {times:>8}")?;
        }
        Ok(())
    }
}
