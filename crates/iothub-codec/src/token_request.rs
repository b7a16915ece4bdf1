use crate::base64_code;
use crate::byte_set::ByteSet;
use crate::dialect::provisioning::REGISTRATIONS;
use crate::identity::Identity;
use crate::registration::Registration;
use crate::write::Writer;

/// What a [`SasToken`](crate::SasToken) shall say. Made by whoever has a key, or a chip that has one.
///
/// ```
/// # #[cfg(feature = "hmac")] {
/// use iothub_codec::{DeviceId, Identity, SharedKey, TokenRequest};
///
/// let key = SharedKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
/// let request = TokenRequest {
///     host: "hub1.azure-devices.net",
///     identity: Some(Identity::device(DeviceId::new("dev-1").unwrap())),
///     expiry_s: 1_893_456_000,
///     policy: None,
/// };
/// let mut buffer = [0; 256];
/// assert_eq!(
///     request.sign(&key, &mut buffer).unwrap(),
///     "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
///      &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000",
/// );
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRequest<'a> {
    /// The hub's name. Behind a gateway still the hub's, not the gateway's.
    pub host: &'a str,
    /// The device or module that the token is for; none for the hub as a whole.
    pub identity: Option<Identity<'a>>,
    /// When the token shall stop being valid, in seconds since 1970-01-01T00:00:00Z.
    pub expiry_s: u64,
    /// The policy whose key signs; none where it is the device's or module's own.
    pub policy: Option<&'a str>,
}

/// Makes HMAC-SHA256 codes with one key, in software (`SharedKey`, feature `hmac`) or in a secure element.
pub trait Signer {
    /// Why there is no code.
    type Error;

    /// The code for a message.
    ///
    /// # Errors
    ///
    /// Whatever keeps the holder of the key from using it.
    fn sign(&self, message: &[u8]) -> Result<[u8; 32], Self::Error>;
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError<E> {
    /// The buffer is too small; `needed` bytes are enough.
    #[error("the token needs a buffer of {needed} bytes")]
    BufferTooSmall {
        /// The size of a buffer that is large enough whatever the signature comes out as.
        needed: usize,
    },
    /// The signer gave no signature.
    #[error("no signature: {0}")]
    Signer(E),
}

impl TokenRequest<'_> {
    /// Writes the token into `out` and gives the part that it took.
    ///
    /// # Errors
    ///
    /// [`SignError::BufferTooSmall`] when `out` has less than [`Self::len_max`] bytes; the signer has not been
    /// asked then. [`SignError::Signer`] when it was asked and refused.
    pub fn sign<'b, S: Signer>(&self, signer: &S, out: &'b mut [u8]) -> Result<&'b str, SignError<S::Error>> {
        self.draft().sign(signer, out)
    }

    /// The length of the longest token that this request can lead to, in bytes: some signatures have more to
    /// escape in them than others.
    pub fn len_max(&self) -> usize {
        self.draft().len_max()
    }

    fn draft(&self) -> Draft<'_> {
        let Self { host, identity, expiry_s, policy } = *self;
        Draft { resource: Resource::Hub { host, identity }, expiry_s, policy }
    }
}

/// What a token for the provisioning service shall say; [`SasToken`](crate::SasToken) reads it as any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationToken<'a> {
    /// What the token is for.
    pub registration: Registration<'a>,
    /// When the token shall stop being valid, in seconds since 1970-01-01T00:00:00Z.
    pub expiry_s: u64,
}

impl RegistrationToken<'_> {
    /// The policy that stands in every such token.
    pub const POLICY: &'static str = "registration";

    /// Writes the token into `out` and gives the part that it took.
    ///
    /// # Errors
    ///
    /// As for [`TokenRequest::sign`].
    pub fn sign<'b, S: Signer>(&self, signer: &S, out: &'b mut [u8]) -> Result<&'b str, SignError<S::Error>> {
        self.draft().sign(signer, out)
    }

    /// The length of the longest token that this can lead to, in bytes.
    pub fn len_max(&self) -> usize {
        self.draft().len_max()
    }

    fn draft(&self) -> Draft<'_> {
        let Self { registration, expiry_s } = *self;
        Draft { resource: Resource::Registration(registration), expiry_s, policy: Some(Self::POLICY) }
    }
}

