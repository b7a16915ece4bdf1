//! Carries out the steps of imports and exports, one after the other, and tells the hub what came of each.

use std::sync::Arc;

use iothub_hub::{Input, TransferStep, Transferred};

use crate::shared::Shared;
use crate::transfer_files::TransferFiles;

/// Does so for as long as the hub can go on.
pub(crate) async fn serve(shared: &Shared) {
    let orders = shared.driver.carrier().transfer_orders();
    let (Some(mut orders), Some(folder)) = (orders, &shared.transfers) else {
        // The hub was told that there is nobody to do this, and asks for nothing.
        return core::future::pending().await;
    };
    let mut files = TransferFiles::new(Arc::clone(folder));
    while let Some((number, step)) = orders.recv().await {
        let is_answered = step != TransferStep::Abandon;
        // Files are on disks, which others must not wait for.
        let performed = tokio::task::spawn_blocking(move || {
            let outcome = files.perform(step);
            (files, outcome)
        });
        let Ok((kept, outcome)) = performed.await else { return };
        files = kept;
        let outcome = outcome.unwrap_or_else(|why| Transferred::Failed { why });
        if is_answered {
            let Ok(mut hub) = shared.driver.enter() else { return };
            hub.handle(Input::Transferred { number, outcome });
        }
    }
}
