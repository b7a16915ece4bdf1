use core::time::Duration;
use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Stopwatch;
use crate::output::remark;
use crate::terminal::printable;

/// Shows on standard error how far something is that takes its time: as a bar at a terminal, and else as a line now and
/// then. What is over soon says nothing in a pipe.
pub(crate) struct Progress {
    /// What is counted, as in `devices`.
    noun: &'static str,
    bar: Option<ProgressBar>,
    begin: Stopwatch,
    /// When a line was last written, in milliseconds since the begin.
    told_ms: u128,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reached {
    pub(crate) done: u64,
    /// Those of them that went wrong.
    pub(crate) failed: u64,
    /// From 0 to 1, where the end is known.
    pub(crate) share: Option<f64>,
}

impl Progress {
    pub(crate) fn begin(noun: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            bar.with_style(ProgressStyle::with_template("[{bar:30}] {msg}").expect("the template is one"))
        });
        Self { noun, bar, begin: Stopwatch::start(), told_ms: 0 }
    }

    pub(crate) fn show(&mut self, reached: Reached) {
        let elapsed_ms = self.begin.elapsed_ms();
        if let Some(bar) = &self.bar {
            // The share is from 0 to 1, so this is from 0 to STEPS.
            bar.set_position((reached.share.unwrap_or_default() * STEPS as f64) as u64);
            bar.set_message(line(self.noun, reached, elapsed_ms));
        } else if elapsed_ms >= self.told_ms + LINE_EVERY.as_millis() {
            self.told_ms = elapsed_ms;
            remark(&line(self.noun, reached, elapsed_ms));
        }
    }

    /// Says something else meanwhile.
    pub(crate) fn remark(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(format!("iothub: {}", printable(text))),
            None => remark(text),
        }
    }
}

/// The bar goes, whatever comes next.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(noun: &str, reached: Reached, elapsed_ms: u128) -> String {
    let Reached { done, failed, share } = reached;
    let elapsed_s = elapsed_ms as f64 / 1000.0;
    let mut text = format!("{done} {noun}");
    if elapsed_s >= 1.0 {
        text += &format!(", {:.0} a second", done as f64 / elapsed_s);
    }
    if failed > 0 {
        text += &format!(", {failed} failed");
    }
    if let Some(share) = share {
        text += &format!(", {:.0} %", (share * 100.0).floor());
        if share > 0.0 && share < 1.0 && elapsed_s >= 1.0 {
            text += &format!(", {} left", about(elapsed_s * (1.0 - share) / share));
        }
    }
    text
}

/// A time in the unit that suits it.
fn about(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

/// Of the bar.
const STEPS: u64 = 1000;
/// Where nothing can be overwritten.
const LINE_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_said_with_rate_rest_and_failures() {
        for (done, failed, share, elapsed_ms, text) in [
            (0, 0, None, 0, "0 devices"),
            (10, 0, None, 999, "10 devices"),
            (500, 0, None, 2000, "500 devices, 250 a second"),
            (500, 3, Some(0.25), 2000, "500 devices, 250 a second, 3 failed, 25 %, 6 s left"),
            (500, 0, Some(0.001), 2000, "500 devices, 250 a second, 0 %, 33 min left"),
            (500, 0, Some(0.0001), 2000, "500 devices, 250 a second, 0 %, 6 h left"),
            (500, 0, Some(1.0), 2000, "500 devices, 250 a second, 100 %"),
            (499, 0, Some(0.9999), 500, "499 devices, 99 %"),
        ] {
            assert_eq!(line("devices", Reached { done, failed, share }, elapsed_ms), text);
        }
    }
}
