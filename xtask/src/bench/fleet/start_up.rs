use std::process::{Command, Stdio};

use super::{Bench, Show};
use crate::bench::table::{Figure, Target};
use crate::clock;
use crate::failure::Failure;

/// Starts the command line again and again, each time to its end.
pub(super) fn measure(bench: &Bench, show: &Show<'_>) -> Result<(), Failure> {
    for (line, target) in [("--help", Target::Most(10.0)), ("job run --help", Target::Most(10.0))] {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let mut command = Command::new(&bench.programs.iothub);
            command.args(line.split(' ')).stdin(Stdio::null()).stdout(Stdio::null());
            let begin = clock::now();
            let status = command.status().map_err(Failure::while_doing("iothub cannot be started"))?;
            times.push(begin.elapsed().as_secs_f64() * 1e3);
            if !status.success() {
                return Err(Failure::new(format!("iothub {line} ends with {status}")));
            }
        }
        times.sort_by(f64::total_cmp);
        let ours = times[RUNS / 2];
        let name = format!("iothub {line}, from start to end, median of {RUNS}");
        show(&Figure { name, unit: "ms", ours, other: None, target });
    }
    Ok(())
}

const RUNS: usize = 51;
