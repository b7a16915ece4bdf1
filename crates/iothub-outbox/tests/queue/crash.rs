use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use iothub_outbox::{Outbox, OutboxOptions, Record, Settlement};

use crate::scratch::Scratch;

const FILE: &str = "IOTHUB_OUTBOX_CRASH_FILE";

/// What the process does that is killed: says each number when it is stored, and then settles some of them.
#[tokio::test]
async fn stores_until_it_is_killed() {
    let Ok(file) = std::env::var(FILE) else { return };
    let outbox = Outbox::open(file, OutboxOptions::new()).unwrap();
    let first = outbox.store(Record::new("first")).await.unwrap().sequence();
    for number in first + 1.. {
        let key = outbox.store(Record::new(number.to_string())).await.unwrap();
        assert_eq!(key.sequence(), number);
        println!("stored {number}");
        if number % 3 == 0 {
            let entry = outbox.next().await.unwrap();
            println!("settled {}", entry.key.sequence());
            outbox.settle(entry.key, Settlement::Delivered);
        }
    }
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_point_loses_nothing_that_was_stored() {
    let scratch = Scratch::new("crash");
    let (mut stored, mut settled) = (Vec::new(), Vec::new());
    for round in 0..20_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::stores_until_it_is_killed", "--nocapture"])
            .env(FILE, scratch.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: &str| {
            let Some((what, number)) = line.split_once(' ') else { return };
            let Ok(number) = number.parse::<u64>() else { return };
            match what {
                "stored" => stored.push(number),
                "settled" => settled.push(number),
                _ => {}
            }
        };
        // Somewhere in the middle of what comes next.
        let lives_for = 1 + round * 7 % 31;
        let mut said = 0;
        while said < lives_for {
            let line = lines.next().unwrap().unwrap();
            said += u64::from(line.starts_with("stored"));
            take(&line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| take(&line));

        let outbox = scratch.open();
        let mut there = Vec::new();
        for _ in 0..outbox.contents().messages {
            there.push(outbox.next().await.unwrap().key.sequence());
        }
        assert!(there.is_sorted());
        for number in &stored {
            assert!(there.contains(number) || settled.contains(number), "{number} was lost in round {round}");
        }
        outbox.close().await;
    }
    assert!(stored.len() >= 20 && !settled.is_empty());
}
