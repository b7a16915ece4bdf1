use iothub_codec::Dialect;
use iothub_proto::Now;

use super::Options;
use crate::address::{Address, BadAddress};
use crate::credentials::{CredentialsError, Proven};

/// Where files are uploaded.
impl Options {
    /// The hub as it is asked for uploads.
    pub(crate) fn https_address(&self) -> Result<Address, BadAddress> {
        Address::new(&self.host, self.way.https_port())
    }

    /// Where a server of that name is: the hub perhaps elsewhere than its name says.
    pub(crate) fn place_of(&self, server: &Address) -> Address {
        let is_hub = server.host().eq_ignore_ascii_case(&self.host);
        if !is_hub || !self.tls_name.eq_ignore_ascii_case(&self.host) {
            return server.clone();
        }
        self.address.clone().with_port(server.port())
    }

    pub(crate) fn product(&self) -> &str {
        &self.product_info
    }

    /// A new proof, in a dialect that need not be the device's.
    pub(crate) async fn prove_in(&self, dialect: Dialect, now: Now) -> Result<Proven<'_>, CredentialsError> {
        self.credentials.prove(dialect, &self.claimant(now)).await
    }
}
