use core::convert::Infallible;
use core::fmt;

use base64::DecodeSliceError;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::registration::RegistrationId;
use crate::sas::SasToken;
use crate::token_request::Signer;

/// A key that a hub and a device, or a hub and the holders of a policy, share.
///
/// Signs tokens ([`TokenRequest::sign`](crate::TokenRequest::sign)) and verifies them.
///
/// ```
/// use iothub_codec::{SasToken, SharedKey};
///
/// let key = SharedKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
/// let token = SasToken::parse(
///     "SharedAccessSignature sr=hub1.azure-devices.net%2fdevices%2fdev-1\
///      &sig=WqvD4j34AUub9vX%2F%2B3vPXK7EI0kMX5QPux0%2BfILsBjs%3D&se=1893456000",
/// )?;
/// assert!(key.verify(&token));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SharedKey {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl SharedKey {
    /// Shortest key, in bytes.
    pub const MIN_LEN: usize = 16;
    /// Longest key, in bytes.
    pub const MAX_LEN: usize = 64;
    /// Length of the longest key in base64.
    pub const BASE64_LEN_MAX: usize = Self::MAX_LEN.div_ceil(3) * 4;

    /// Reads a key as connection strings and identities have it: 16 to 64 bytes in base64.
    ///
    /// # Errors
    ///
    /// [`BadSharedKey`] says whether it is the base64 or the length; nothing of the key is in it.
    pub fn from_base64(text: &str) -> Result<Self, BadSharedKey> {
        let mut decoded = [0; decoded_room(Self::MAX_LEN)];
        let len = match LENIENT.decode_slice(text, &mut decoded) {
            Ok(len) => len,
            Err(DecodeSliceError::OutputSliceTooSmall) => return Err(BadSharedKey::TooLong),
            Err(DecodeSliceError::DecodeError(_)) => return Err(BadSharedKey::NotBase64),
        };
        if len < Self::MIN_LEN {
            return Err(BadSharedKey::TooShort);
        }
        let key = decoded.get(..len).filter(|key| key.len() <= Self::MAX_LEN).ok_or(BadSharedKey::TooLong)?;
        let mut bytes = [0; Self::MAX_LEN];
        for (byte, given) in bytes.iter_mut().zip(key) {
            *byte = *given;
        }
        Ok(Self { bytes, len })
    }

    /// Whether this key signed the token. Takes the same time wherever a wrong signature differs.
    ///
    /// Says nothing about the date or the scope of the token.
    pub fn verify(&self, token: &SasToken<'_>) -> bool {
        let mut hmac = self.hmac();
        for piece in token.string_to_sign() {
            hmac.update(piece.as_bytes());
        }
        signature_bytes(token).is_some_and(|signature| hmac.verify_slice(&signature).is_ok())
    }

    /// Whether this key made that code of that message, such as what
    /// [`Terms::string_to_sign`](crate::Terms::string_to_sign) writes. Takes the same time wherever a wrong code
    /// differs.
    pub fn verify_code(&self, message: &[u8], code: &[u8; 32]) -> bool {
        let mut hmac = self.hmac();
        hmac.update(message);
        hmac.verify_slice(code).is_ok()
    }

    /// The key of one member of an enrolment group, from the key of the group: what the device is given when it is
    /// made, so that it never has the group's. It signs both for the provisioning service and for the hub.
    ///
    /// Registration ids that differ in nothing but case have the same key.
    #[must_use]
    pub fn derive(&self, registration: RegistrationId<'_>) -> Self {
        let mut hmac = self.hmac();
        for byte in registration.as_str().bytes() {
            hmac.update(&[byte.to_ascii_lowercase()]);
        }
        let code: [u8; 32] = hmac.finalize().into_bytes().into();
        let mut bytes = [0; Self::MAX_LEN];
        for (byte, given) in bytes.iter_mut().zip(code) {
            *byte = given;
        }
        Self { bytes, len: code.len() }
    }

    /// Writes the key in base64, as connection strings have it: the secret itself.
    pub fn write_base64<'b>(&self, out: &'b mut [u8; Self::BASE64_LEN_MAX]) -> &'b str {
        let key = self.bytes.get(..self.len).unwrap_or(&self.bytes);
        let len = STANDARD.encode_slice(key, out).expect("there is room for the longest key");
        out.get(..len).and_then(|text| core::str::from_utf8(text).ok()).expect("base64 is ASCII")
    }

    fn hmac(&self) -> Hmac<Sha256> {
        let key = self.bytes.get(..self.len).unwrap_or(&self.bytes);
        Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
    }
}

