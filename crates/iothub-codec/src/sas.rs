use core::fmt;

use nom::bytes::complete::{tag_no_case, take_while};
use nom::character::complete::{char, space1};
use nom::combinator::opt;
use nom::sequence::{separated_pair, terminated};
use nom::{IResult, Parser};

use crate::dialect::provisioning::REGISTRATIONS;
use crate::identity::Identity;
use crate::registration::Registration;
use crate::text::Text;

/// A SAS token: somebody's claim to a resource until a date, signed with a key that the hub knows too.
///
/// Read from an MQTT password, an HTTP `Authorization` header or a connection string. Reading it checks
/// neither the signature nor the date: compare [`Self::expiry_s`] with a clock, ask [`Self::covers`] about
/// the scope, and verify the signature with `SharedKey::verify` (feature `hmac`) or elsewhere over
/// [`Self::string_to_sign`].
///
/// A token is a secret for as long as it is valid; [`Debug`](fmt::Debug) leaves the signature out.
///
/// ```
/// use iothub_codec::SasToken;
///
/// let token = SasToken::parse(
///     "SharedAccessSignature sr=hub1.azure-devices.net&sig=tSqZ%3D&se=1893456000&skn=iothubowner",
/// )?;
/// assert_eq!(token.expiry_s(), 1_893_456_000);
/// assert!(token.covers("hub1.azure-devices.net", None));
/// assert!(!token.covers("hub2.azure-devices.net", None));
/// # Ok::<(), iothub_codec::BadSasToken>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SasToken<'a> {
    text: &'a str,
    resource: &'a str,
    signature: &'a str,
    expiry: &'a str,
    expiry_s: u64,
    policy: Option<&'a str>,
}

impl<'a> SasToken<'a> {
    /// Longest token that is read, in bytes. The longest names a hub accepts, every byte of them escaped
    /// twice, need less than half of it.
    pub const MAX_LEN: usize = 4096;

    /// Reads `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`.
    ///
    /// The fields may come in any order and their names, like the scheme's, in any case. An empty `skn` is
    /// none, and fields with other names are skipped.
    ///
    /// # Errors
    ///
    /// [`BadSasToken`] says which byte is the first that does not fit, and what should be there.
    pub fn parse(text: &'a str) -> Result<Self, BadSasToken> {
        if text.len() > Self::MAX_LEN {
            return Err(BadSasToken { at: Self::MAX_LEN, kind: BadSasTokenKind::TooLong });
        }
        let (fields, _) = scheme(text).map_err(|_| BadSasToken { at: 0, kind: BadSasTokenKind::Scheme })?;
        let position = |part: &str| text.len() - part.len();
        if let Some(at) = fields.bytes().position(|b| !b.is_ascii_graphic()) {
            return Err(BadSasToken { at: position(fields) + at, kind: BadSasTokenKind::Character });
        }
        let mut found = [None; SasField::ALL.len()];
        let mut rest = fields;
        while !rest.is_empty() {
            let at = position(rest);
            let (after, (name, value)) =
                field(rest).map_err(|_| BadSasToken { at, kind: BadSasTokenKind::NoField })?;
            rest = after;
            let Some(known) = SasField::ALL.into_iter().find(|known| name.eq_ignore_ascii_case(known.name()))
            else {
                continue;
            };
            let slot = &mut found[known as usize];
            if slot.is_some() {
                return Err(BadSasToken { at, kind: BadSasTokenKind::Repeated(known) });
            }
            *slot = Some((value, at + name.len() + 1));
        }
        Self::assemble(text, found)
    }

