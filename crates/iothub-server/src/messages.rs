//! Carries what the hubs of a process want of each other: the provisioning service of the first has devices made in others.

use iothub_hub::{Errand, Input, Report};

use crate::carrier::{Batch, Message};
use crate::shared::Shared;
use crate::sites::Sites;

/// Does so with what one hub says, for as long as it can go on.
pub(crate) async fn serve(shared: &Shared, sites: &Sites) {
    let Some(mut messages) = shared.driver.carrier().messages() else {
        return core::future::pending().await;
    };
    while let Some(message) = messages.recv().await {
        match message {
            Message::Delegate { hub, errand } => delegate(sites, &hub, errand).await,
            Message::Report(report) => tell(sites.main(), report).await,
        }
    }
}

async fn delegate(sites: &Sites, hub: &str, errand: Errand) {
    let Some(other) = sites.named(hub) else {
        return tell(sites.main(), errand.failed("there is no hub of that name any longer")).await;
    };
    other.driver.carrier().has_room(Batch::default()).await;
    let failed = match other.driver.enter() {
        Ok(mut entered) => {
            entered.handle(Input::Errand { errand });
            None
        }
        Err(_) => Some(errand.failed("the hub cannot go on")),
    };
    if let Some(report) = failed {
        tell(sites.main(), report).await;
    }
}

async fn tell(main: &Shared, report: Report) {
    main.driver.carrier().has_room(Batch::default()).await;
    // If the service cannot go on, neither can what it has begun: that is taken up when it starts again.
    if let Ok(mut entered) = main.driver.enter() {
        entered.handle(Input::Report { report });
    }
}
