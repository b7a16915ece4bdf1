//! Devices and back ends that put a hub to work, or any broker where a hub is no different from one:
//! `cargo xtask bench hub` and `bench fleet` run it again and again.
//!
//! One thread for all of them, so that it takes as little as it can of the machine that it shares with the server. What
//! it measured it prints as one line of JSON: the processor time is that of the process `pid`, the server's.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop where it stands")]

mod clock;
mod connects;
mod fleet;
mod idle;
mod jobs;
mod link;
mod methods;
mod patches;
mod queries;
mod registration;
mod requests;
mod tally;
mod target;
mod telemetry;
mod usage;

use target::Target;

fn main() {
    // What cargo passes to every benchmark is no setting.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some((what, settings)) = words.split_first() else {
        println!("run by `cargo xtask bench hub`");
        return;
    };
    // Of each connection one end is here. Where there may not be as many, that of the first too many says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let target = Target::parse(settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let measured = tokio::task::LocalSet::new().block_on(&runtime, async {
        match what.as_str() {
            "register" => registration::register(&target).await,
            "telemetry" => telemetry::run(target).await,
            "get" => requests::run(target, requests::Kind::TwinGet).await,
            "report" => requests::run(target, requests::Kind::Report).await,
            "echo" => requests::run(target, requests::Kind::Echo).await,
            "connect" => connects::run(target).await,
            "idle" => idle::run(target).await,
            "methods" => methods::run(target).await,
            "twin-job" => jobs::twins(target).await,
            "method-job" => jobs::methods(target).await,
            "patches" => patches::run(target).await,
            "selective" => queries::selective(target).await,
            "scan" => queries::scan(target).await,
            "grouped" => queries::grouped(target).await,
            _ => panic!("no measurement is called {what}"),
        }
    });
    println!("{measured}");
}
