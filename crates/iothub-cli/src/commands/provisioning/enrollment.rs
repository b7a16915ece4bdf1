use clap::Subcommand;
use iothub_model::{EnrollmentTerms, IndividualEnrollment, Object};
use iothub_service::Service;

use super::enrolled::{
    CreateArguments, Enrolled, Particulars, ShowArguments, UpdateArguments, create, show, update,
};
use super::shown;
use super::terms::Whose;
use crate::content::object;
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::named::{DeleteArguments, Named, delete};
use crate::output::Output;
use crate::paged::Paged;

/// Devices that may register with the provisioning service, one by one: create, show, list, update, delete
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Let a device register, by keys or by a certificate
    #[command(after_help = r#"Examples:
  iothub enrollment create --enrollment-id pump-7 --show-keys
  iothub enrollment create --eid pump-8 --certificate-path pump-8.pem --device-id north-8 --tags '{"site":"north"}'"#)]
    Create(CreateArguments<IndividualEnrollment>),
    /// Show an enrollment, and how its device is registered
    #[command(after_help = r#"Examples:
  iothub enrollment show --enrollment-id pump-7
  iothub enrollment show --eid pump-7 --show-keys -o json | jq -r .attestation.symmetricKey.primaryKey"#)]
    Show(ShowArguments<IndividualEnrollment>),
    /// List the enrollments
    #[command(after_help = "Examples:\n  iothub enrollment list\n  iothub enrollment list --top 10")]
    List(ListArguments),
    /// Change an enrollment: what is not said stays
    #[command(
        after_help = "Examples:\n  iothub enrollment update --enrollment-id pump-7 --provisioning-status disabled"
    )]
    Update(UpdateArguments<IndividualEnrollment>),
    /// Delete an enrollment
    ///
    /// Its device stays in its hub.
    #[command(after_help = "Examples:\n  iothub enrollment delete --enrollment-id pump-7")]
    Delete(DeleteArguments<EnrollmentArgument>),
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
pub(crate) struct ListArguments {
    /// End after this many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output, Service::create_enrollment).await,
        Command::Show(arguments) => {
            show(arguments, output, Service::get_enrollment, Service::get_enrollment_attestation).await
        }
        Command::List(arguments) => list(arguments, output).await,
        Command::Update(arguments) => {
            update(arguments, output, Service::get_enrollment, Service::update_enrollment).await
        }
        Command::Delete(arguments) => delete(arguments, output, Service::delete_enrollment).await,
    }
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut rows = Paged::new(output);
    rows.take_all(hub.service.enrollments(), arguments.top, &hub).await?;
    rows.end_beneath(["ENROLLMENT", "ATTESTATION", "STATUS", "REGISTRATION", "HUB", "DEVICE"], cells)
}

fn cells(enrollment: IndividualEnrollment) -> [String; 6] {
    let state = enrollment.registration_state.unwrap_or_default();
    [
        enrollment.registration_id,
        enrollment.terms.attestation.unwrap_or_default().kind.to_string(),
        enrollment.terms.provisioning_status.to_string(),
        state.status.to_string(),
        state.assigned_hub.unwrap_or_default(),
        state.device_id.unwrap_or_default(),
    ]
}

impl Enrolled for IndividualEnrollment {
    type Name = EnrollmentArgument;
    type Particulars = DeviceArguments;
    const WHOSE: Whose = Whose::Device;
    const ATTESTATION_TYPE: &'static str = "How the device proves itself, as the other options imply";

    fn named(id: &str) -> Self {
        Self { registration_id: id.into(), ..Self::default() }
    }

    fn terms(&mut self) -> &mut EnrollmentTerms {
        &mut self.terms
    }

    fn fields(&self, show_keys: bool) -> Vec<(&'static str, String)> {
        let mut fields = vec![("enrollment", self.registration_id.clone())];
        fields.extend(self.device_id.clone().map(|device| ("device", device)));
        fields.extend(shown::fields(&self.terms, show_keys));
        fields.extend(self.registration_state.as_ref().map(|state| {
            let hub = state.assigned_hub.as_deref().unwrap_or_default();
            ("registration", format!("{} {hub}", state.status))
        }));
        fields
    }
}

impl Named for EnrollmentArgument {
    const CONDITION: &'static str = "Only if the enrollment has this etag";

    fn id(&self) -> &str {
        &self.enrollment_id
    }
}

impl Particulars<IndividualEnrollment> for DeviceArguments {
    fn is_nothing(&self) -> bool {
        self.device_id.is_none() && self.device_information.is_none()
    }

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
