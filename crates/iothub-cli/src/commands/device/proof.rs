use std::path::PathBuf;

use clap::ValueEnum;
use iothub_device::ClientCertificate;
use iothub_model::{Authentication, AuthenticationType, SymmetricKey, X509Thumbprint};

use crate::failure::Failure;

/// What a new device or module proves itself with.
#[derive(clap::Args)]
pub(crate) struct ProofArguments {
    /// What it proves itself with: keys, a certificate of its own, or one that an authority has signed (`iothub ca`)
    #[arg(long, visible_alias = "am", value_name = "METHOD", default_value = "shared_private_key")]
    auth_method: Method,
    /// Its first key, in base64
    #[arg(long, visible_alias = "pk", value_name = "KEY", requires = "secondary_key")]
    primary_key: Option<String>,
    /// Its second key, in base64
    #[arg(long, visible_alias = "sk", value_name = "KEY", requires = "primary_key")]
    secondary_key: Option<String>,
    /// Of its certificate, by SHA-1 or SHA-256, for x509_thumbprint
    #[arg(long, visible_alias = "ptp", value_name = "HEX", conflicts_with = "primary_key")]
    primary_thumbprint: Option<String>,
    /// Of the certificate before or after it
    #[arg(long, visible_alias = "stp", value_name = "HEX", conflicts_with = "primary_key")]
    secondary_thumbprint: Option<String>,
}

/// As the Azure CLI calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Method {
    SharedPrivateKey,
    #[value(name = "x509_thumbprint")]
    X509Thumbprint,
    #[value(name = "x509_ca")]
    X509Ca,
}

impl ProofArguments {
    pub(crate) fn authentication(&self) -> Result<Authentication, Failure> {
        let kind = match self.auth_method {
            Method::SharedPrivateKey => AuthenticationType::Sas,
            Method::X509Thumbprint => AuthenticationType::SelfSigned,
            Method::X509Ca => AuthenticationType::CertificateAuthority,
        };
        let x509_thumbprint = X509Thumbprint {
            primary_thumbprint: self.primary_thumbprint.clone(),
            secondary_thumbprint: self.secondary_thumbprint.clone(),
        };
        let given = !x509_thumbprint.is_empty();
        if given != (kind == AuthenticationType::SelfSigned) {
            let what = if given { "is for" } else { "is needed with" };
            return Err(Failure::misused(format_args!(
                "--primary-thumbprint {what} --auth-method x509_thumbprint"
            )));
        }
        if self.primary_key.is_some() && kind != AuthenticationType::Sas {
            return Err(Failure::misused("keys are for --auth-method shared_private_key"));
        }
        let symmetric_key =
            SymmetricKey { primary_key: self.primary_key.clone(), secondary_key: self.secondary_key.clone() };
        Ok(Authentication { symmetric_key, x509_thumbprint, kind })
    }
}

/// What a device that is known by a certificate connects with.
#[derive(clap::Args)]
pub(crate) struct CertificateArguments {
    /// The file with its certificate as PEM, and those between it and the authority behind it
    #[arg(long, visible_alias = "cp", value_name = "FILE", requires = "key_file_path")]
    certificate_file_path: Option<PathBuf>,
    /// The file with the key of that certificate, as PEM
    #[arg(long, visible_alias = "kp", value_name = "FILE", requires = "certificate_file_path")]
    key_file_path: Option<PathBuf>,
}

impl CertificateArguments {
    pub(crate) fn read(&self) -> Result<Option<ClientCertificate>, Failure> {
        let (Some(certificate), Some(key)) = (&self.certificate_file_path, &self.key_file_path) else {
            return Ok(None);
        };
        let (chain, pem) = (crate::content::text_file(certificate)?, crate::content::text_file(key)?);
        let certificate = ClientCertificate::from_pem(chain.as_bytes(), pem.as_bytes());
        certificate.map(Some).map_err(|error| {
            Failure::misused(format_args!("{error} (--certificate-file-path and --key-file-path)"))
        })
    }
}
