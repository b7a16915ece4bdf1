use iothub_codec::Identity;
use iothub_device::Options;

use crate::commands::device::proof::CertificateArguments;
use crate::commands::device::way::Way;
use crate::failure::Failure;
use crate::hub::{Hub, ca_pem};

/// What it takes to be that device or module: by its certificate, or by its key, which the registry has.
pub(super) async fn options(
    hub: &Hub,
    who: Identity<'_>,
    certificate: &CertificateArguments,
    way: &Way,
) -> Result<Options, Failure> {
    let wrong = |error| Failure::failed(format_args!("{error}")).because(&error);
    let options = match certificate.read()? {
        Some(certificate) => {
            Options::with_certificate(&hub.login.device_connection_string_x509(who)?, certificate)
        }
        None => {
            let key = hub.primary_key(who).await?;
            Options::from_connection_string(&hub.login.device_connection_string(who, &key)?)
        }
    };
    let mut options = options.map_err(wrong)?;
    if let Some(pem) = ca_pem(&hub.login)? {
        options = options.ca_pem(pem);
    }
    Ok(way.lead(options).product_info("iothub-cli"))
}
