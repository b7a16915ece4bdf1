use core::fmt;

use crate::error::EncodeError;
use crate::identity::Identity;
use crate::text::Text;
use crate::token_request::{SignError, Signer};
use crate::write::Writer;

/// What a device signs when it connects in one of the dialects without tokens.
///
/// What is signed are five lines: the host name, the client identifier, the policy, the time of connecting and
/// that of expiry. Lines for what is left out are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Until when the signature is good, in milliseconds since 1970-01-01T00:00:00Z.
    pub expiry_ms: u64,
    /// When the device connects, by its own clock, in the same unit.
    pub at_ms: Option<u64>,
    /// The policy whose key signs; none where it is the device's or module's own.
    pub policy: Option<Text<'a>>,
}

/// A signature over [`Terms`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature<'a> {
    /// What was signed.
    pub terms: Terms<'a>,
    /// The HMAC-SHA256 code. A secret while it is good; `Debug` leaves it out.
    pub code: [u8; 32],
}

impl<'a> Terms<'a> {
    /// Writes what is to be signed into `out`, and gives the part that it took. `host` is the name exactly as the
    /// CONNECT, or TLS, has it.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`].
    pub fn string_to_sign<'b>(
        &self,
        host: Text<'_>,
        identity: Identity<'_>,
        out: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError> {
        let mut writer = Writer::new(out);
        self.put(host, identity, &mut writer);
        writer.finish()
    }

    /// Has them signed. `scratch` holds what is signed meanwhile.
    ///
    /// # Errors
    ///
    /// [`SignError`].
    pub fn sign<S: Signer>(
        self,
        host: Text<'_>,
        identity: Identity<'_>,
        signer: &S,
        scratch: &mut [u8],
    ) -> Result<Signature<'a>, SignError<S::Error>> {
        let mut writer = Writer::new(scratch);
        self.put(host, identity, &mut writer);
        let needed = writer.len();
        let message = writer.finish().map_err(|_| SignError::BufferTooSmall { needed })?;
        Ok(Signature { terms: self, code: signer.sign(message).map_err(SignError::Signer)? })
    }

    fn put(&self, host: Text<'_>, identity: Identity<'_>, out: &mut Writer<'_>) {
        out.put_text(host);
        out.put(b"\n");
        out.put_identity(identity);
        out.put(b"\n");
        out.put_text(self.policy.unwrap_or_default());
        out.put(b"\n");
        if let Some(at_ms) = self.at_ms {
            out.put_number(at_ms);
        }
        out.put(b"\n");
        out.put_number(self.expiry_ms);
        out.put(b"\n");
    }
}

impl fmt::Debug for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("terms", &self.terms).finish_non_exhaustive()
    }
}
