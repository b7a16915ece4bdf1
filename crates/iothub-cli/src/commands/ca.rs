use std::path::PathBuf;

use clap::Subcommand;
use iothub_model::CertificateAuthority;

use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::table;

/// Certificate authorities that let devices in: add, list, remove
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Trust an authority
    ///
    /// Devices created with `--auth-method x509_ca` connect with certificates that it has signed, by way of others if
    /// need be, and whose common name is the name of the device.
    #[command(after_help = "Examples:\n  iothub ca add my-root --path root.pem")]
    Add(AddArguments),
    /// List the authorities
    #[command(after_help = "Examples:\n  iothub ca list")]
    List(HubArguments),
    /// Trust an authority no longer
    ///
    /// Devices that are connected by way of it are disconnected.
    #[command(after_help = "Examples:\n  iothub ca remove my-root")]
    Remove(RemoveArguments),
}

#[derive(clap::Args)]
pub(crate) struct AddArguments {
    /// What the hub shall call it
    #[arg(value_name = "NAME")]
    name: String,
    /// The file with its certificate, as PEM
    #[arg(long, short, value_name = "FILE")]
    path: PathBuf,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct RemoveArguments {
    /// What the hub calls it
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add(arguments) => add(arguments, output).await,
        Command::List(hub) => list(hub, output).await,
        Command::Remove(arguments) => remove(arguments, output).await,
    }
}

async fn add(arguments: &AddArguments, output: &mut Output) -> Result<(), Failure> {
    let certificate = crate::content::text_file(&arguments.path)?;
    let hub = Hub::open(&arguments.hub)?;
    let asked = CertificateAuthority { certificate, ..CertificateAuthority::default() };
    let added = hub.service.put_authority(&arguments.name, &asked).await;
    let added = added.map_err(|error| hub.explain(error, None))?;
    output.show(&added, || {
        table::record([
            ("name", added.name.clone()),
            ("subject", added.subject.clone()),
            ("thumbprint", added.thumbprint.clone()),
            ("valid until", shown(added.expiry)),
        ])
    })
}

async fn list(hub: &HubArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(hub)?;
    let listed = hub.service.list_authorities().await.map_err(|error| hub.explain(error, None))?;
    output.show(&listed, || {
        let row = |each: &CertificateAuthority| {
            [each.name.clone(), each.subject.clone(), each.thumbprint.clone(), shown(each.expiry)]
        };
        table::rows(["NAME", "SUBJECT", "THUMBPRINT", "VALID UNTIL"], listed.iter().map(row))
    })
}

async fn remove(arguments: &RemoveArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let removed = hub.service.delete_authority(&arguments.name).await;
    removed.map_err(|error| hub.explain(error, None))?;
    if output.is_for_people() {
        remark(&format!("removed {}", arguments.name));
    }
    Ok(())
}
