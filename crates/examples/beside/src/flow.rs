use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{Value, json};

use crate::clock;
use crate::target::Target;
use crate::usage::processor_ns;

/// A connected client.
pub(crate) trait Send {
    /// Hands over one message, waiting for room.
    async fn send(&mut self);
    /// Waits until the oldest message that was handed over is acknowledged.
    async fn acknowledged(&mut self);
    /// The same, for one that already is; `false` if it is not.
    fn is_acknowledged(&mut self) -> bool;
}

/// As many messages as go.
pub(crate) async fn throughput(target: &Target, client: &mut impl Send) -> Value {
    let time = Duration::from_secs(target.number("seconds", 5));
    rush(target, client, Duration::from_secs(1)).await;
    let (began, taken) = (clock::now(), processor_ns());
    let messages = rush(target, client, time).await;
    let (time, taken) = (clock::now() - began, processor_ns() - taken);
    json!({
        "rate": messages as f64 / time.as_secs_f64(),
        "us": taken as f64 / 1_000.0 / messages as f64,
    })
}

async fn rush(target: &Target, client: &mut impl Send, time: Duration) -> u64 {
    let began = clock::now();
    let (mut sent, mut acknowledged) = (0, 0);
    // As much again waits behind the window, so that there is always one to be sent.
    let most = 2 * u64::from(target.window);
    while sent % 64 != 0 || clock::now() - began < time {
        client.send().await;
        sent += 1;
        while client.is_acknowledged() {
            acknowledged += 1;
        }
        if sent - acknowledged >= most {
            client.acknowledged().await;
            acknowledged += 1;
        }
    }
    while acknowledged < sent {
        client.acknowledged().await;
        acknowledged += 1;
    }
    sent
}

/// What a connection takes to get going is not what is measured.
const BEGINNING: Duration = Duration::from_millis(100);

/// A machine stops a process for milliseconds now and then. That is in few windows of this length; the middle one of all
/// windows has none.
const WINDOW: Duration = Duration::from_millis(25);

/// A given rate, in messages a second, and how long each message takes from the time at which it was due.
///
/// The clock is looked at again and again: timers of a millisecond would be most of what is measured.
pub(crate) async fn latency(target: &Target, client: &mut impl Send) -> Value {
    let windows = target.number("windows", 20).max(1) as usize;
    // There are some in each window.
    let rate = target.number("rate", 10_000).max(1_000);
    let between = Duration::from_secs_f64(1.0 / rate as f64);
    let began = clock::now();
    let measured = began + BEGINNING;
    let mut due = began;
    let mut open: VecDeque<Instant> = VecDeque::new();
    let mut taken = vec![Vec::new(); windows];
    let ends = measured + WINDOW * windows as u32;
    while due < ends || !open.is_empty() {
        while due <= clock::now() && due < ends {
            client.send().await;
            open.push_back(due);
            due += between;
        }
        while client.is_acknowledged() {
            if let Some(due) = open.pop_front().filter(|due| *due >= measured) {
                let window = (due - measured).as_nanos() / WINDOW.as_nanos();
                taken[window as usize].push(clock::now() - due);
            }
        }
        tokio::task::yield_now().await;
    }
    taken.iter_mut().for_each(|times| times.sort());
    let middle = |part| {
        let mut all: Vec<Duration> = taken.iter().map(|times| quantile(times, part)).collect();
        all.sort();
        quantile(&all, 50).as_secs_f64() * 1e6
    };
    json!({ "p50": middle(50), "p99": middle(99) })
}

/// That many hundredths of what is sorted are less than this.
fn quantile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() - 1) * hundredths / 100]
}
