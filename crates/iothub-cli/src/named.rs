use iothub_model::IfMatch;
use iothub_service::{Error, Service};

use crate::condition::condition;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;

/// Says by its name which one of several a command is about.
pub(crate) trait Named: clap::Args {
    /// The help of `--if-match`.
    const CONDITION: &'static str;

    fn id(&self) -> &str;
}

#[derive(clap::Args)]
pub(crate) struct DeleteArguments<N: Named> {
    #[command(flatten)]
    pub(crate) name: N,
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, default_value = "*", help = N::CONDITION)]
    pub(crate) if_match: IfMatch,
    #[command(flatten)]
    pub(crate) hub: HubArguments,
}

/// Deletes it as `delete` says, and tells a person so.
pub(crate) async fn delete<N: Named>(
    arguments: &DeleteArguments<N>,
    output: &Output,
    delete: impl AsyncFnOnce(&Service, &str, &IfMatch) -> Result<(), Error>,
) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.name.id();
    let deleted = delete(&hub.service, id, &arguments.if_match).await;
    deleted.map_err(|error| hub.explain(error, None))?;
    output.tell_deleted(id);
    Ok(())
}
