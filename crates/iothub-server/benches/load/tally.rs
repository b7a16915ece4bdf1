use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::clock;
use crate::target::Target;
use crate::usage::processor_us;

/// Counts what was done, by all connections together.
#[derive(Clone, Default)]
pub(crate) struct Tally(Rc<Cell<u64>>);

impl Tally {
    pub(crate) fn add(&self, count: u64) {
        self.0.set(self.0.get() + count);
    }

    /// Watches for some time, after some time in which everything gets going.
    pub(crate) async fn watch(&self, target: &Target) -> Value {
        tokio::time::sleep(WARM_UP).await;
        let seen =
            || (self.0.get(), processor_us(target.pid), processor_us(std::process::id()), clock::now());
        let before = seen();
        tokio::time::sleep(Duration::from_secs(target.number("seconds", 5))).await;
        let after = seen();
        let count = after.0 - before.0;
        assert_ne!(count, 0, "nothing was done");
        json!({
            "count": count,
            "server_us": (after.1 - before.1) as f64 / count as f64,
            "own_us": (after.2 - before.2) as f64 / count as f64,
            "a_second": count as f64 / after.3.duration_since(before.3).as_secs_f64(),
        })
    }
}

const WARM_UP: Duration = Duration::from_secs(1);