impl Signer for SharedKey {
    type Error = Infallible;

    fn sign(&self, message: &[u8]) -> Result<[u8; 32], Infallible> {
        let mut hmac = self.hmac();
        hmac.update(message);
        Ok(hmac.finalize().into_bytes().into())
    }
}

/// Without the key.
impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey").finish_non_exhaustive()
    }
}

/// Not a shared key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSharedKey {
    /// Not base64, or without the equals signs at its end.
    #[error("the key is not base64")]
    NotBase64,
    /// Shorter than [`SharedKey::MIN_LEN`].
    #[error("the key has less than {} bytes", SharedKey::MIN_LEN)]
    TooShort,
    /// Longer than [`SharedKey::MAX_LEN`].
    #[error("the key has more than {} bytes", SharedKey::MAX_LEN)]
    TooLong,
}

// A key that somebody made up ends in bits that mean nothing more often than not, and the hub takes it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The room that `len` bytes need while they are decoded, in whole groups of three.
const fn decoded_room(len: usize) -> usize {
    len.div_ceil(3) * 3
}

/// The signature as bytes. None for what is no base64 of 32 bytes, which no key can have made.
fn signature_bytes(token: &SasToken<'_>) -> Option<[u8; 32]> {
    let mut text = [0; decoded_room(32) / 3 * 4];
    let mut characters = token.signature().bytes();
    for (place, character) in text.iter_mut().zip(&mut characters) {
        *place = character;
    }
    if characters.next().is_some() {
        return None;
    }
    let mut decoded = [0; decoded_room(32)];
    let len = STANDARD.decode_slice(text, &mut decoded).ok()?;
    decoded.get(..len)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::String;

    use proptest::prelude::*;

    use super::*;
    use crate::identity::{DeviceId, Identity, ModuleId};
    use crate::registration::{IdScope, Registration};
    use crate::token_request::{RegistrationToken, TokenRequest};

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const HOST: &str = "hub1.azure-devices.net";

    fn key() -> SharedKey {
        SharedKey::from_base64(KEY).unwrap()
    }

    /// The signed text and its signature, from the reference.
    const VECTORS: [(&str, &str); 4] = [
        ("hub1.azure-devices.net%2Fdevices%2Fdev-1", "pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY="),
        ("hub1.azure-devices.net%2fdevices%2fdev-1", "WqvD4j34AUub9vX/+3vPXK7EI0kMX5QPux0+fILsBjs="),
        (
            "hub1.azure-devices.net%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a",
            "kycSviOL7BRbSzYGua8zIgCnahfRyOEl9khh7Ozf/kw=",
        ),
        ("hub1.azure-devices.net", "tSqZCpJ0ILyQzgpd7n+Os8QMeigZamD5DsOzh1x/Vk4="),
    ];

    #[test]
    fn documented_signatures_come_out() {
        for (resource, signature) in VECTORS {
            let Ok(code) = key().sign(format!("{resource}\n1893456000").as_bytes());
            let mut expected = [0; 33];
            STANDARD.decode_slice(signature, &mut expected).unwrap();
            assert_eq!(code, expected[..32], "{resource}");
        }
    }

    #[test]
    fn the_documented_signature_of_a_connect_is_verified() {
        let message = b"hub1.azure-devices.net\ndev-1\n\n1893452400000\n1893456000000\n";
        let mut code = [0; 33];
        STANDARD.decode_slice("D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s=", &mut code).unwrap();
        let code: [u8; 32] = code[..32].try_into().unwrap();
        assert!(key().verify_code(message, &code));
        assert!(!key().verify_code(&message[1..], &code));
        for at in 0..code.len() {
            let mut other = code;
            other[at] ^= 1;
            assert!(!key().verify_code(message, &other), "byte {at}");
        }
    }

    #[test]
    fn documented_tokens_are_written() {
        let device = Identity::device(DeviceId::new("dev-1").unwrap());
        let module = Identity { module: Some(ModuleId::new("mod-a").unwrap()), ..device };
        for (identity, policy, expected) in [
            (
                Some(device),
                None,
                "sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
                 &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000",
            ),
            (
                Some(module),
                None,
                "sr=hub1.azure-devices.net%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a\
                 &sig=kycSviOL7BRbSzYGua8zIgCnahfRyOEl9khh7Ozf%2Fkw%3D&se=1893456000",
            ),
            (
                None,
                Some("iothubowner"),
                "sr=hub1.azure-devices.net\
                 &sig=tSqZCpJ0ILyQzgpd7n%2BOs8QMeigZamD5DsOzh1x%2FVk4%3D&se=1893456000&skn=iothubowner",
            ),
        ] {
            let request = TokenRequest { host: HOST, identity, expiry_s: 1_893_456_000, policy };
            let mut out = [0; 512];
            let token = request.sign(&key(), &mut out).unwrap();
            assert_eq!(token.strip_prefix("SharedAccessSignature "), Some(expected));
        }
    }

    #[test]
    fn the_documented_member_of_a_group_gets_its_key_and_its_token() {
        let member = SharedKey::from_base64("thxXBjNB6FBV+ugwOZsLC2OkELTF0TOHZ3+Q6g7OCS0=").unwrap();
        for id in ["reg-1", "REG-1"] {
            let derived = key().derive(RegistrationId::new(id).unwrap());
            assert_eq!(derived.bytes[..derived.len], member.bytes[..member.len], "{id}");
            let mut text = [0; SharedKey::BASE64_LEN_MAX];
            assert_eq!(derived.write_base64(&mut text), "thxXBjNB6FBV+ugwOZsLC2OkELTF0TOHZ3+Q6g7OCS0=");
        }
        let other = key().derive(RegistrationId::new("reg-2").unwrap());
        assert_ne!(other.bytes, member.bytes);

        let id = RegistrationId::new("reg-1").unwrap();
        let registration = Registration::new(IdScope::new("0ne000ABCDE").unwrap(), id);
        let request = RegistrationToken { registration, expiry_s: 1_893_456_000 };
        let mut out = [0; 256];
        let token = request.sign(&member, &mut out).unwrap();
        assert_eq!(
            token,
            "SharedAccessSignature sr=0ne000ABCDE%2Fregistrations%2Freg-1\
             &sig=bcnbhDC3XR61IA1ZxXiFdbXr3H%2Brl2bxcCZnDWskk6I%3D&se=1893456000&skn=registration"
        );
        let token = SasToken::parse(token).unwrap();
        assert!(member.verify(&token));
        assert!(token.covers_registration(registration));
    }

    #[test]
    fn a_signature_counts_however_it_is_spelt() {
        for (resource, signature) in VECTORS {
            for spelling in [
                String::from(signature),
                signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
                signature.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d"),
                signature.replace('+', "%2B").replace('=', "%3D"),
                signature.bytes().map(|b| format!("%{b:02x}")).collect(),
            ] {
                for text in [
                    format!("SharedAccessSignature sr={resource}&sig={spelling}&se=1893456000"),
                    format!("SharedAccessSignature sig={spelling}&se=1893456000&sr={resource}"),
                    format!("SharedAccessSignature SR={resource}&skn=&SIG={spelling}&SE=1893456000"),
                ] {
                    assert!(key().verify(&SasToken::parse(&text).unwrap()), "{text}");
                }
            }
        }
    }

    #[test]
    fn whatever_is_changed_in_what_was_signed_shows() {
        let signature = "pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY";
        for (resource, signature, expiry) in [
            ("hub1.azure-devices.net%2Fdevices%2Fdev-2", format!("{signature}="), "1893456000"),
            // The same resource, but another text.
            ("hub1.azure-devices.net%2fdevices%2fdev-1", format!("{signature}="), "1893456000"),
            ("hub1.azure-devices.net/devices/dev-1", format!("{signature}="), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", format!("{signature}="), "1893456001"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", format!("{signature}="), "01893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", format!("q{}=", &signature[1..]), "1893456000"),
            // The same bytes, but for two bits that mean nothing.
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", signature.replace("tY", "tZ="), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", format!("{signature}==="), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", format!("{signature}=A"), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", signature.into(), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", "pd27749d".into(), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", "%FF%00".into(), "1893456000"),
            ("hub1.azure-devices.net%2Fdevices%2Fdev-1", "A".repeat(400), "1893456000"),
        ] {
            let text = format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}");
            assert!(!key().verify(&SasToken::parse(&text).unwrap()), "{text}");
        }
    }

    #[test]
    fn another_key_has_not_signed() {
        let text = "SharedAccessSignature sr=hub1.azure-devices.net&se=1893456000\
                    &sig=tSqZCpJ0ILyQzgpd7n%2BOs8QMeigZamD5DsOzh1x%2FVk4%3D";
        let token = SasToken::parse(text).unwrap();
        assert!(key().verify(&token));
        assert!(!SharedKey::from_base64(&KEY.replace("AAEC", "AAED")).unwrap().verify(&token));
    }

    #[test]
    fn keys_have_16_to_64_bytes_in_base64() {
        let of_len = |len: usize| {
            let full = "AAAA".repeat(len / 3);
            full + ["", "AA==", "AAA="][len % 3]
        };
        for (text, expected) in [
            (of_len(0), Err(BadSharedKey::TooShort)),
            (of_len(15), Err(BadSharedKey::TooShort)),
            (of_len(16), Ok(())),
            (of_len(32), Ok(())),
            (of_len(64), Ok(())),
            (of_len(65), Err(BadSharedKey::TooLong)),
            (of_len(66), Err(BadSharedKey::TooLong)),
            (of_len(67), Err(BadSharedKey::TooLong)),
            (of_len(4096), Err(BadSharedKey::TooLong)),
            (KEY.into(), Ok(())),
            (KEY.replace('=', ""), Err(BadSharedKey::NotBase64)),
            (KEY.replace("AAEC", "AA-C"), Err(BadSharedKey::NotBase64)),
            (KEY.replace("AAEC", "AA C"), Err(BadSharedKey::NotBase64)),
            // Made up by somebody: the last bits mean nothing.
            (KEY.replace("Hh8=", "Hh9="), Ok(())),
        ] {
            assert_eq!(SharedKey::from_base64(&text).map(drop), expected, "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", key()), "SharedKey { .. }");
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_nothing_else_does(
            device in "[a-zA-Z0-9:.+%_#*?!(),=@$'-]{1,128}",
            expiry_s: u64,
            at: proptest::sample::Index,
            other in "[!-~]",
        ) {
            let identity = Some(Identity::device(DeviceId::new(&device).unwrap()));
            let request = TokenRequest { host: HOST, identity, expiry_s, policy: None };
            let mut out = [0; 1024];
            let text = request.sign(&key(), &mut out).unwrap();
            let token = SasToken::parse(text).unwrap();
            prop_assert!(key().verify(&token));

            let at = "SharedAccessSignature ".len() + at.index(text.len() - "SharedAccessSignature ".len());
            let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            if let Ok(forged) = SasToken::parse(&forged) {
                let same_text = forged.string_to_sign() == token.string_to_sign();
                let same_signature = forged.signature() == token.signature();
                prop_assert_eq!(key().verify(&forged), same_text && same_signature);
            }
        }

        #[test]
        fn no_text_makes_reading_a_key_panic(text: String) {
            let _ = SharedKey::from_base64(&text);
        }
    }
}
