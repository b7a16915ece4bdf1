//! This client and rumqttc at the same work: `cargo xtask bench device` runs it again and again.
//!
//! One thread each, so that all processor time is the client's, and none for anything else. What was measured is printed
//! as one line of JSON.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop where it stands")]

mod clock;
mod flow;
mod ours;
mod target;
mod theirs;
mod usage;

use core::time::Duration;

use serde_json::{Value, json};

use target::{Client, Target};

fn main() {
    // What cargo passes to every benchmark is no setting.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some((what, settings)) = words.split_first() else {
        println!("run by `cargo xtask bench device`");
        return;
    };
    let [client, over, measure] = what.split('-').collect::<Vec<_>>()[..] else {
        panic!("{what} is not client-transport-measurement");
    };
    let target = Target::parse(client, over, settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let measure = measure.to_owned();
    // As a task of its own, as both clients are: waking what the runtime is blocked on costs it a look at the sockets.
    let measuring = runtime.spawn(async move {
        match (&*measure, target.client) {
            ("throughput", Client::Ours) => {
                flow::throughput(&target, &mut ours::Sender::new(&target).await).await
            }
            ("throughput", Client::Theirs) => {
                flow::throughput(&target, &mut theirs::Sender::new(&target).await).await
            }
            ("latency", Client::Ours) => flow::latency(&target, &mut ours::Sender::new(&target).await).await,
            ("latency", Client::Theirs) => {
                flow::latency(&target, &mut theirs::Sender::new(&target).await).await
            }
            ("idle", Client::Ours) => idle(&target, ours::Sender::connected).await,
            ("idle", Client::Theirs) => idle(&target, theirs::Sender::connected).await,
            _ => panic!("no measurement is called {measure}"),
        }
    });
    println!("{}", runtime.block_on(measuring).unwrap());
}

/// What connections that say nothing hold in memory, in KiB each.
async fn idle<S>(target: &Target, connected: impl AsyncFn(&Target, u64) -> S) -> Value {
    let count = target.number("count", 1_000);
    // What is there once, such as the tables of the TLS library.
    let first = connected(target, count).await;
    settle().await;
    let before = usage::resident();
    let mut held = vec![first];
    for number in 0..count {
        held.push(connected(target, number).await);
    }
    settle().await;
    let taken = usage::resident().saturating_sub(before);
    json!({ "kib": taken as f64 / 1024.0 / count as f64 })
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}
