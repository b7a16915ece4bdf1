use std::rc::Rc;

use serde_json::{Value, json};

use crate::fleet::connect_all;
use crate::target::Target;
use crate::usage::resident;

/// Devices that are connected and silent, and what each adds to the memory of the server.
pub(crate) async fn run(target: Target) -> Value {
    let target = Rc::new(target);
    // What the first connections bring is there once.
    let first = connect_all(&target, 0, 16).await;
    let before = resident(target.pid);
    let count = target.number("devices", 10_000) - 16;
    let links = connect_all(&target, 16, count).await;
    // Until what every connection begins with is done and its room given back.
    tokio::time::sleep(core::time::Duration::from_secs(2)).await;
    let after = resident(target.pid);
    drop((first, links));
    json!({ "count": count, "bytes": after.saturating_sub(before) as f64 / count as f64 })
}
