use serde_json::Value;

use super::{Bench, Show};
use crate::bench::server::Side;
use crate::bench::table::{Figure, Target};
use crate::failure::Failure;

/// Twins that a job changes.
const TWINS: u64 = 100_000;
/// Devices that a job calls, each connected.
const CONNECTED: u64 = 10_000;

/// Has a hub, durable, do a job of each kind.
pub(super) fn measure(bench: &Bench, show: &Show<'_>) -> Result<(), Failure> {
    let said = run(bench, "twin-job", TWINS)?;
    for (name, unit, member, target) in [
        ("a job changes their twins", "1/s", "a_second", Target::Least(10_000.0)),
        ("a job changes their twins", "us CPU", "server_us", Target::None),
        ("the same, watched 100 times a second", "1/s", "watched_a_second", Target::None),
        ("to ask how far it is", "us CPU", "poll_us", Target::None),
        ("that ten times a second, of the job", "%", "progress_percent", Target::Most(1.0)),
    ] {
        show(&figure(TWINS, (name, unit), &said, member, target)?);
    }
    let said = run(bench, "method-job", CONNECTED)?;
    for (unit, member, target) in
        [("1/s", "a_second", Target::Least(5_000.0)), ("us CPU", "server_us", Target::None)]
    {
        show(&figure(CONNECTED, ("a job calls a method", unit), &said, member, target)?);
    }
    Ok(())
}

fn run(bench: &Bench, what: &str, devices: u64) -> Result<Value, Failure> {
    let server = bench.programs.start(Side::Durable)?;
    bench.load.run("register", &server, &[("devices", devices)])?;
    bench.load.run(what, &server, &[("devices", devices)])
}

fn figure(
    devices: u64,
    (name, unit): (&str, &'static str),
    said: &Value,
    member: &str,
    target: Target,
) -> Result<Figure, Failure> {
    let ours = said[member].as_f64();
    let ours = ours.ok_or_else(|| Failure::new(format!("the load does not say {member}")))?;
    Ok(Figure { name: format!("{devices} devices: {name}"), unit, ours, other: None, target })
}