/// A token without its signature.
struct Draft<'a> {
    resource: Resource<'a>,
    expiry_s: u64,
    policy: Option<&'a str>,
}

enum Resource<'a> {
    Hub { host: &'a str, identity: Option<Identity<'a>> },
    Registration(Registration<'a>),
}

impl Draft<'_> {
    fn sign<'b, S: Signer>(&self, signer: &S, out: &'b mut [u8]) -> Result<&'b str, SignError<S::Error>> {
        let needed = self.len_max();
        let too_small = || SignError::BufferTooSmall { needed };
        let mut draft = Writer::new(out.get_mut(..needed).ok_or_else(too_small)?);
        // What is signed begins with the resource exactly as the token has it. So it is drafted where the
        // token will stand, and needs no buffer of its own.
        self.put_resource(&mut draft);
        draft.put(b"\n");
        draft.put_number(self.expiry_s);
        let draft = draft.finish().map_err(|_| too_small())?;
        let message = draft.get(PREFIX.len()..).unwrap_or_default();
        let signature = base64_code::write(&signer.sign(message).map_err(SignError::Signer)?);

        let mut token = Writer::new(out);
        self.put_resource(&mut token);
        self.put_fields(&mut token, &signature);
        token.finish_str().map_err(|_| too_small())
    }

    fn len_max(&self) -> usize {
        let mut length = Writer::new(&mut []);
        self.put_resource(&mut length);
        self.put_fields(&mut length, &[b'/'; base64_code::LEN]);
        length.len()
    }

    fn put_resource(&self, out: &mut Writer<'_>) {
        out.put_str(PREFIX);
        match self.resource {
            Resource::Hub { host, identity } => {
                out.put_encoded(host);
                if let Some(identity) = identity {
                    out.put_encoded("/devices/");
                    out.put_encoded(identity.device.as_str());
                    if let Some(module) = identity.module {
                        out.put_encoded("/modules/");
                        out.put_encoded(module.as_str());
                    }
                }
            }
            Resource::Registration(Registration { scope, id }) => {
                for part in [scope.as_str(), "/", REGISTRATIONS, "/", id.as_str()] {
                    out.put_encoded(part);
                }
            }
        }
    }

    fn put_fields(&self, out: &mut Writer<'_>, signature: &[u8; base64_code::LEN]) {
        out.put(b"&sig=");
        out.put_encoded_bytes(ByteSet::UNRESERVED, signature);
        out.put(b"&se=");
        out.put_number(self.expiry_s);
        if let Some(policy) = self.policy {
            out.put(b"&skn=");
            out.put_encoded(policy);
        }
    }
}

