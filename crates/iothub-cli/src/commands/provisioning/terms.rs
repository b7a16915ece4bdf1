use std::path::PathBuf;

use clap::ValueEnum;
use iothub_model::{
    AllocationPolicy, Attestation, AttestationType, Capabilities, EnrollmentTerms, InitialTwin, Object,
    Patch, ProvisioningStatus, ReprovisionPolicy, SymmetricKey, X509Attestation, X509Certificate,
    X509Certificates,
};

use crate::content::{self, object};
use crate::failure::Failure;

/// What devices prove themselves with.
#[derive(clap::Args)]
pub(crate) struct ProofArguments {
    /// The first key, in base64; without any, the service makes two
    #[arg(long, visible_alias = "pk", value_name = "KEY")]
    primary_key: Option<String>,
    /// The second key, in base64
    #[arg(long, visible_alias = "sk", value_name = "KEY")]
    secondary_key: Option<String>,
    /// A file with a certificate as PEM: the device's own, or of a group the one that signs those of its devices
    #[arg(long, visible_alias = "cp", value_name = "FILE", conflicts_with_all = ["primary_key", "secondary_key"])]
    certificate_path: Option<PathBuf>,
    /// The certificate before or after it
    #[arg(long, visible_alias = "scp", value_name = "FILE", requires = "certificate_path")]
    secondary_certificate_path: Option<PathBuf>,
}

/// On what terms devices register.
#[derive(clap::Args)]
pub(crate) struct TermsArguments {
    /// Whether they may
    #[arg(long, visible_alias = "ps", value_name = "STATUS")]
    provisioning_status: Option<ProvisioningStatus>,
    /// How their hub is chosen: hashed or static
    #[arg(long, visible_alias = "ap", value_name = "POLICY")]
    allocation_policy: Option<AllocationPolicy>,
    /// Among which hubs, by host names with commas between
    #[arg(long, visible_alias = "ih", value_name = "NAMES", value_delimiter = ',')]
    iot_hubs: Option<Vec<String>>,
    /// In which hub, by its host name
    #[arg(long, visible_alias = "hn", value_name = "NAME", conflicts_with = "iot_hubs")]
    iot_hub_host_name: Option<String>,
    /// What happens to those that register again
    #[arg(long, visible_alias = "rp", value_name = "POLICY")]
    reprovision_policy: Option<Reprovisioning>,
    /// The tags that their twins begin with: a JSON object, @FILE, or -
    #[arg(long, visible_alias = "tags", value_name = "JSON")]
    initial_twin_tags: Option<String>,
    /// The desired properties that their twins begin with: a JSON object, @FILE, or -
    #[arg(long, visible_alias = "props", value_name = "JSON")]
    initial_twin_properties: Option<String>,
    /// Whether they run the modules of others
    #[arg(long, visible_alias = "ee", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    edge_enabled: Option<bool>,
    /// What is handed to each of them: JSON, @FILE, or -; only with a service of your own
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
}

/// As the Azure CLI calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Reprovisioning {
    /// They go where they belong now, and their twins with them
    ReprovisionAndMigrateData,
    /// They go where they belong now, and their twins begin anew
    ReprovisionAndResetData,
    /// They stay where they are
    Never,
}

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Device,
    Group,
}

impl ProofArguments {
    pub(super) const fn is_given(&self) -> bool {
        self.primary_key.is_some() || self.secondary_key.is_some() || self.certificate_path.is_some()
    }

    /// By keys unless something else is given.
    pub(super) fn attestation(&self, whose: Whose) -> Result<Attestation, Failure> {
        let Some(path) = &self.certificate_path else {
            let (primary_key, secondary_key) = (self.primary_key.clone(), self.secondary_key.clone());
            let symmetric_key = Some(SymmetricKey { primary_key, secondary_key });
            return Ok(Attestation { kind: AttestationType::SymmetricKey, symmetric_key, x509: None });
        };
        let read = |path: &PathBuf| {
            content::text_file(path).map(|pem| X509Certificate { certificate: Some(pem), info: None })
        };
        let secondary = self.secondary_certificate_path.as_ref().map(read).transpose()?;
        let certificates = Some(X509Certificates { primary: Some(read(path)?), secondary });
        Ok(by_certificates(match whose {
            Whose::Device => {
                X509Attestation { client_certificates: certificates, ..X509Attestation::default() }
            }
            Whose::Group => {
                X509Attestation { signing_certificates: certificates, ..X509Attestation::default() }
            }
        }))
    }
}

