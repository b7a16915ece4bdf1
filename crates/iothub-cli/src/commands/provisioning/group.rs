use clap::Subcommand;
use iothub_device::derive_device_key;
use iothub_model::{EnrollmentGroup, IfMatch};
use serde_json::{Value, json};

use super::enrollment::{AttestationName, agree};
use super::shown;
use super::terms::{ProofArguments, TermsArguments, Whose};
use crate::commands::device::condition;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::paged::Paged;
use crate::table;

/// Groups of devices that may register with the provisioning service: create, show, list, update, delete, compute-device-key
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Let all devices register whose keys derive from one, or whose certificates an authority has signed
    #[command(after_help = r#"Examples:
  iothub enrollment-group create --enrollment-id pumps --show-keys
  iothub enrollment-group create --eid cameras --certificate-path factory.pem --iot-hubs localhost,b.test
  iothub enrollment-group create --eid meters --ca-name my-root"#)]
    Create(CreateArguments),
    /// Show a group
    #[command(after_help = "Examples:\n  iothub enrollment-group show --enrollment-id pumps --show-keys")]
    Show(ShowArguments),
    /// List the groups
    #[command(after_help = "Examples:\n  iothub enrollment-group list")]
    List(ListArguments),
    /// Change a group: what is not said stays
    #[command(
        after_help = "Examples:\n  iothub enrollment-group update --enrollment-id pumps --provisioning-status disabled"
    )]
    Update(UpdateArguments),
    /// Delete a group
    ///
    /// Its devices stay in their hubs.
    #[command(after_help = "Examples:\n  iothub enrollment-group delete --enrollment-id pumps")]
    Delete(DeleteArguments),
    /// Compute the key of a device from that of its group
    ///
    /// With --key nobody is asked. Else the first key of the group is read.
    #[command(after_help = r#"Examples:
  iothub enrollment-group compute-device-key --key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= --registration-id pump-7
  iothub enrollment-group compute-device-key --eid pumps --rid pump-7"#)]
    ComputeDeviceKey(ComputeArguments),
}

/// Which group.
#[derive(clap::Args)]
pub(crate) struct GroupArgument {
    /// The name of the group
    #[arg(long, visible_alias = "eid", value_name = "ID")]
    enrollment_id: String,
}

#[derive(clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    group: GroupArgument,
    /// How its devices prove themselves, as the other options imply
    #[arg(long, visible_alias = "at", value_name = "TYPE")]
    attestation_type: Option<AttestationName>,
    #[command(flatten)]
    proof: ProofArguments,
    /// The name of an authority that has signed their certificates (`iothub ca`)
    #[arg(long, visible_alias = "cn", value_name = "NAME", conflicts_with_all = ["certificate_path", "primary_key"])]
    ca_name: Option<String>,
    #[command(flatten)]
    terms: TermsArguments,
    /// Show its keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    group: GroupArgument,
    /// Show its keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    group: GroupArgument,
    #[command(flatten)]
    proof: ProofArguments,
    #[command(flatten)]
    terms: TermsArguments,
    /// Only if the group has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition)]
    if_match: Option<IfMatch>,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct DeleteArguments {
    #[command(flatten)]
    group: GroupArgument,
    /// Only if the group has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, default_value = "*")]
    if_match: IfMatch,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ComputeArguments {
    /// The name of the group whose key is read
    #[arg(long, visible_alias = "eid", value_name = "ID", required_unless_present = "key")]
    enrollment_id: Option<String>,
    /// The key of the group, in base64
    #[arg(long, value_name = "KEY", conflicts_with = "enrollment_id")]
    key: Option<String>,
    /// The registration id of the device
    #[arg(long, visible_alias = "rid", value_name = "ID")]
    registration_id: String,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::Show(arguments) => show(arguments, output).await,
        Command::List(arguments) => list(arguments, output).await,
        Command::Update(arguments) => update(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output).await,
        Command::ComputeDeviceKey(arguments) => compute(arguments, output).await,
    }
}