const PREFIX: &str = "SharedAccessSignature sr=";

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::{String, ToString};
    use std::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::identity::{DeviceId, ModuleId};
    use crate::sas::SasToken;

    /// A secure element whose answers are known beforehand, and which knows what it will be asked.
    struct Answers<'a> {
        to: &'a str,
        with: Result<[u8; 32], &'static str>,
    }

    impl Signer for Answers<'_> {
        type Error = &'static str;

        fn sign(&self, message: &[u8]) -> Result<[u8; 32], &'static str> {
            assert_eq!(core::str::from_utf8(message).unwrap(), self.to);
            self.with
        }
    }

    fn request<'a>(device: &'a str, module: Option<&'a str>) -> TokenRequest<'a> {
        let module = module.map(|name| ModuleId::new(name).unwrap());
        let identity = Identity { device: DeviceId::new(device).unwrap(), module };
        TokenRequest { host: "hub1", identity: Some(identity), expiry_s: 1_893_456_000, policy: None }
    }

    #[test]
    fn the_signer_is_asked_about_the_text_that_the_token_has() {
        let device = request("dev-1", None);
        let service = TokenRequest { identity: None, policy: Some("a b"), ..device };
        for (request, resource, policy) in [
            (device, "hub1%2Fdevices%2Fdev-1", ""),
            (request("dev-1", Some("mod-a")), "hub1%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a", ""),
            (request("a%b#c", Some("$edgeAgent")), "hub1%2Fdevices%2Fa%25b%23c%2Fmodules%2F%24edgeAgent", ""),
            (TokenRequest { policy: Some("device"), ..device }, "hub1%2Fdevices%2Fdev-1", "&skn=device"),
            (service, "hub1", "&skn=a%20b"),
        ] {
            let to = format!("{resource}\n1893456000");
            let mut out = [0; 512];
            let token = request.sign(&Answers { to: &to, with: Ok([0xFB; 32]) }, &mut out).unwrap();
            let signature = "%2B%2Fv7".repeat(10) + "%2B%2Fs%3D";
            let expected =
                format!("SharedAccessSignature sr={resource}&sig={signature}&se=1893456000{policy}");
            assert_eq!(token, expected);
        }
    }

    #[test]
    fn the_size_named_is_enough_and_no_more_than_enough() {
        let request = request("dev-1", None);
        for code in [[0; 32], [0xFF; 32]] {
            let signer = Answers { to: "hub1%2Fdevices%2Fdev-1\n1893456000", with: Ok(code) };
            let Err(SignError::BufferTooSmall { needed }) = request.sign(&signer, &mut []) else { panic!() };
            assert_eq!(needed, request.len_max());
            assert!(request.sign(&signer, &mut vec![0; needed]).is_ok());
            let too_small = SignError::BufferTooSmall { needed };
            assert_eq!(request.sign(&signer, &mut vec![0; needed - 1]), Err(too_small));
        }
        // The signature with most to escape takes all of it.
        let signer = Answers { to: "hub1%2Fdevices%2Fdev-1\n1893456000", with: Ok([0xFF; 32]) };
        let unused = request.len_max() - request.sign(&signer, &mut [0; 512]).unwrap().len();
        // 256 bits end in a digit of four bits, which is neither `+` nor `/`.
        assert_eq!(unused, 2);
    }

    #[test]
    fn a_signer_that_refuses_is_quoted() {
        let signer = Answers { to: "hub1%2Fdevices%2Fdev-1\n1893456000", with: Err("no key in slot 3") };
        let error = request("dev-1", None).sign(&signer, &mut [0; 512]).unwrap_err();
        assert_eq!(error, SignError::Signer("no key in slot 3"));
        assert_eq!(error.to_string(), "no signature: no key in slot 3");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            host in "[a-z0-9-]{1,20}(\\.[a-z0-9]{1,9}){0,3}",
            device in "[a-zA-Z0-9:.+%_#*?!(),=@$'-]{1,128}",
            module in proptest::option::of("[a-zA-Z0-9:.+%_#*?!(),=@$'-]{1,128}"),
            policy in proptest::option::of("\\PC{1,20}"),
            expiry_s: u64,
            code: [u8; 32],
        ) {
            struct Any([u8; 32]);
            impl Signer for Any {
                type Error = core::convert::Infallible;
                fn sign(&self, _: &[u8]) -> Result<[u8; 32], Self::Error> {
                    Ok(self.0)
                }
            }
            let module = module.as_deref();
            let policy = policy.as_deref();
            let request = TokenRequest { host: &host, expiry_s, policy, ..request(&device, module) };
            let mut out = [0; SasToken::MAX_LEN];
            let text = request.sign(&Any(code), &mut out).unwrap();
            let token = SasToken::parse(text).unwrap();
            prop_assert_eq!(token.expiry_s(), expiry_s);
            prop_assert_eq!(token.policy().map(|policy| policy.to_string()), policy.map(String::from));
            prop_assert_eq!(token.signature().to_string().into_bytes(), base64_code::write(&code));
            prop_assert!(token.covers(&host, request.identity));
            prop_assert!(!token.covers(&host, None));
            prop_assert_eq!(
                token.covers(&host, request.identity.map(|identity| Identity::device(identity.device))),
                module.is_none()
            );
        }
    }
}
