//! How long reading and writing take, in nanoseconds: `cargo bench -p iothub-codec`, perhaps with `-- PART` of the
//! names of the rows that are wanted. Beside them stands a plain reader of the classic dialect that checks nothing.
//!
//! `--list` and `--repeat NAME ours|plain TIMES` are for `cargo xtask bench codec`, which counts instructions.

mod clock;
mod messages;
mod plain;
mod rows;

use std::process::ExitCode;

use rows::{Row, Work};

fn main() -> ExitCode {
    let mut rows = rows::all();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--list"] => rows.iter().for_each(|row| println!("{}\t{}", row.name, row.plain.is_some())),
        ["--repeat", name, which, times] => {
            let row = rows.iter_mut().find(|row| row.name == *name);
            let work =
                row.and_then(|row| if *which == "plain" { row.plain.as_mut() } else { Some(&mut row.ours) });
            match (work, times.parse()) {
                (Some(work), Ok(times)) => work(times),
                _ => return ExitCode::FAILURE,
            }
        }
        parts => {
            println!("{:<44}{:>10}{:>10}{:>8}", "nanoseconds", "codec", "plain", "ratio");
            let wanted =
                |row: &&mut Row| parts.is_empty() || parts.iter().any(|part| row.name.contains(part));
            rows.iter_mut().filter(wanted).for_each(measure);
        }
    }
    ExitCode::SUCCESS
}

/// The two take turns, so that what else the machine does meets both.
fn measure(row: &mut Row) {
    let times = times_for_a_sample(&mut row.ours);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        ours.push(nanoseconds(&mut row.ours, times));
        plain.extend(row.plain.as_mut().map(|work| nanoseconds(work, times)));
    }
    let ours = median(ours).unwrap_or_default();
    match median(plain) {
        Some(plain) => println!("{:<44}{ours:>10.1}{plain:>10.1}{:>8.2}", row.name, ours / plain),
        None => println!("{:<44}{ours:>10.1}", row.name),
    }
}

const SAMPLES: usize = 31;
const SAMPLE_NS: f64 = 1e6;

fn times_for_a_sample(work: &mut Work) -> u32 {
    let mut times = 1;
    while times < 1 << 24 && nanoseconds(work, times) * f64::from(times) < SAMPLE_NS {
        times *= 2;
    }
    times
}

/// How long once takes.
fn nanoseconds(work: &mut Work, times: u32) -> f64 {
    let begin = clock::now();
    work(times);
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}
