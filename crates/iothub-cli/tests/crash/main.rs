//! A hub that is killed again and again under load, and compared with what it had acknowledged.
//!
//! `cargo xtask crash --kills 200` has it done often, `--jobs` with jobs on a fleet meanwhile; among the tests it is done
//! a few times. One number decides when the hub is killed and what is done to copies of its file, but not what the load
//! has come to by then. Each kill is told on standard error, with what its steps took: what takes longer and longer is to
//! start the hub, which reads all of its file.

#![cfg_attr(unix, allow(clippy::unwrap_used, reason = "this is a test"))]

#[cfg(unix)]
mod chance;
#[cfg(unix)]
mod copies;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod hub;
#[cfg(unix)]
mod imports;
#[cfg(unix)]
mod jobs;
#[cfg(unix)]
mod load;
#[cfg(unix)]
mod progress;
#[cfg(unix)]
mod truth;

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
    let (kills, seed) = (option("--kills", 3), option("--seed", 1));
    let with_jobs = std::env::args().any(|argument| argument == "--jobs");
    tokio::runtime::Runtime::new().unwrap().block_on(crash(kills, seed, with_jobs));
}

#[cfg(unix)]
async fn crash(kills: u64, seed: u64, with_jobs: bool) {
    use std::sync::{Arc, Mutex};

    let mut chance = chance::Chance::new(seed);
    let place = hub::Place::new();
    let truth = Arc::new(Mutex::new(truth::Truth::default()));
    let mut checker = truth::Checker::default();
    let mut copies = copies::Outcomes::default();
    let jobs = Arc::new(Mutex::new(jobs::Jobs::default()));
    let imports = Arc::new(Mutex::new(imports::Imports::default()));
    let files = Arc::new(Mutex::new(files::Files::default()));
    for kill in 0..kills {
        let mut progress = progress::Progress::start();
        let mut hub = hub::Killable::start(&place);
        let load = load::start(&hub, &truth).await;
        let mut at_work = tokio::task::JoinSet::new();
        if with_jobs {
            at_work = jobs::start(&hub, &jobs).await;
            imports::start(&hub, &place.transfers(), &imports, &mut at_work);
        }
        files::start(&hub, &files, &mut at_work).await;
        progress.done("start");
        tokio::time::sleep(core::time::Duration::from_millis(50 + chance.below(800))).await;
        hub.kill();
        load.end().await;
        at_work.shutdown().await;
        progress.done("load");
        if kill % 5 == 0 {
            copies.try_some(&place, &mut chance, &truth).await;
            progress.done("copies");
        }
        let again = hub::restart(&place.data(), &place.transfers())
            .await
            .unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        progress.done("restart");
        checker.check(&again, &truth, &format!("seed {seed}, kill {kill}")).await;
        let service = hub::service(again.service_connection_string(), again.ca_pem().as_bytes());
        files::check(&service, &place.data(), &files, &format!("seed {seed}, kill {kill}")).await;
        if with_jobs {
            jobs::check(&service, &jobs, &format!("seed {seed}, kill {kill}")).await;
        }
        progress.done("checks");
        again.stop().await;
        progress.done("stop");
        let acknowledged = truth.lock().unwrap().acknowledged();
        eprintln!("kill {} of {kills}: {acknowledged} operations acknowledged{progress}", kill + 1);
    }
    // What waits for devices is theirs in the end.
    let mut hub = hub::Killable::start(&place);
    load::drain(&hub, &truth).await;
    if with_jobs {
        jobs::settle(&hub, &jobs).await;
        imports::settle(&hub, &place.transfers(), &imports).await;
    }
    hub.kill();
    let truth = truth.lock().unwrap();
    truth.check_commands();
    println!("seed {seed}: {kills} kills");
    println!("{} operations acknowledged: {}", truth.acknowledged(), truth.summary());
    println!("{} checks made, all hold", checker.checks);
    println!("damaged copies: {copies}");
    let files = files.lock().unwrap();
    println!("{}; {} checks made, all hold", files.summary(), files.checks);
    if with_jobs {
        let jobs = jobs.lock().unwrap();
        println!("{}; {} checks made, all hold", jobs.summary, jobs.checks);
        println!("{}", imports.lock().unwrap().summary);
    }
    assert!(truth.acknowledged() > kills * 5, "the load has come to nothing");
    assert!(files.acknowledged() > kills / 5, "the uploads have come to nothing");
}