    fn assemble(text: &'a str, found: [Option<(&'a str, usize)>; 4]) -> Result<Self, BadSasToken> {
        let needed = |field: SasField| match found[field as usize] {
            Some((value, _)) if !value.is_empty() => Ok(value),
            Some((_, at)) => Err(BadSasToken { at, kind: BadSasTokenKind::Missing(field) }),
            None => Err(BadSasToken { at: text.len(), kind: BadSasTokenKind::Missing(field) }),
        };
        let resource = needed(SasField::Resource)?;
        let signature = needed(SasField::Signature)?;
        let expiry = needed(SasField::Expiry)?;
        let expiry_s = seconds(expiry).ok_or_else(|| BadSasToken {
            at: found[SasField::Expiry as usize].map_or(text.len(), |(_, at)| at),
            kind: BadSasTokenKind::Expiry,
        })?;
        let policy = needed(SasField::Policy).ok();
        Ok(Self { text, resource, signature, expiry, expiry_s, policy })
    }

    /// The whole token, as it was read.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The resource `sr`, percent-encoded just as it stands in the token: this is the text that is signed.
    pub const fn resource_encoded(&self) -> &'a str {
        self.resource
    }

    /// When the token stops being valid, in seconds since 1970-01-01T00:00:00Z.
    pub const fn expiry_s(&self) -> u64 {
        self.expiry_s
    }

    /// The policy whose key signed. None: the device's or module's own key did.
    pub fn policy(&self) -> Option<Text<'a>> {
        self.policy.map(Text::percent_encoded)
    }

    /// The signature, in base64.
    pub fn signature(&self) -> Text<'a> {
        Text::percent_encoded(self.signature)
    }

    /// What was signed, in pieces to be taken one after the other: the resource and the date as they stand
    /// in the token, and a line feed between them.
    ///
    /// The literal text counts, because `%2F` and `%2f` mean the same and are signed differently.
    pub const fn string_to_sign(&self) -> [&'a str; 3] {
        [self.resource, "\n", self.expiry]
    }

    /// Whether the token's resource is `identity` at `host`, or something above it; without an identity,
    /// whether it is the host.
    ///
    /// Host names are compared without regard to case, the names of devices and modules exactly. A token for
    /// one module is not a token for its device. What old tools append, `/api-version=…`, is passed over.
    ///
    /// ```
    /// use iothub_codec::{DeviceId, Identity, SasToken};
    ///
    /// let token = SasToken::parse("SharedAccessSignature sr=HUB1.azure-devices.net%2fdevices%2fdev-1&sig=a&se=1")?;
    /// let identity = |name| Identity::device(DeviceId::new(name).unwrap());
    /// assert!(token.covers("hub1.azure-devices.net", Some(identity("dev-1"))));
    /// assert!(!token.covers("hub1.azure-devices.net", Some(identity("dev-10"))));
    /// # Ok::<(), iothub_codec::BadSasToken>(())
    /// ```
    pub fn covers(&self, host: &str, identity: Option<Identity<'_>>) -> bool {
        let mut segments = Segments { rest: Some(self.resource) };
        if !segments.next().is_some_and(|segment| segment.is_caselessly(host)) {
            return false;
        }
        let device = identity.map(|identity| ["devices", identity.device.as_str()]);
        let module = identity.and_then(|identity| identity.module).map(|module| ["modules", module.as_str()]);
        for name in device.into_iter().chain(module).flatten() {
            match segments.next() {
                Some(segment) if segment.is_name(name) => {}
                // Only a slash at the end may be passed over here: `api-version=1` is also a good name for a
                // device, another one.
                Some(segment) => return segment.0.is_empty() && segments.next().is_none(),
                None => return true,
            }
        }
        segments.all(Segment::is_appendix)
    }

    /// Whether the token's resource is that registration with the provisioning service. Neither scope nor name have
    /// cases.
    pub fn covers_registration(&self, registration: Registration<'_>) -> bool {
        let mut segments = Segments { rest: Some(self.resource) };
        [registration.scope.as_str(), REGISTRATIONS, registration.id.as_str()]
            .into_iter()
            .all(|name| segments.next().is_some_and(|segment| segment.is_caselessly(name)))
            && segments.all(Segment::is_appendix)
    }
}

impl fmt::Debug for SasToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("resource", &self.resource)
            .field("expiry_s", &self.expiry_s)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Not a SAS token, from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the token: {kind}")]
