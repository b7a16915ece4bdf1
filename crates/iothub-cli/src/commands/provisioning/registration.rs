use core::time::Duration;

use clap::Subcommand;
use iothub_device::{Assignment, Provisioning, ProvisioningError};
use iothub_model::{DeviceRegistrationState, RegistrationStatus};
use iothub_service::Service;

use super::group::GroupArgument;
use super::shown;
use crate::commands::device::{CertificateArguments, WayArguments};
use crate::content;
use crate::duration::duration;
use crate::failure::Failure;
use crate::hub::{Hub, ca_pem};
use crate::login::HubArguments;
use crate::named::{DeleteArguments, Named, delete};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::paged::Paged;
use crate::table;

/// Who has registered with the provisioning service: create, show, list, delete
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Register as a device does, over MQTT, and show what it is assigned to
    #[command(after_help = r#"Examples:
  iothub registration create --registration-id pump-7 --key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
  iothub registration create --rid pump-9 --group-key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= --payload '{"model":"x"}'
  iothub registration create --rid pump-9 --gk AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= --websocket --proxy env"#)]
    Create(CreateArguments),
    /// Show how a registration stands
    #[command(after_help = "Examples:\n  iothub registration show --registration-id pump-7")]
    Show(ShowArguments),
    /// List the registrations by one group
    #[command(after_help = "Examples:\n  iothub registration list --enrollment-id pumps")]
    List(ListArguments),
    /// Have the service forget that a device has registered
    ///
    /// It stays in its hub, and may register again.
    #[command(after_help = "Examples:\n  iothub registration delete --registration-id pump-7")]
    Delete(DeleteArguments<RegistrationArgument>),
}

/// Which registration.
#[derive(clap::Args)]
pub(crate) struct RegistrationArgument {
    /// The registration id of the device
    #[arg(long, visible_alias = "rid", value_name = "ID")]
    registration_id: String,
}

impl Named for RegistrationArgument {
    const CONDITION: &'static str = "Only if the registration has this etag";

    fn id(&self) -> &str {
        &self.registration_id
    }
}

#[derive(clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    registration: RegistrationArgument,
    /// The id scope of the service
    #[arg(long, value_name = "SCOPE", default_value = iothub_server::Options::ID_SCOPE)]
    id_scope: String,
    /// The key of the device, in base64
    #[arg(long, visible_alias = "sym-key", value_name = "KEY", conflicts_with = "group_key")]
    key: Option<String>,
    /// The key of its group, in base64
    #[arg(long, visible_alias = "gk", value_name = "KEY")]
    group_key: Option<String>,
    #[command(flatten)]
    certificate: CertificateArguments,
    #[command(flatten)]
    way: WayArguments,
    /// What the device says about itself: JSON, @FILE, or -
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// Give up after so long
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    timeout: Duration,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    registration: RegistrationArgument,
    #[command(flatten)]
    hub: HubArguments,
}

#[derive(clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    group: GroupArgument,
    #[command(flatten)]
    hub: HubArguments,
}

pub(crate) async fn run(command: &Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::Show(arguments) => show(arguments, output).await,
        Command::List(arguments) => list(arguments, output).await,
        Command::Delete(arguments) => delete(arguments, output, Service::delete_registration).await,
    }
}

async fn create(arguments: &CreateArguments, output: &mut Output) -> Result<(), Failure> {
    let assignment = arguments.provisioning()?.register().await.map_err(explain)?;
    let state = document(&arguments.registration.registration_id, &assignment);
    output.show(&state, || table::record(shown::registration(&state)))
}

async fn show(arguments: &ShowArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let state = hub.service.get_registration(&arguments.registration.registration_id).await;
    let state = state.map_err(|error| hub.explain(error, None))?;
    output.show(&state, || table::record(shown::registration(&state)))
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let pages = hub.service.registrations(arguments.group.id());
    let pages = pages.map_err(|error| hub.explain(error, None))?;
    let mut rows = Paged::new(output);
    rows.take_all(pages, None, &hub).await?;
    rows.end_beneath(["REGISTRATION", "STATUS", "HUB", "DEVICE"], cells)
}

impl CreateArguments {
    fn provisioning(&self) -> Result<Provisioning, Failure> {
        let (scope, id) = (&self.id_scope, &self.registration.registration_id);
        let made = match (&self.key, &self.group_key, self.certificate.read()?) {
            (Some(key), _, None) => Provisioning::with_key(scope, id, key),
            (None, Some(key), None) => Provisioning::with_group_key(scope, id, key),
            (None, None, Some(certificate)) => Provisioning::with_certificate(scope, id, certificate),
            _ => {
                let why = "one of --key, --group-key and --certificate-file-path is needed";
                return Err(Failure::misused(why));
            }
        };
        let mut provisioning = made.map_err(Failure::misused)?.within(self.timeout);
        if let Some(payload) = &self.payload {
            let payload = content::json("--payload", payload)?;
            let payload = serde_json::from_str(payload.get()).map_err(Failure::misused)?;
            provisioning = provisioning.payload(payload);
        }
        let login = self.hub.login()?;
        let (ca, way) = (ca_pem(&login)?, self.way.to(&login)?);
        Ok(provisioning.host(login.host()?).with_options(move |mut options| {
            if let Some(ca) = &ca {
                options = options.ca_pem(ca);
            }
            way.lead(options)
        }))
    }
}

/// What the service said, as it tells it itself.
fn document(id: &str, assignment: &Assignment) -> DeviceRegistrationState {
    DeviceRegistrationState {
        registration_id: id.into(),
        assigned_hub: Some(assignment.hub().into()),
        device_id: Some(assignment.device_id().into()),
        status: RegistrationStatus::Assigned,
        substatus: assignment.substatus(),
        payload: assignment.payload().cloned(),
        ..DeviceRegistrationState::default()
    }
}

fn explain(error: ProvisioningError) -> Failure {
    match &error {
        ProvisioningError::NotLetIn { .. } | ProvisioningError::Disabled => {
            Failure::new(Outcome::Denied, &error)
        }
        ProvisioningError::Connect(_) | ProvisioningError::TimedOut { .. } => Failure::unreached(&error),
        ProvisioningError::Failed { .. }
        | ProvisioningError::Refused { .. }
        | ProvisioningError::Hindered { .. }
        | ProvisioningError::Silent
        | ProvisioningError::Unreadable { .. }
        | ProvisioningError::Options(_)
        | _ => Failure::failed(&error),
    }
    .because(&error)
}

fn cells(state: DeviceRegistrationState) -> [String; 4] {
    [
        state.registration_id,
        state.status.to_string(),
        state.assigned_hub.unwrap_or_default(),
        state.device_id.unwrap_or_default(),
    ]
}
