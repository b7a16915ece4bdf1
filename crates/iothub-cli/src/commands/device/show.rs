use clap::ValueEnum;
use iothub_codec::{DeviceId, Identity};
use iothub_model::{Authentication, AuthenticationType, RefusalRecord};
use serde_json::json;

use super::{Keys, show};
use crate::clock::shown;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::identity::{DeviceArgument, IdentityArgument};
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::table;

/// Show a device as the registry has it
///
/// Its keys do not show unless asked for. With --diagnose it shows instead what the hub has lately refused to the
/// device, its modules, or whoever asked about it, and what to do; the device need not be in the registry.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device show pump-7
  iothub device show pump-7 --diagnose          why does it not connect?
  iothub device show pump-7 --show-keys -o json | jq -r .authentication.symmetricKey.primaryKey"#)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
    /// Show its keys
    #[arg(long)]
    show_keys: bool,
    /// Show what was refused to it lately, and what to do
    #[arg(long, conflicts_with = "show_keys")]
    diagnose: bool,
    #[command(flatten)]
    hub: HubArguments,
}

/// Print the connection string of a device or module
///
/// This is what a device is given, key included. It is printed as it is, in a pipe too; -o json makes it a
/// JSON object.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub device connection-string pump-7
  iothub device connection-string pump-7 --key-type secondary
  iothub device connection-string gateway-1 --module-id camera -o json
  MY_DEVICE="$(iothub device connection-string pump-7)" node device.js"#)]
pub(crate) struct ConnectionStringArguments {
    #[command(flatten)]
    identity: IdentityArgument,
    /// Which of its two keys
    #[arg(long, visible_alias = "kt", value_name = "KEY", default_value = "primary")]
    key_type: KeyType,
    #[command(flatten)]
    hub: HubArguments,
}

/// One of two keys of equal right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KeyType {
    /// The one in use
    Primary,
    /// The one before or after it
    Secondary,
}

pub(crate) async fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = arguments.device.id();
    if arguments.diagnose {
        return diagnose(&hub, id, output).await;
    }
    let device = hub.service.get_device(id).await;
    let device = device.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    show(&device, Keys::asked_for(arguments.show_keys), output)
}

async fn diagnose(hub: &Hub, id: DeviceId<'_>, output: &mut Output) -> Result<(), Failure> {
    let records = hub.service.refusals(id).await;
    let records = records.map_err(|error| hub.explain(error, Some(Identity::device(id))))?;
    if records.is_empty() {
        remark(&format!("nothing was refused to {id} since the hub was started"));
        return Ok(());
    }
    output.each(&records, || records.iter().map(refusal).collect::<Vec<_>>().join("\n\n"))
}

fn refusal(record: &RefusalRecord) -> String {
    let times = match record.count {
        1 => shown(record.last),
        count => format!("{count} times, {} to {}", shown(record.first), shown(record.last)),
    };
    table::record([
        ("what", format!("{}, to {}", record.what, record.who)),
        ("when", times),
        ("rule", record.rule.clone()),
        ("why", record.why.clone()),
        ("to do", record.advice.clone()),
    ])
}

pub(crate) async fn connection_string(
    arguments: &ConnectionStringArguments,
    output: &mut Output,
) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let who = arguments.identity.identity();
    let authentication = hub.authentication(who).await?;
    let by_certificate = match authentication.kind {
        AuthenticationType::SelfSigned | AuthenticationType::CertificateAuthority => true,
        AuthenticationType::Sas | AuthenticationType::None => false,
    };
    if by_certificate {
        let text = hub.login.device_connection_string_x509(who)?;
        return output.text(&text, &json!({ "connectionString": text }));
    }
    let key = match arguments.key_type {
        KeyType::Primary => authentication.symmetric_key.primary_key,
        KeyType::Secondary => authentication.symmetric_key.secondary_key,
    };
    let key = key.ok_or_else(|| keyless(who))?;
    let text = hub.login.device_connection_string(who, &key)?;
    output.text(&text, &json!({ "connectionString": text }))
}

impl Hub {
    /// What a device or module proves itself with.
    async fn authentication(&self, who: Identity<'_>) -> Result<Authentication, Failure> {
        let found = match who.module {
            None => self.service.get_device(who.device).await.map(|device| device.authentication),
            Some(module) => {
                self.service.get_module(who.device, module).await.map(|module| module.authentication)
            }
        };
        found.map_err(|error| self.explain(error, Some(who)))?.ok_or_else(|| keyless(who))
    }

    /// The first key of a device or module.
    pub(crate) async fn primary_key(&self, who: Identity<'_>) -> Result<String, Failure> {
        self.authentication(who).await?.symmetric_key.primary_key.ok_or_else(|| keyless(who))
    }
}

fn keyless(who: Identity<'_>) -> Failure {
    Failure::failed(format_args!("{who} has no such key: it proves itself by a certificate, or not at all"))
}
