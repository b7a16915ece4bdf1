//! Devices that go on with their work while everything between them and their hub breaks, and the hub is killed.
//!
//! `cargo xtask chaos --minutes 10` has it done for long; among the tests it is done for some seconds. One number decides
//! what breaks and when, but not what the devices have come to by then.

#![cfg_attr(unix, allow(clippy::unwrap_used, reason = "this is a test"))]

#[cfg(unix)]
mod back_end;
#[cfg(unix)]
mod calm;
#[cfg(unix)]
mod chance;
#[cfg(unix)]
mod device;
#[cfg(unix)]
mod hub;
#[cfg(unix)]
mod ledger;
#[cfg(unix)]
mod reports;
#[cfg(unix)]
mod storm;
#[cfg(unix)]
mod twins;
#[cfg(unix)]
mod verdict;

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    let option = |name: &str, default: u64| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
        arguments
            .next()
            .map_or(default, |value| value.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let (seconds, seed, devices) = (option("--seconds", 8), option("--seed", 1), option("--devices", 24));
    let duration = core::time::Duration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let verdict = runtime.block_on(chaos(duration, seed, devices));
    println!("{verdict}");
    // With it go the tasks of the test's own.
    runtime.shutdown_timeout(core::time::Duration::from_secs(5));
    assert!(verdict.holds(), "seed {seed}: something that must hold does not (see above)");
}

#[cfg(unix)]
async fn chaos(duration: core::time::Duration, seed: u64, devices: u64) -> verdict::Verdict {
    use std::sync::Arc;

    use tokio::sync::watch;

    let place = hub::Place::new();
    let hub = Arc::new(hub::Restarted::start(&place).await);
    let ledger = Arc::new(ledger::Ledger::new(devices));
    let end = watch::Sender::new(false);
    let keys = back_end::register(&hub, devices).await;
    let mut fleet = Vec::new();
    for (number, key) in (0..).zip(&keys) {
        fleet.push(device::Worker::start(&hub, number, key, &ledger, end.subscribe()).await);
    }
    let back_ends = back_end::work(&hub, devices, seed, &ledger, end.subscribe());
    let storm = storm::rage(&hub, seed, duration).await;
    end.send_replace(true);
    back_ends.ended().await;
    for worker in &mut fleet {
        worker.ended().await;
    }
    verdict::judge(&hub, fleet, &ledger, storm, seed).await
}
