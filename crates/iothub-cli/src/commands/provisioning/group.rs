use clap::Subcommand;
use iothub_device::derive_device_key;
use iothub_model::{CaReferences, EnrollmentGroup, EnrollmentTerms, X509Attestation};
use iothub_service::Service;
use serde_json::json;

use super::enrolled::{
    CreateArguments, Enrolled, Particulars, ShowArguments, UpdateArguments, create, show, update,
};
use super::shown;
use super::terms::{Whose, by_certificates};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::login::HubArguments;
use crate::named::{DeleteArguments, Named, delete};
use crate::output::Output;
use crate::paged::Paged;

/// Groups of devices that may register with the provisioning service: create, show, list, update, delete, compute-device-key
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Let all devices register whose keys derive from one, or whose certificates an authority has signed
    #[command(after_help = r#"Examples:
  iothub enrollment-group create --enrollment-id pumps --show-keys
  iothub enrollment-group create --eid cameras --certificate-path factory.pem --iot-hubs localhost,b.test
  iothub enrollment-group create --eid meters --ca-name my-root"#)]
    Create(CreateArguments<EnrollmentGroup>),
    /// Show a group
    #[command(after_help = "Examples:\n  iothub enrollment-group show --enrollment-id pumps --show-keys")]
    Show(ShowArguments<EnrollmentGroup>),
    /// List the groups
    #[command(after_help = "Examples:\n  iothub enrollment-group list")]
    List(ListArguments),
    /// Change a group: what is not said stays
    #[command(
        after_help = "Examples:\n  iothub enrollment-group update --enrollment-id pumps --provisioning-status disabled"
    )]
    Update(UpdateArguments<EnrollmentGroup>),
    /// Delete a group
    ///
    /// Its devices stay in their hubs.
    #[command(after_help = "Examples:\n  iothub enrollment-group delete --enrollment-id pumps")]
    Delete(DeleteArguments<GroupArgument>),
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

/// What devices of a group may prove themselves with besides.
#[derive(clap::Args)]
pub(crate) struct AuthorityArgument {
    /// The name of an authority that has signed their certificates (`iothub ca`)
    #[arg(long, visible_alias = "cn", value_name = "NAME", conflicts_with_all = ["certificate_path", "primary_key", "secondary_key"])]
    ca_name: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct ListArguments {
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
        Command::Create(arguments) => create(arguments, output, Service::create_enrollment_group).await,
        Command::Show(arguments) => {
            show(arguments, output, Service::get_enrollment_group, Service::get_enrollment_group_attestation)
                .await
        }
        Command::List(arguments) => list(arguments, output).await,
        Command::Update(arguments) => {
            update(arguments, output, Service::get_enrollment_group, Service::update_enrollment_group).await
        }
        Command::Delete(arguments) => delete(arguments, output, Service::delete_enrollment_group).await,
        Command::ComputeDeviceKey(arguments) => compute(arguments, output).await,
    }
}

async fn list(arguments: &ListArguments, output: &mut Output) -> Result<(), Failure> {
    let hub = Hub::open(&arguments.hub)?;
    let mut rows = Paged::new(output);
    rows.take_all(hub.service.enrollment_groups(), None, &hub).await?;
    rows.end_beneath(["GROUP", "ATTESTATION", "STATUS"], |group: EnrollmentGroup| {
        [
            group.enrollment_group_id,
            group.terms.attestation.unwrap_or_default().kind.to_string(),
            group.terms.provisioning_status.to_string(),
        ]
    })
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

impl Enrolled for EnrollmentGroup {
    type Name = GroupArgument;
    type Particulars = AuthorityArgument;
    const WHOSE: Whose = Whose::Group;
    const ATTESTATION_TYPE: &'static str = "How its devices prove themselves, as the other options imply";

    fn named(id: &str) -> Self {
        Self { enrollment_group_id: id.into(), ..Self::default() }
    }

    fn terms(&mut self) -> &mut EnrollmentTerms {
        &mut self.terms
    }

    fn fields(&self, show_keys: bool) -> Vec<(&'static str, String)> {
        let mut fields = vec![("group", self.enrollment_group_id.clone())];
        fields.extend(shown::fields(&self.terms, show_keys));
        fields
    }
}

impl Named for GroupArgument {
    const CONDITION: &'static str = "Only if the group has this etag";

    fn id(&self) -> &str {
        &self.enrollment_id
    }
}

impl Particulars<EnrollmentGroup> for AuthorityArgument {
    fn is_nothing(&self) -> bool {
        self.ca_name.is_none()
    }

    fn apply_to(&self, group: &mut EnrollmentGroup) -> Result<(), Failure> {
        if let Some(name) = &self.ca_name {
            let ca_references = Some(CaReferences { primary: Some(name.clone()), secondary: None });
            let x509 = X509Attestation { ca_references, ..X509Attestation::default() };
            group.terms.attestation = Some(by_certificates(x509));
        }
        Ok(())
    }
}