pub(super) const fn by_certificates(x509: X509Attestation) -> Attestation {
    Attestation { kind: AttestationType::X509, x509: Some(x509), symmetric_key: None }
}

impl TermsArguments {
    pub(super) const fn is_nothing(&self) -> bool {
        let Self {
            provisioning_status,
            allocation_policy,
            iot_hubs,
            iot_hub_host_name,
            reprovision_policy,
            initial_twin_tags,
            initial_twin_properties,
            edge_enabled,
            payload,
        } = self;
        provisioning_status.is_none()
            && allocation_policy.is_none()
            && iot_hubs.is_none()
            && iot_hub_host_name.is_none()
            && reprovision_policy.is_none()
            && initial_twin_tags.is_none()
            && initial_twin_properties.is_none()
            && edge_enabled.is_none()
            && payload.is_none()
    }

    /// What is not said stays as it is.
    pub(super) fn apply_to(&self, terms: &mut EnrollmentTerms) -> Result<(), Failure> {
        if let Some(status) = self.provisioning_status {
            terms.provisioning_status = status;
        }
        if let Some(name) = &self.iot_hub_host_name {
            (terms.iot_hub_host_name, terms.iot_hubs) = (Some(name.clone()), None);
            terms.allocation_policy = Some(AllocationPolicy::Static);
        }
        if let Some(hubs) = &self.iot_hubs {
            (terms.iot_hubs, terms.iot_hub_host_name) = (Some(hubs.clone()), None);
        }
        terms.allocation_policy = self.allocation_policy.or(terms.allocation_policy);
        if let Some(policy) = self.reprovision_policy {
            terms.reprovision_policy = Some(policy.into());
        }
        let twin = terms.initial_twin.take();
        let mut begun = twin.clone().unwrap_or_default();
        let tags = section("--initial-twin-tags", self.initial_twin_tags.as_deref())?;
        let desired = section("--initial-twin-properties", self.initial_twin_properties.as_deref())?;
        let is_said = tags.is_some() || desired.is_some();
        begun.tags = tags.unwrap_or(begun.tags);
        begun.properties.desired = desired.unwrap_or(begun.properties.desired);
        terms.initial_twin = if is_said { Some(begun) } else { twin };
        if let Some(iot_edge) = self.edge_enabled {
            terms.capabilities = Some(Capabilities { iot_edge });
        }
        if let Some(payload) = &self.payload {
            let read = content::json("--payload", payload)?;
            terms.payload = serde_json::from_str(read.get()).ok();
        }
        Ok(())
    }
}

impl From<Reprovisioning> for ReprovisionPolicy {
    fn from(policy: Reprovisioning) -> Self {
        let (update_hub_assignment, migrate_device_data) = match policy {
            Reprovisioning::ReprovisionAndMigrateData => (true, true),
            Reprovisioning::ReprovisionAndResetData => (true, false),
            Reprovisioning::Never => (false, false),
        };
        Self { update_hub_assignment, migrate_device_data }
    }
}

/// `null` empties a section.
fn section(option: &str, argument: Option<&str>) -> Result<Option<Object>, Failure> {
    Ok(match object(option, argument)? {
        Patch::Absent => None,
        Patch::Null => Some(Object::new()),
        Patch::Value(members) => Some(members),
    })
}

/// What a twin begins with, on a line.
pub(super) fn twin_line(twin: Option<&InitialTwin>) -> String {
    twin.and_then(|twin| serde_json::to_string(twin).ok()).unwrap_or_default()
}
