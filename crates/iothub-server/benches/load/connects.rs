use std::rc::Rc;

use serde_json::Value;

use crate::link::Link;
use crate::tally::Tally;
use crate::target::{Target, device_name};

/// Devices that connect, are let in, and leave, again and again; each connection begins with a full TLS handshake.
pub(crate) async fn run(target: Target) -> Value {
    let target = Rc::new(target);
    let tally = Tally::default();
    for number in 0..target.number("devices", 4) {
        let (target, tally) = (Rc::clone(&target), tally.clone());
        tokio::task::spawn_local(async move {
            loop {
                Link::connect(&target, &device_name(number)).await.leave().await;
                tally.add(1);
            }
        });
    }
    tally.watch(&target).await
}