pub struct BadSasToken {
    /// The first byte that does not fit.
    pub at: usize,
    /// What is wrong there.
    pub kind: BadSasTokenKind,
}

/// What makes a text no [`SasToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSasTokenKind {
    /// It does not begin with `SharedAccessSignature` and a space.
    #[error("`SharedAccessSignature` and a space should be here")]
    Scheme,
    /// White space or another byte that is not printable ASCII.
    #[error("this character has no place in a token")]
    Character,
    /// Something between two `&` that is not `name=value`.
    #[error("`name=value` should be here")]
    NoField,
    /// A field for the second time.
    #[error("{0} for the second time")]
    Repeated(SasField),
    /// A field that a token must have is not there or is empty.
    #[error("{0} is missing")]
    Missing(SasField),
    /// The date is not a whole number of seconds, or too large a one.
    #[error("the date (se) is not a number of seconds since 1970")]
    Expiry,
    /// Longer than [`SasToken::MAX_LEN`].
    #[error("longer than {} bytes", SasToken::MAX_LEN)]
    TooLong,
}

/// A field of a [`SasToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SasField {
    /// What the token gives access to, `sr`.
    Resource,
    /// `sig`.
    Signature,
    /// Until when, `se`.
    Expiry,
    /// Whose key signed, `skn`.
    Policy,
}

impl SasField {
    const ALL: [Self; 4] = [Self::Resource, Self::Signature, Self::Expiry, Self::Policy];

    /// The name in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "sr",
            Self::Signature => "sig",
            Self::Expiry => "se",
            Self::Policy => "skn",
        }
    }
}

impl fmt::Display for SasField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The scheme and what separates it from the fields.
fn scheme(text: &str) -> IResult<&str, &str> {
    terminated(tag_no_case("SharedAccessSignature"), space1).parse(text)
}

/// `name=value`, and the `&` behind it if there is one.
fn field(text: &str) -> IResult<&str, (&str, &str)> {
    let name = take_while(|c| c != '=' && c != '&');
    let value = take_while(|c| c != '&');
    terminated(separated_pair(name, char('='), value), opt(char('&'))).parse(text)
}

fn seconds(text: &str) -> Option<u64> {
    // `parse` alone would let a plus sign pass.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The parts of a resource between slashes, be these escaped or not.
struct Segments<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let text = self.rest?;
        let slash = (0..text.len()).find_map(|at| Some((at, slash_len(text.as_bytes().get(at..)?)?)));
        let (segment, rest) = match slash {
            Some((at, len)) => (text.get(..at), text.get(at + len..)),
            None => (Some(text), None),
        };
        self.rest = rest;
        segment.map(|raw| Segment(Text::percent_encoded(raw)))
    }
}

/// How many bytes a slash at the beginning of `text` takes, if there is one.
const fn slash_len(text: &[u8]) -> Option<usize> {
    match text {
        [b'/', ..] => Some(1),
        [b'%', b'2', b'F' | b'f', ..] => Some(3),
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Segment<'a>(Text<'a>);

impl Segment<'_> {
    fn is_caselessly(self, name: &str) -> bool {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        self.0.bytes().map(lower).eq(name.bytes().map(lower))
    }

    /// Whether this is `name`, escaped once or twice: some clients escape names before they put them into
    /// the resource, which they then escape as a whole.
    fn is_name(self, name: &str) -> bool {
        self.0 == name || unescaped(self.0.bytes()).eq(name.bytes())
    }

    /// Whether this is what old tools append to a resource without meaning another one.
    fn is_appendix(self) -> bool {
        self.0.is_empty() || b"api-version=".iter().copied().eq(self.0.bytes().take(b"api-version=".len()))
    }
}

