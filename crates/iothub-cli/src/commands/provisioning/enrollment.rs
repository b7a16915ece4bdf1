use clap::Subcommand;
use iothub_model::{IfMatch, IndividualEnrollment, Object};
use serde_json::Value;

use super::shown;
use super::terms::{ProofArguments, TermsArguments, Whose};
use crate::commands::device::condition;
use crate::content::object;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::output::{Output, remark};
use crate::paged::Paged;
use crate::table;

/// Devices that may register with the provisioning service, one by one: create, show, list, update, delete
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Let a device register, by keys or by a certificate
    #[command(after_help = r#"Examples:
  iothub enrollment create --enrollment-id pump-7 --show-keys
  iothub enrollment create --eid pump-8 --certificate-path pump-8.pem --device-id north-8 --tags '{"site":"north"}'"#)]
    Create(CreateArguments),
    /// Show an enrollment, and how its device is registered
    #[command(after_help = r#"Examples:
  iothub enrollment show --enrollment-id pump-7
  iothub enrollment show --eid pump-7 --show-keys -o json | jq -r .attestation.symmetricKey.primaryKey"#)]
    Show(ShowArguments),
    /// List the enrollments
    #[command(after_help = "Examples:\n  iothub enrollment list\n  iothub enrollment list --top 10")]
    List(ListArguments),
    /// Change an enrollment: what is not said stays
    #[command(
        after_help = "Examples:\n  iothub enrollment update --enrollment-id pump-7 --provisioning-status disabled"
    )]
    Update(UpdateArguments),
    /// Delete an enrollment
    ///
    /// Its device stays in its hub.
    #[command(after_help = "Examples:\n  iothub enrollment delete --enrollment-id pump-7")]
    Delete(DeleteArguments),
}

/// Which enrollment.
#[derive(clap::Args)]
pub(crate) struct EnrollmentArgument {
    /// The registration id of the device
    #[arg(long, visible_alias = "eid", value_name = "ID")]
    enrollment_id: String,
}