async fn create(arguments: &CreateArguments, output: &mut Output) -> Result<(), Failure> {
    let attestation = arguments.proof.attestation(Whose::Group, arguments.ca_name.as_ref())?;
    agree(arguments.attestation_type, attestation.kind)?;
    let mut wanted = EnrollmentGroup {
        enrollment_group_id: arguments.group.enrollment_id.clone(),
        ..EnrollmentGroup::default()
    };
    wanted.terms.attestation = Some(attestation);
    arguments.terms.apply_to(&mut wanted.terms)?;
    let hub = Hub::open(&arguments.hub)?;
    let created = hub.service.create_enrollment_group(&wanted).await;
    print(created.map_err(|error| hub.explain(error, None))?, arguments.show_keys, output)
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = &arguments.group.enrollment_id;
    let explain = |error| hub.explain(error, None);
    let mut found = hub.service.get_enrollment_group(id).await.map_err(explain)?;
    if arguments.show_keys {
        let attestation = hub.service.get_enrollment_group_attestation(id).await;
        found.terms.attestation = Some(attestation.map_err(explain)?);
    }
    print(found, arguments.show_keys, output)
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut pages = hub.service.enrollment_groups();
    let mut rows = Paged::new(output);
    while let Some(page) = pages.next().await.map_err(|error| hub.explain(error, None))? {
        rows.take(&page.rows)?;
    }
    rows.end(grid)
}

async fn update(arguments: &UpdateArguments, output: &mut Output) -> Result<(), Failure> {
    if arguments.terms.is_nothing() && !arguments.proof.is_given() {
        return Err(Failure::misused("nothing to change: say what, as with --provisioning-status"));
    }
    let hub = Hub::open(&arguments.hub)?;
    let explain = |error| hub.explain(error, None);
    let mut wanted =
        hub.service.get_enrollment_group(&arguments.group.enrollment_id).await.map_err(explain)?;
    let read = wanted.terms.etag.clone().map_or(IfMatch::Any, IfMatch::Exactly);
    if arguments.proof.is_given() {
        wanted.terms.attestation = Some(arguments.proof.attestation(Whose::Group, None)?);
    }
    arguments.terms.apply_to(&mut wanted.terms)?;
    let condition = arguments.if_match.clone().unwrap_or(read);
    let updated = hub.service.update_enrollment_group(&wanted, &condition).await;
    print(updated.map_err(explain)?, false, output)
}

async fn delete(arguments: &DeleteArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = &arguments.group.enrollment_id;
    let deleted = hub.service.delete_enrollment_group(id, &arguments.if_match).await;
    deleted.map_err(|error| hub.explain(error, None))?;
    if output.is_for_people() {
        remark(&format!("deleted {id}"));
    }
    Ok(())
}

async fn compute(arguments: &ComputeArguments, output: &mut Output) -> Result<(), Failure> {
    let key = match (&arguments.key, &arguments.enrollment_id) {
        (Some(key), _) => key.clone(),
        (None, id) => {
            let id = id.as_deref().unwrap_or_default();
            let hub = Hub::open(&arguments.hub)?;
            let attestation = hub.service.get_enrollment_group_attestation(id).await;
            let attestation = attestation.map_err(|error| hub.explain(error, None))?;
            attestation.symmetric_key.unwrap_or_default().primary_key.ok_or_else(|| {
                Failure::failed(format_args!("{id} has no keys: its devices prove themselves otherwise"))
            })?
        }
    };
    let key = derive_device_key(&key, &arguments.registration_id).map_err(Failure::misused)?;
    output.text(&key, &json!({ "symmetricKey": key }))
}

fn grid(rows: &[Value]) -> Option<String> {
    let groups = rows.iter().filter_map(|row| serde_json::from_value::<EnrollmentGroup>(row.clone()).ok());
    let rows = groups.map(|each| {
        [
            each.enrollment_group_id,
            each.terms.attestation.unwrap_or_default().kind.to_string(),
            each.terms.provisioning_status.to_string(),
        ]
    });
    Some(table::rows(["GROUP", "ATTESTATION", "STATUS"], rows))
}

fn print(mut group: EnrollmentGroup, show_keys: bool, output: &mut Output) -> Result<(), Failure> {
    if let (Some(attestation), false) = (&mut group.terms.attestation, show_keys) {
        attestation.symmetric_key = None;
    }
    output.show(&group, || {
        let mut fields = vec![("group", group.enrollment_group_id.clone())];
        fields.extend(shown::fields(&group.terms, show_keys));
        table::record(fields)
    })
}
