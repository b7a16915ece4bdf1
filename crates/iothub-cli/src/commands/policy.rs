use clap::{Subcommand, ValueEnum};
use iothub_model::SharedAccessPolicy;

use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::Output;
use crate::renewal::Renewal;
use crate::table;

/// Shared access policies: create, list, show, renew-key, delete
///
/// A policy has two keys and some of four rights; a back end signs its tokens with one of the keys. Needs a hub of your
/// own, and its policy `iothubowner`: Azure has these in its resource manager.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a policy with keys of its own, or change the rights of one
    #[command(after_help = r#"Examples:
  iothub policy create dashboard --rights RegistryRead,ServiceConnect
  iothub policy create line-3 --permissions DeviceConnect --show-keys"#)]
    Create(CreateArguments),
    /// List the policies and their rights
    #[command(after_help = "Examples:\n  iothub policy list")]
    List(HubArguments),
    /// Show a policy, with --show-keys also its keys and connection string
    #[command(after_help = r#"Examples:
  iothub policy show service
  iothub policy show service --show-keys -o json | jq -r .connectionString"#)]
    Show(ShowArguments),
    /// Give a policy a new key
    ///
    /// Tokens that were signed with the old one count no longer, and devices that came in by it are disconnected. With
    /// `--key-type swap` the two change places, and nobody is disconnected.
    #[command(after_help = r#"Examples:
  iothub policy renew-key service --key-type secondary
  iothub policy renew-key service --kt swap"#)]
    RenewKey(RenewArguments),
    /// Delete a policy
    ///
    /// Its tokens count no longer, and devices that it let in are disconnected. `iothubowner` stays.
    #[command(after_help = "Examples:\n  iothub policy delete dashboard")]
    Delete(NamedArguments),
}

#[derive(clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    named: NamedArguments,
    /// What its holder may do, with commas between
    #[arg(
        long,
        visible_alias = "permissions",
        value_name = "RIGHTS",
        value_delimiter = ',',
        required = true
    )]
    rights: Vec<Right>,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
}

/// Spelled as in Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Right {
    /// Read identities
    RegistryRead,
    /// Read and write identities
    RegistryWrite,
    /// Twins, methods, commands, events, queries and jobs
    ServiceConnect,
    /// Connect as any device
    DeviceConnect,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    named: NamedArguments,
    /// Show its keys, and the connection string of a back end
    #[arg(long)]
    show_keys: bool,
}

#[derive(clap::Args)]
pub(crate) struct RenewArguments {
    #[command(flatten)]
    named: NamedArguments,
    /// Which key: primary, secondary, both, or swap to have them change places
    #[arg(long, visible_alias = "kt", value_name = "TYPE")]
    key_type: Renewal,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
}

#[derive(clap::Args)]
pub(crate) struct NamedArguments {
    /// The name of the policy
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
        Command::RenewKey(arguments) => renew_key(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output).await,
    }
}

async fn create(arguments: &CreateArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.named.hub)?;
    let rights: Vec<String> = arguments.rights.iter().map(|right| format!("{right:?}")).collect();
    let key_name = arguments.named.name.clone();
    let asked = SharedAccessPolicy { key_name, rights: rights.join(","), ..SharedAccessPolicy::default() };
    let created = hub.service.put_policy(&asked).await.map_err(|error| hub.explain(error, None))?;
    print(&hub, created, arguments.show_keys, output)
}

async fn list(hub: &HubArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(hub)?;
    let mut listed = hub.service.list_policies().await.map_err(|error| hub.explain(error, None))?;
    listed.iter_mut().for_each(|policy| policy.keys = Default::default());
    let documents = listed.iter().map(document).collect::<Result<Vec<_>, _>>()?;
    output.show(&documents, || {
        let row = |each: &SharedAccessPolicy| [each.key_name.clone(), each.rights.clone()];
        table::rows(["NAME", "RIGHTS"], listed.iter().map(row))
    })
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.named.hub)?;
    let found = hub.service.get_policy(&arguments.named.name).await;
    print(&hub, found.map_err(|error| hub.explain(error, None))?, arguments.show_keys, output)
}

async fn renew_key(arguments: &RenewArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.named.hub)?;
    let found = hub.service.get_policy(&arguments.named.name).await;
    let mut policy = found.map_err(|error| hub.explain(error, None))?;
    arguments.key_type.apply_to(&mut policy.keys)?;
    let renewed = hub.service.put_policy(&policy).await.map_err(|error| hub.explain(error, None))?;
    print(&hub, renewed, arguments.show_keys, output)
}

async fn delete(arguments: &NamedArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    hub.service.delete_policy(&arguments.name).await.map_err(|error| hub.explain(error, None))?;
    output.tell_deleted(&arguments.name);
    Ok(())
}

/// Shows a policy, and its keys only if that is asked for.
fn print(
    hub: &Hub,
    mut policy: SharedAccessPolicy,
    show_keys: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let SharedAccessPolicy { key_name, keys, rights } = policy.clone();
    let mut fields = vec![("name", key_name.clone()), ("rights", rights)];
    let primary = keys.primary_key.unwrap_or_default();
    let connection_string = hub.login.policy_connection_string(&key_name, &primary)?;
    if show_keys {
        fields.extend([
            ("primary key", primary),
            ("secondary key", keys.secondary_key.unwrap_or_default()),
            ("connection string", connection_string.clone()),
        ]);
    } else {
        policy.keys = Default::default();
        fields.push(("keys", "hidden (--show-keys shows them)".into()));
    }
    let mut document = document(&policy)?;
    if show_keys {
        document["connectionString"] = connection_string.into();
    }
    output.show(&document, || table::record(fields))
}

/// A policy as JSON. Keys that are not to be shown are absent, not `null`, which would say that there are none.
fn document(policy: &SharedAccessPolicy) -> Result<serde_json::Value, Failure> {
    let mut document = serde_json::to_value(policy)
        .map_err(|error| Failure::failed(format_args!("cannot be written as JSON: {error}")))?;
    if let Some(members) = document.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    Ok(document)
}
