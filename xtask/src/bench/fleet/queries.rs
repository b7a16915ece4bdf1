use serde_json::Value;

use super::{Bench, Show};
use crate::bench::server::{Server, Side};
use crate::bench::table::{Figure, Target};
use crate::failure::Failure;

/// What of what the load says is a figure.
struct Wanted {
    /// The measurement of the load, and the member of what it says.
    of: (&'static str, &'static str),
    name: &'static str,
    unit: &'static str,
    target: Target,
}

const WANTED: &[Wanted] = &[
    wanted(("selective", "serial_us"), "one twin by a tag, to the page", "us", Target::Most(2000.0)),
    wanted(("selective", "plant_us"), "a thousandth by a tag, to the first page", "us", Target::Most(2000.0)),
    wanted(("selective", "rate_us"), "by a property and a tag, to the page", "us", Target::Most(2000.0)),
    wanted(("scan", "first_page_us"), "no index, to the first page", "us", Target::None),
    wanted(("scan", "twin_us"), "no index, to the end, a twin", "us", Target::Most(1.0)),
    wanted(("scan", "twin_cpu_us"), "no index, to the end, a twin", "us CPU", Target::None),
    wanted(("grouped", "first_page_ms"), "all counted by a tag", "ms", Target::None),
];

const fn wanted(
    of: (&'static str, &'static str),
    name: &'static str,
    unit: &'static str,
    target: Target,
) -> Wanted {
    Wanted { of, name, unit, target }
}

/// Starts a hub in memory for each number of twins, and asks it.
pub(super) fn measure(bench: &Bench, show: &Show<'_>) -> Result<(), Failure> {
    for twins in &bench.twins {
        let server = bench.programs.start(Side::Memory)?;
        let empty = server.resident()?;
        bench.load.run("register", &server, &[("devices", *twins), ("twins", 1)])?;
        let memory = (server.resident()? - empty) / *twins as f64;
        show(&figure(*twins, "a device with four tags and three properties", "bytes", memory, Target::None));
        let mut said: Vec<(&str, Value)> = Vec::new();
        for wanted in WANTED {
            let (what, member) = wanted.of;
            if said.last().is_none_or(|(last, _)| *last != what) {
                said.push((what, run(bench, &server, what, *twins)?));
            }
            let ours = said.last().and_then(|(_, said)| said[member].as_f64());
            let ours = ours.ok_or_else(|| Failure::new(format!("the load does not say {member}")))?;
            show(&figure(*twins, wanted.name, wanted.unit, ours, wanted.target));
        }
        let indexed = (server.resident()? - empty) / *twins as f64;
        show(&figure(*twins, "the same with an index of a property", "bytes", indexed, Target::None));
    }
    Ok(())
}

fn run(bench: &Bench, server: &Server, what: &str, twins: u64) -> Result<Value, Failure> {
    bench.load.run(what, server, &[("devices", twins)])
}

fn figure(twins: u64, name: &str, unit: &'static str, ours: f64, target: Target) -> Figure {
    Figure { name: format!("{twins} twins: {name}"), unit, ours, other: None, target }
}