/// Takes one layer of percent-encoding off. As in [`Text`], an escape that is none means itself.
fn unescaped(mut bytes: impl Iterator<Item = u8> + Clone) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let first = bytes.next()?;
        let mut ahead = bytes.clone();
        let mut digit = || char::from(ahead.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, digit(), digit()) {
            (b'%', Some(high), Some(low)) => {
                bytes = ahead;
                Some(high << 4 | low)
            }
            _ => Some(first),
        }
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;
    use crate::identity::{DeviceId, ModuleId};

    fn identity(text: &str) -> Option<Identity<'_>> {
        let (device, module) = match text.split_once('/') {
            Some((device, module)) => (device, Some(ModuleId::new(module).unwrap())),
            None if text.is_empty() => return None,
            None => (text, None),
        };
        Some(Identity { device: DeviceId::new(device).unwrap(), module })
    }

    #[test]
    fn a_token_is_read_whatever_the_order_and_case_of_its_fields() {
        for (text, policy) in [
            // Node.
            (
                "SharedAccessSignature sr=hub1%2Fdevices%2Fd&sig=ab%2Bc%3D&skn=service&se=1893456000",
                Some("service"),
            ),
            // Most others.
            (
                "SharedAccessSignature sr=hub1%2Fdevices%2Fd&sig=ab%2Bc%3D&se=1893456000&skn=service",
                Some("service"),
            ),
            // Documentation.
            ("SharedAccessSignature sig=ab%2Bc%3D&se=1893456000&sr=hub1%2Fdevices%2Fd", None),
            ("SharedAccessSignature sr=hub1%2Fdevices%2Fd&sig=ab%2Bc%3D&se=1893456000&skn=", None),
            (
                "SharedAccessSignature sr=hub1%2Fdevices%2Fd&sig=ab%2Bc%3D&se=1893456000&skn=a%20b",
                Some("a b"),
            ),
            // Raw `+`, `=` and `/` in the signature mean themselves.
            ("SharedAccessSignature sr=hub1%2Fdevices%2Fd&sig=ab+c=&se=1893456000", None),
            ("sharedaccesssignature SR=hub1%2Fdevices%2Fd&SIG=ab%2bc%3d&Se=1893456000&SKN=x", Some("x")),
            ("SharedAccessSignature  sr=hub1%2Fdevices%2Fd&sig=ab%2Bc%3D&se=1893456000&", None),
            ("SharedAccessSignature sr=hub1%2Fdevices%2Fd&new=&sig=ab%2Bc%3D&se=1893456000", None),
        ] {
            let token = SasToken::parse(text).unwrap();
            assert_eq!(token.as_str(), text);
            assert_eq!(token.resource_encoded(), "hub1%2Fdevices%2Fd", "{text}");
            assert_eq!(token.expiry_s(), 1_893_456_000, "{text}");
            assert_eq!(token.signature().to_string(), "ab+c=", "{text}");
            assert_eq!(token.policy().map(|policy| policy.to_string()).as_deref(), policy, "{text}");
            assert_eq!(token.string_to_sign().concat(), "hub1%2Fdevices%2Fd\n1893456000", "{text}");
        }
    }

    #[test]
    fn what_is_signed_is_the_text_as_it_came() {
        let token = SasToken::parse("SharedAccessSignature sr=Hub1%2fDevices/d&sig=a&se=0010").unwrap();
        assert_eq!(token.string_to_sign().concat(), "Hub1%2fDevices/d\n0010");
        assert_eq!(token.expiry_s(), 10);
    }

    #[test]
    fn a_slash_left_raw_in_the_signature_belongs_to_it() {
        let token = SasToken::parse("SharedAccessSignature sr=h&sig=a/b%2Fc&se=1").unwrap();
        assert_eq!(token.signature().to_string(), "a/b/c");
    }

    #[test]
    fn what_is_wrong_and_where() {
        use BadSasTokenKind::{Character, Expiry, Missing, NoField, Repeated, Scheme};
        use SasField::{Policy, Resource, Signature};
        for (marked, kind) in [
            ("‸", Scheme),
            ("‸Bearer sr=h&sig=a&se=1", Scheme),
            ("‸SharedAccessSignature", Scheme),
            ("‸SharedAccessSignaturesr=h&sig=a&se=1", Scheme),
            ("‸ SharedAccessSignature sr=h&sig=a&se=1", Scheme),
            ("‸SharedAccessSignature\nsr=h&sig=a&se=1", Scheme),
            ("SharedAccessSignature ‸", Missing(Resource)),
            ("SharedAccessSignature sr=h‸ &sig=a&se=1", Character),
            ("SharedAccessSignature sr=h&sig=a&se=1‸\n", Character),
            ("SharedAccessSignature sr=h‸é&sig=a&se=1", Character),
            ("SharedAccessSignature sr=h&‸&sig=a&se=1", NoField),
            ("SharedAccessSignature sr=h&‸sig&se=1", NoField),
            ("SharedAccessSignature sr=h&sig=a&se=1&‸x", NoField),
            ("SharedAccessSignature sr=h&sig=a&se=1&‸sr=g", Repeated(Resource)),
            ("SharedAccessSignature sr=h&sig=a&‸SIG=b&se=1", Repeated(Signature)),
            ("SharedAccessSignature sr=h&sig=a&se=1&‸se=2", Repeated(SasField::Expiry)),
            ("SharedAccessSignature sr=h&sig=a&se=1&skn=&‸skn=p", Repeated(Policy)),
            ("SharedAccessSignature sig=a&se=1‸", Missing(Resource)),
            ("SharedAccessSignature sr=h&se=1‸", Missing(Signature)),
            ("SharedAccessSignature sr=h&sig=a‸", Missing(SasField::Expiry)),
            ("SharedAccessSignature sr=‸&sig=a&se=1", Missing(Resource)),
            ("SharedAccessSignature sr=h&sig=‸&se=1", Missing(Signature)),
            ("SharedAccessSignature sr=h&sig=a&se=‸", Missing(SasField::Expiry)),
            ("SharedAccessSignature sr=h&sig=a&se=‸+1", Expiry),
            ("SharedAccessSignature sr=h&sig=a&se=‸-1", Expiry),
            ("SharedAccessSignature sr=h&sig=a&se=‸1.5", Expiry),
            ("SharedAccessSignature sr=h&sig=a&se=‸18446744073709551616", Expiry),
        ] {
            let at = marked.find('‸').unwrap();
            let text = marked.replace('‸', "");
            assert_eq!(SasToken::parse(&text), Err(BadSasToken { at, kind }), "{marked}");
        }
        let token = |len: usize| {
            let frame = "SharedAccessSignature sr=&sig=a&se=1".len();
            format!("SharedAccessSignature sr={}&sig=a&se=1", "h".repeat(len - frame))
        };
        assert!(SasToken::parse(&token(SasToken::MAX_LEN)).is_ok());
        let too_long = BadSasToken { at: SasToken::MAX_LEN, kind: BadSasTokenKind::TooLong };
        assert_eq!(SasToken::parse(&token(SasToken::MAX_LEN + 1)), Err(too_long));
        assert!(SasToken::parse("SharedAccessSignature sr=h&sig=a&se=18446744073709551615").is_ok());
    }

    #[test]
    fn a_token_covers_its_resource_and_what_is_below() {
        for (resource, who, expected) in [
            // A device, its modules, and others.
            ("hub1%2Fdevices%2Fdev-1", "dev-1", true),
            ("hub1%2fdevices%2fdev-1", "dev-1", true),
            ("hub1/devices/dev-1", "dev-1", true),
            ("HUB1%2Fdevices%2Fdev-1", "dev-1", true),
            ("hub1%2Fdevices%2Fdev-1", "dev-1/mod-a", true),
            ("hub1%2Fdevices%2Fdev-1%2F", "dev-1", true),
            ("hub1%2Fdevices%2Fdev-1", "dev-2", false),
            ("hub1%2Fdevices%2Fdev-1", "dev-10", false),
            ("hub1%2Fdevices%2Fdev-10", "dev-1", false),
            ("hub1%2Fdevices%2FDEV-1", "dev-1", false),
            ("hub1%2Fdevices%2Fdev-1", "", false),
            ("hub2%2Fdevices%2Fdev-1", "dev-1", false),
            ("hub1.evil%2Fdevices%2Fdev-1", "dev-1", false),
            ("%2Fdevices%2Fdev-1", "dev-1", false),
            ("hub1%2Ftwins%2Fdev-1", "dev-1", false),
            ("hub1%2F%2Fdevices%2Fdev-1", "dev-1", false),
            // A module is not its device.
            ("hub1%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a", "dev-1/mod-a", true),
            ("hub1%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a", "dev-1/mod-b", false),
            ("hub1%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a", "dev-1", false),
            ("hub1%2Fdevices%2Fdev-1%2Fmodules", "dev-1/mod-a", true),
            ("hub1%2Fdevices%2Fdev-1%2Fmodules", "dev-1", false),
            ("hub1%2Fdevices%2Fdev-1%2Fmodules%2Fmod-a", "", false),
            // The hub, for back ends and for policies that act for devices.
            ("hub1", "", true),
            ("HUB1", "", true),
            ("hub1%2F", "", true),
            ("hub1", "dev-1", true),
            ("hub1%2F", "dev-1", true),
            ("hub1%2Fdevices", "dev-1", true),
            ("hub1%2Fdevices%2F", "dev-1/mod-a", true),
            ("hub1%2Fdevices", "", false),
            ("hub", "", false),
            ("hub12", "", false),
            // What old tools append; but a device can be called that, too.
            ("hub1%2Fdevices%2Fdev-1%2Fapi-version%3D2016-11-14", "dev-1", true),
            ("hub1%2Fdevices%2Fdev-1%2Fmessages", "dev-1", false),
            ("hub1%2Fdevices%2Fapi-version%3D1", "dev-1", false),
            ("hub1%2Fdevices%2Fapi-version%3D1", "api-version=1", true),
            // Names escaped before the resource is, or only then, or not at all.
            ("hub1%2Fdevices%2Fa%2523b", "a#b", true),
            ("hub1%2Fdevices%2Fa%23b", "a#b", true),
            ("hub1%2Fdevices%2Fa#b", "a#b", true),
            ("hub1%2Fdevices%2Fa%25b", "a%b", true),
            ("hub1%2Fdevices%2Fa%2525b", "a%b", true),
            ("hub1%2Fdevices%2Fa%2525b", "a#b", false),
            ("hub1%2Fdevices%2Fa%252525b", "a%b", false),
            ("hub1%2Fdevices%2Fa+b", "a+b", true),
            ("hub1%2Fdevices%2Fdev-1%252Fmodules%252Fmod-a", "dev-1/mod-a", false),
            ("hub1%2Fdevices%2Fdev-1%252Fx", "dev-1", false),
        ] {
            let text = format!("SharedAccessSignature sr={resource}&sig=a&se=1");
            let token = SasToken::parse(&text).unwrap();
            assert_eq!(token.covers("hub1", identity(who)), expected, "{resource} for {who:?}");
        }
    }

    #[test]
    fn printing_for_debugging_leaves_the_signature_out() {
        let token = SasToken::parse("SharedAccessSignature sr=hub1&sig=c2VjcmV0&se=1&skn=p").unwrap();
        let printed = format!("{token:?}");
        assert!(printed.contains("hub1") && !printed.contains("c2VjcmV0"), "{printed}");
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(tail: String, host: String, scheme in "(SharedAccessSignature )?") {
            if let Ok(token) = SasToken::parse(&(scheme + &tail)) {
                token.covers(&host, identity("d/m"));
            }
        }

        #[test]
        fn no_field_makes_reading_panic(resource in "[!-%'-~]{1,20}", tail in "(&?(sr|sig|se|skn|x)?=?[a%2F/1]{0,3}){0,5}") {
            let text = format!("SharedAccessSignature sr={resource}&sig=a&se=1{tail}");
            if let Ok(token) = SasToken::parse(&text) {
                // The resource is shorter than this host.
                prop_assert!(!token.covers("a-host-longer-than-twenty-bytes", None));
            }
        }
    }
}
