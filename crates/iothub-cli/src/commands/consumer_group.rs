use clap::Subcommand;
use iothub_model::{Checkpoint, ConsumerGroup};

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::table;

/// Readers of events with checkpoints of their own: create, list, show, delete
///
/// Needs a hub of your own: Azure has these in its resource manager.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a consumer group, if it is not there yet
    #[command(after_help = "Examples:\n  iothub consumer-group create billing")]
    Create(NamedArguments),
    /// List the consumer groups
    #[command(after_help = "Examples:\n  iothub consumer-group list")]
    List(HubArguments),
    /// Show how far a consumer group has read each partition
    #[command(
        after_help = "Examples:\n  iothub consumer-group show billing\n  iothub consumer-group show '$Default'"
    )]
    Show(NamedArguments),
    /// Delete a consumer group and its checkpoints
    #[command(after_help = "Examples:\n  iothub consumer-group delete billing")]
    Delete(NamedArguments),
}

#[derive(clap::Args)]
pub(crate) struct NamedArguments {
    /// The name of the group
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::List(hub) => list(hub, output).await,
        Command::Show(arguments) => show(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output).await,
    }
}

async fn create(arguments: &NamedArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let created = hub.service.create_consumer_group(&arguments.name).await;
    let created = created.map_err(|error| hub.explain(error, None))?;
    output.show(&created, || table::record([("name", created.name.clone())]))
}

async fn list(hub: &HubArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(hub)?;
    let listed = hub.service.consumer_groups().await.map_err(|error| hub.explain(error, None))?;
    output.show(&listed, || {
        table::rows(["NAME"], listed.iter().map(|each: &ConsumerGroup| [each.name.clone()]))
    })
}

async fn show(arguments: &NamedArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let checkpoints = hub.service.checkpoints(&arguments.name).await;
    let checkpoints = checkpoints.map_err(|error| hub.explain(error, None))?;
    output.show(&checkpoints, || {
        let row = |each: &Checkpoint| {
            let next = each.next.map_or_else(|| "none".into(), |next| next.to_string());
            let (waiting, missed) = (each.waiting.to_string(), each.missed.to_string());
            [each.partition.to_string(), next, waiting, missed, shown(each.time)]
        };
        table::rows(["PARTITION", "NEXT", "WAITING", "MISSED", "WHEN"], checkpoints.iter().map(row))
    })
}

async fn delete(arguments: &NamedArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let deleted = hub.service.delete_consumer_group(&arguments.name).await;
    deleted.map_err(|error| hub.explain(error, None))?;
    output.tell_deleted(&arguments.name);
    Ok(())
}
