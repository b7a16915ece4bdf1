use core::fmt;

use crate::connect::{Connect, Proof};
use crate::dialect::provisioning;
use crate::error::{DecodeError, EncodeError};
use crate::text::Text;

/// Which customer of the Device Provisioning Service is meant: `0ne000ABCDE`, say. The portal shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdScope<'a>(&'a str);

/// The name under which a device asks to be provisioned. The name that it is then given may be another one.
///
/// Without regard to case two of them are the same; clients write them in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId<'a>(&'a str);

/// Longest name, in bytes.
const NAME_MAX: usize = 128;

impl<'a> IdScope<'a> {
    /// Longest scope, in bytes.
    pub const MAX_LEN: usize = NAME_MAX;

    /// Accepts 1 to 128 ASCII letters, digits and `- . _`.
    ///
    /// # Errors
    ///
    /// [`BadIdScope`] with the place of the first byte that does not belong.
    pub fn new(scope: &'a str) -> Result<Self, BadIdScope> {
        match check(scope, b"-._") {
            None => Ok(Self(scope)),
            Some(at) => Err(BadIdScope { at }),
        }
    }

    /// The scope.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> RegistrationId<'a> {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = NAME_MAX;

    /// Accepts 1 to 128 ASCII letters, digits and `- . _ :`, of which the last is a letter, a digit or `-`.
    ///
    /// # Errors
    ///
    /// [`BadRegistrationId`] with the place of the first byte that does not belong.
    pub fn new(name: &'a str) -> Result<Self, BadRegistrationId> {
        if let Some(at) = check(name, b"-._:") {
            return Err(BadRegistrationId { at });
        }
        if name.ends_with(['.', '_', ':']) {
            return Err(BadRegistrationId { at: name.len() - 1 });
        }
        Ok(Self(name))
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// Where the name stops being one of letters, digits and `more`.
fn check(name: &str, more: &[u8]) -> Option<usize> {
    let accepts = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
    let stranger = name.bytes().take(NAME_MAX).position(|b| !accepts(b));
    let misfit = matches!(name.len(), 0 | 129..).then_some(name.len().min(NAME_MAX));
    stranger.or(misfit)
}

impl fmt::Display for IdScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Display for RegistrationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// Not an id scope, from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id scope from byte {at} on: 1 to 128 ASCII letters, digits and - . _")]
pub struct BadIdScope {
    /// The first byte that does not belong; the length for one that is too short, 128 for one that is too long.
    pub at: usize,
}

/// Not a registration id, from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a registration id from byte {at} on: 1 to 128 ASCII letters, digits and - . _ :, and not the last three at its end"
)]
pub struct BadRegistrationId {
    /// The first byte that does not belong; the length for one that is too short, 128 for one that is too long.
    pub at: usize,
}

/// Who is at the device's end of a connection with the provisioning service, which knows no identities yet.
///
/// ```
/// use iothub_codec::{IdScope, Proof, Registration, RegistrationId};
///
/// let registration = Registration::new(IdScope::new("0ne000ABCDE")?, RegistrationId::new("reg-1")?);
/// let mut buffer = [0; 128];
/// let connect = registration.encode_connect(None, &Proof::None, &mut buffer).unwrap();
/// assert_eq!(connect.client_id, "reg-1");
/// assert_eq!(connect.username, Some("0ne000ABCDE/registrations/reg-1/api-version=2019-03-31"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Registration<'a> {
    /// With whom.
    pub scope: IdScope<'a>,
    /// Under which name.
    pub id: RegistrationId<'a>,
}

impl<'a> Registration<'a> {
    /// That name with that customer.
    pub const fn new(scope: IdScope<'a>, id: RegistrationId<'a>) -> Self {
        Self { scope, id }
    }

    /// Writes what a CONNECT to the provisioning service says. The session is to be a clean one.
    ///
    /// `proof` is a token ([`RegistrationToken`](crate::RegistrationToken)), or nothing beside the certificate of
    /// the TLS connection.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotExpressible`] for a proof of another kind, [`EncodeError::BadValue`] for a user name or token
    /// longer than MQTT's 65 535 bytes, and [`EncodeError::BufferTooSmall`].
    pub fn encode_connect<'b>(
        self,
        client_agent: Option<&str>,
        proof: &Proof<'b>,
        out: &'b mut [u8],
    ) -> Result<Connect<'b>, EncodeError> {
        provisioning::encode_connect(self, client_agent, proof, out)
    }
}

/// What the provisioning service reads from a CONNECT. Nothing of it is proven yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationClaim<'a> {
    /// Who wants to be provisioned.
    pub registration: Registration<'a>,
    /// The version of the API. Any is good.
    pub api_version: Option<Text<'a>>,
    /// The software of the device.
    pub client_agent: Option<Text<'a>>,
    /// What shows that it is who it says.
    pub proof: Proof<'a>,
}

impl<'a> RegistrationClaim<'a> {
    /// Reads a CONNECT as the provisioning service does. The proof is not checked.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], for a CONNECT to a hub as well.
    pub fn open(connect: &Connect<'a>) -> Result<Self, DecodeError> {
        provisioning::open_connect(connect)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::*;

    #[test]
    fn names_are_what_the_service_accepts() {
        let longest = "a".repeat(128);
        for (name, at) in [
            ("reg-1", None),
            ("a.b_c:d-", None),
            ("A", None),
            (&longest, None),
            ("", Some(0)),
            (&String::from_iter([&*longest, "a"]), Some(128)),
            (&String::from_iter([&*longest, "/"]), Some(128)),
            ("reg/1", Some(3)),
            ("reg 1", Some(3)),
            ("reg%1", Some(3)),
            ("ré", Some(1)),
            ("reg.", Some(3)),
            ("reg_", Some(3)),
            ("reg:", Some(3)),
        ] {
            assert_eq!(RegistrationId::new(name).err().map(|error| error.at), at, "{name}");
        }
        for (scope, at) in [("0ne000ABCDE", None), ("", Some(0)), ("a:b", Some(1)), ("a/", Some(1))] {
            assert_eq!(IdScope::new(scope).err().map(|error| error.at), at, "{scope}");
        }
    }
}
