use core::time::Duration;
use std::sync::Arc;

use iothub_device::{ReportError, Reporter, Twin};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::chance::Chance;
use crate::device::merge;
use crate::ledger::{Ledger, count};

/// Reports one by one, and waits for each.
pub(crate) async fn report(twin: Twin, number: u64, ledger: Arc<Ledger>, end: watch::Receiver<bool>) {
    let mut chance = Chance::new(number + 2000);
    for n in 1.. {
        if *end.borrow() {
            break;
        }
        let outcome = twin.report(&json!({ "n": n, format!("k{}", n % 7): n })).await;
        match outcome {
            Ok(_) => ledger.of(number).reports += 1,
            Err(error) => count(&mut ledger.of(number).not_reported, &error),
        }
        tokio::time::sleep(Duration::from_millis(20 + chance.below(100))).await;
    }
}

/// Leaves it to a reporter when the hub is told, and waits only now and then for what was left to it.
pub(crate) async fn set(reporter: Reporter, number: u64, ledger: Arc<Ledger>, end: watch::Receiver<bool>) {
    let mut chance = Chance::new(number + 3000);
    for n in 1_u64.. {
        if *end.borrow() {
            break;
        }
        // Members come and go.
        let member = if n % 3 == 0 { json!(null) } else { json!(n) };
        let patch = json!({ "n": n, format!("k{}", n % 7): member });
        if let Err(error) = leave(&reporter, &patch, number, &ledger) {
            count(&mut ledger.of(number).not_reported, &error);
        }
        if n % 5 == 0 {
            match reporter.flush().await {
                Ok(()) => ledger.of(number).reports += 1,
                Err(error) => count(&mut ledger.of(number).not_reported, &error),
            }
        }
        tokio::time::sleep(Duration::from_millis(20 + chance.below(100))).await;
    }
}

/// What the reporter takes it has to report, whatever happens.
pub(crate) fn leave(
    reporter: &Reporter,
    patch: &Value,
    number: u64,
    ledger: &Ledger,
) -> Result<(), ReportError> {
    reporter.set(patch)?;
    merge(&mut ledger.of(number).set, patch);
    Ok(())
}