/// What is about one device only.
#[derive(clap::Args)]
pub(crate) struct DeviceArguments {
    /// The name of the device in its hub, else its registration id
    #[arg(long, short = 'd', visible_alias = "did", value_name = "DEVICE")]
    device_id: Option<String>,
    /// What is noted about it: a JSON object, @FILE, or -
    #[arg(long, visible_alias = "info", value_name = "JSON")]
    device_information: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    enrollment: EnrollmentArgument,
    /// How the device proves itself, as the other options imply
    #[arg(long, visible_alias = "at", value_name = "TYPE")]
    attestation_type: Option<AttestationName>,
    #[command(flatten)]
    proof: ProofArguments,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    terms: TermsArguments,
    /// Show its keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

/// As the Azure CLI calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "camelCase")]
pub(crate) enum AttestationName {
    /// By a key
    SymmetricKey,
    /// By a certificate
    X509,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    enrollment: EnrollmentArgument,
    /// Show its keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ListArguments {
    /// End after this many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    enrollment: EnrollmentArgument,
    #[command(flatten)]
    proof: ProofArguments,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    terms: TermsArguments,
    /// Only if the enrollment has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition)]
    if_match: Option<IfMatch>,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct DeleteArguments {
    #[command(flatten)]
    enrollment: EnrollmentArgument,
    /// Only if the enrollment has this etag
    #[arg(long, short = 'e', visible_alias = "etag", value_name = "ETAG", value_parser = condition, default_value = "*")]
    if_match: IfMatch,
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
    }
}

async fn create(arguments: &CreateArguments, output: &mut Output) -> Result<(), Failure> {
    let attestation = arguments.proof.attestation(Whose::Device, None)?;
    agree(arguments.attestation_type, attestation.kind)?;
    let mut wanted = IndividualEnrollment {
        registration_id: arguments.enrollment.enrollment_id.clone(),
        ..IndividualEnrollment::default()
    };
    wanted.terms.attestation = Some(attestation);
    arguments.device.apply_to(&mut wanted)?;
    arguments.terms.apply_to(&mut wanted.terms)?;
    let hub = Hub::open(&arguments.hub)?;
    let created = hub.service.create_enrollment(&wanted).await;
    print(created.map_err(|error| hub.explain(error, None))?, arguments.show_keys, output)
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = &arguments.enrollment.enrollment_id;
    let explain = |error| hub.explain(error, None);
    let mut found = hub.service.get_enrollment(id).await.map_err(explain)?;
    if arguments.show_keys {
        let attestation = hub.service.get_enrollment_attestation(id).await;
        found.terms.attestation = Some(attestation.map_err(explain)?);
    }
    print(found, arguments.show_keys, output)
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut pages = hub.service.enrollments();
    let mut left = arguments.top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    let mut rows = Paged::new(output);
    while left > 0 {
        let page = pages.next().await.map_err(|error| hub.explain(error, None))?;
        let Some(page) = page else { break };
        let wanted = &page.rows[..page.rows.len().min(left)];
        left -= wanted.len();
        rows.take(wanted)?;
    }
    rows.end(grid)
}

async fn update(arguments: &UpdateArguments, output: &mut Output) -> Result<(), Failure> {
    let DeviceArguments { device_id, device_information } = &arguments.device;
    let about_device = device_id.is_some() || device_information.is_some();
    if arguments.terms.is_nothing() && !arguments.proof.is_given() && !about_device {
        return Err(Failure::misused("nothing to change: say what, as with --provisioning-status"));
    }
    let hub = Hub::open(&arguments.hub)?;
    let explain = |error| hub.explain(error, None);
    let mut wanted =
        hub.service.get_enrollment(&arguments.enrollment.enrollment_id).await.map_err(explain)?;
    let read = wanted.terms.etag.clone().map_or(IfMatch::Any, IfMatch::Exactly);
    if arguments.proof.is_given() {
        wanted.terms.attestation = Some(arguments.proof.attestation(Whose::Device, None)?);
    }
    arguments.device.apply_to(&mut wanted)?;
    arguments.terms.apply_to(&mut wanted.terms)?;
    let condition = arguments.if_match.clone().unwrap_or(read);
    let updated = hub.service.update_enrollment(&wanted, &condition).await;
    print(updated.map_err(explain)?, false, output)
}

async fn delete(arguments: &DeleteArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let id = &arguments.enrollment.enrollment_id;
    let deleted = hub.service.delete_enrollment(id, &arguments.if_match).await;
    deleted.map_err(|error| hub.explain(error, None))?;
    if output.is_for_people() {
        remark(&format!("deleted {id}"));
    }
    Ok(())
}

impl DeviceArguments {
    fn apply_to(&self, enrollment: &mut IndividualEnrollment) -> Result<(), Failure> {
        if let Some(device) = &self.device_id {
            enrollment.device_id = Some(device.clone());
        }
        let note = object("--device-information", self.device_information.as_deref())?;
        if !note.is_absent() {
            enrollment.optional_device_information =
                note.value().cloned().filter(|note: &Object| !note.is_empty());
        }
        Ok(())
    }
}

/// Sees to it that what is said is what is given.
pub(super) fn agree(
    said: Option<AttestationName>,
    given: iothub_model::AttestationType,
) -> Result<(), Failure> {
    use iothub_model::AttestationType as Kind;

    match (said, given) {
        (None, _)
        | (Some(AttestationName::SymmetricKey), Kind::SymmetricKey)
        | (Some(AttestationName::X509), Kind::X509) => Ok(()),
        (Some(AttestationName::X509), _) => {
            Err(Failure::misused("--attestation-type x509 takes --certificate-path"))
        }
        (Some(AttestationName::SymmetricKey), _) => {
            Err(Failure::misused("--attestation-type symmetricKey takes no certificate"))
        }
    }
}

fn grid(rows: &[Value]) -> Option<String> {
    let enrollments =
        rows.iter().filter_map(|row| serde_json::from_value::<IndividualEnrollment>(row.clone()).ok());
    let rows = enrollments.map(|each| {
        let state = each.registration_state.unwrap_or_default();
        [
            each.registration_id,
            each.terms.attestation.unwrap_or_default().kind.to_string(),
            each.terms.provisioning_status.to_string(),
            state.status.to_string(),
            state.assigned_hub.unwrap_or_default(),
            state.device_id.unwrap_or_default(),
        ]
    });
    Some(table::rows(["ENROLLMENT", "ATTESTATION", "STATUS", "REGISTRATION", "HUB", "DEVICE"], rows))
}

fn print(mut enrollment: IndividualEnrollment, show_keys: bool, output: &mut Output) -> Result<(), Failure> {
    if let (Some(attestation), false) = (&mut enrollment.terms.attestation, show_keys) {
        attestation.symmetric_key = None;
    }
    output.show(&enrollment, || {
        let mut fields = vec![("enrollment", enrollment.registration_id.clone())];
        fields.extend(enrollment.device_id.clone().map(|device| ("device", device)));
        fields.extend(shown::fields(&enrollment.terms, show_keys));
        let state = enrollment.registration_state.as_ref();
        fields.extend(state.map(|state| {
            let hub = state.assigned_hub.as_deref().unwrap_or_default();
            ("registration", format!("{} {hub}", state.status))
        }));
        table::record(fields)
    })
}
