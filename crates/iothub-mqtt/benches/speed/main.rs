//! How long reading and writing a message at QoS 1 takes, in nanoseconds: `cargo bench -p iothub-mqtt --bench speed`,
//! perhaps with `-- PART` of the names of the rows that are wanted.
//!
//! Beside each row stands the same by `mqttbytes`, and a copy: of the message into the buffer that it is read from, which
//! is in all three, or of the payload to where it stands in the message that is written, as a copy to another place takes
//! another time. Over MQTT 5 a message has five user properties, unless it is plain.

mod clock;
#[path = "../pair.rs"]
mod pair;
mod rows;

use rows::{Row, Work};

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()));
    println!(
        "{:<28}{:>10}{:>12}{:>8}{:>10}{:>8}",
        "nanoseconds", "iothub", "mqttbytes", "ratio", "memcpy", "ratio"
    );
    rows::all().iter_mut().filter(|row| wanted(&row.name)).for_each(measure);
    println!();
    println!("{:<28}{:>14}{:>12}", "through client and server", "packets / s", "MB / s");
    rows::pairs().iter_mut().filter(|row| wanted(&row.name)).for_each(measure_pair);
}

/// The three take turns, so that what else the machine does meets all. Of each the fastest is shown: what it takes
/// when nothing else is done.
fn measure(row: &mut Row) {
    let times = times_for_a_sample(&mut row.ours);
    let (mut ours, mut theirs, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        ours.push(nanoseconds(&mut row.ours, times));
        theirs.push(nanoseconds(&mut row.theirs, times));
        copies.push(nanoseconds(&mut row.copy, times));
    }
    let [ours, theirs, copies] = [ours, theirs, copies].map(fastest);
    let (against_theirs, against_copies) = (ours / theirs, ours / copies);
    println!(
        "{:<28}{ours:>10.1}{theirs:>12.1}{against_theirs:>8.2}{copies:>10.1}{against_copies:>8.2}",
        row.name
    );
}

fn measure_pair(row: &mut rows::PairRow) {
    let times = times_for_a_sample(&mut row.work);
    let samples = (0..SAMPLES).map(|_| nanoseconds(&mut row.work, times)).collect();
    let each = fastest(samples);
    println!("{:<28}{:>14.0}{:>12.1}", row.name, 1e9 / each, row.payload_len as f64 * 1e3 / each);
}

const SAMPLES: usize = 301;
const SAMPLE_NS: f64 = 1e5;

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

fn fastest(samples: Vec<f64>) -> f64 {
    samples.into_iter().min_by(f64::total_cmp).unwrap_or_default()
}
