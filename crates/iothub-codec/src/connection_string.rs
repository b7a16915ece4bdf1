use core::fmt;

use nom::bytes::complete::{take_till, take_while};
use nom::character::complete::char;
use nom::combinator::opt;
use nom::sequence::{separated_pair, terminated};
use nom::{IResult, Parser};

use crate::identity::{DeviceId, Identity, ModuleId};
use crate::sas::{BadSasToken, SasToken};

/// What a portal or `iothub` hands out for a device, a module, a back end or a reader of events: where the
/// hub is, who one is, and the proof of it.
///
/// Holds secrets; [`Debug`](fmt::Debug) leaves them out.
///
/// ```
/// use iothub_codec::ConnectionString;
///
/// let string = ConnectionString::parse("HostName=hub1.azure-devices.net;DeviceId=dev-1;SharedAccessKey=AAEC")?;
/// assert_eq!(string.host(), Some("hub1.azure-devices.net"));
/// assert_eq!(string.device().unwrap().as_str(), "dev-1");
/// assert_eq!(string.key(), Some("AAEC"));
/// # Ok::<(), iothub_codec::BadConnectionString>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectionString<'a> {
    host: Option<&'a str>,
    device: Option<DeviceId<'a>>,
    module: Option<ModuleId<'a>>,
    key: Option<&'a str>,
    key_name: Option<&'a str>,
    signature: Option<SasToken<'a>>,
    gateway: Option<&'a str>,
    x509: Option<bool>,
    endpoint: Option<&'a str>,
    entity_path: Option<&'a str>,
}

impl<'a> ConnectionString<'a> {
    /// Longest connection string that is read, in bytes: room for the longest token and every other part.
    pub const MAX_LEN: usize = 2 * SasToken::MAX_LEN;

    /// Reads `Name=Value;Name=Value`, in any order and with the names in any case.
    ///
    /// # Errors
    ///
    /// [`BadConnectionString`] names the part that does not fit, and never quotes it: a part may have strayed
    /// out of a secret. A name that means nothing here is refused, too, because a gateway whose name is
    /// misspelt would silently not be used.
    pub fn parse(text: &'a str) -> Result<Self, BadConnectionString> {
        if text.len() > Self::MAX_LEN {
            return Err(BadConnectionString { part: 1, kind: BadConnectionStringKind::TooLong });
        }
        let mut string = Self::EMPTY;
        let mut rest = text;
        let mut part = 1;
        while !rest.is_empty() {
            let bad = |kind| BadConnectionString { part, kind };
            let (after, (name, value)) =
                setting(rest).map_err(|_| bad(BadConnectionStringKind::NoSetting))?;
            let name = ConnectionPart::named(name).ok_or(bad(BadConnectionStringKind::UnknownName))?;
            string.set(name, value).map_err(bad)?;
            rest = after;
            part += 1;
        }
        match string.contradiction() {
            Some(kind) => Err(BadConnectionString { part, kind }),
            None => Ok(string),
        }
    }

    /// The host name of the hub, perhaps with a port: `localhost:8883`. An [`Introduction`](crate::Introduction) and a
    /// [`TokenRequest`](crate::TokenRequest) want the name alone. There is none in a connection string for reading
    /// events, which has an [`Self::endpoint`].
    pub const fn host(&self) -> Option<&'a str> {
        self.host
    }

    /// The device.
    pub const fn device(&self) -> Option<DeviceId<'a>> {
        self.device
    }

    /// The module of the device.
    pub const fn module(&self) -> Option<ModuleId<'a>> {
        self.module
    }

    /// The device, or its module where there is one.
    pub fn identity(&self) -> Option<Identity<'a>> {
        self.device.map(|device| Identity { device, module: self.module })
    }

    /// The key, in base64. A secret.
    pub const fn key(&self) -> Option<&'a str> {
        self.key
    }

    /// The policy that the key belongs to. None: it is the device's or module's own.
    pub const fn key_name(&self) -> Option<&'a str> {
        self.key_name
    }

    /// A token that somebody else signed. A secret until it expires.
    pub const fn signature(&self) -> Option<SasToken<'a>> {
        self.signature
    }

    /// The host name of the gateway to connect to in the hub's place, likewise.
    pub const fn gateway(&self) -> Option<&'a str> {
        self.gateway
    }

    /// Whether a client certificate is the proof.
    pub fn x509(&self) -> bool {
        self.x509 == Some(true)
    }

    /// Where events are read, `sb://…/`.
    pub const fn endpoint(&self) -> Option<&'a str> {
        self.endpoint
    }

    /// What events are read from at the endpoint.
    pub const fn entity_path(&self) -> Option<&'a str> {
        self.entity_path
    }

    const EMPTY: Self = Self {
        host: None,
        device: None,
        module: None,
        key: None,
        key_name: None,
        signature: None,
        gateway: None,
        x509: None,
        endpoint: None,
        entity_path: None,
    };

    fn set(&mut self, part: ConnectionPart, value: &'a str) -> Result<(), BadConnectionStringKind> {
        let bad = BadConnectionStringKind::BadValue(part);
        if value.is_empty() {
            return Err(bad);
        }
        let again = match part {
            ConnectionPart::HostName => self.host.replace(host_name(value).ok_or(bad)?).is_some(),
            ConnectionPart::GatewayHostName => self.gateway.replace(host_name(value).ok_or(bad)?).is_some(),
            ConnectionPart::DeviceId => self.device.replace(DeviceId::new(value).map_err(|_| bad)?).is_some(),
            ConnectionPart::ModuleId => self.module.replace(ModuleId::new(value).map_err(|_| bad)?).is_some(),
            ConnectionPart::SharedAccessKey => self.key.replace(value).is_some(),
            ConnectionPart::SharedAccessKeyName => self.key_name.replace(value).is_some(),
            ConnectionPart::SharedAccessSignature => {
                let token = SasToken::parse(value).map_err(BadConnectionStringKind::BadToken)?;
                self.signature.replace(token).is_some()
            }
            ConnectionPart::X509 => self.x509.replace(truth(value).ok_or(bad)?).is_some(),
            ConnectionPart::Endpoint => self.endpoint.replace(value).is_some(),
            ConnectionPart::EntityPath => self.entity_path.replace(value).is_some(),
        };
        if again { Err(BadConnectionStringKind::Repeated(part)) } else { Ok(()) }
    }

    /// What the parts, each good by itself, lack or have too much of together.
    fn contradiction(&self) -> Option<BadConnectionStringKind> {
        let proofs = [self.key.is_some(), self.signature.is_some(), self.x509()];
        if self.host.is_none() && self.endpoint.is_none() {
            Some(BadConnectionStringKind::Missing(ConnectionPart::HostName))
        } else if self.module.is_some() && self.device.is_none() {
            Some(BadConnectionStringKind::Missing(ConnectionPart::DeviceId))
        } else if self.key_name.is_some() && self.key.is_none() && self.signature.is_none() {
            Some(BadConnectionStringKind::Missing(ConnectionPart::SharedAccessKey))
        } else if proofs.into_iter().filter(|present| *present).count() > 1 {
            Some(BadConnectionStringKind::SeveralProofs)
        } else {
            None
        }
    }
}

impl fmt::Debug for ConnectionString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionString")
            .field("host", &self.host)
            .field("device", &self.device)
            .field("module", &self.module)
            .field("key_name", &self.key_name)
            .field("gateway", &self.gateway)
            .field("x509", &self.x509)
            .field("endpoint", &self.endpoint)
            .field("entity_path", &self.entity_path)
            .finish_non_exhaustive()
    }
}

/// Not a connection string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("part {part} of the connection string: {kind}")]
pub struct BadConnectionString {
    /// Which of the parts between semicolons, counted from 1; for what is missing, or wrong with all of them
    /// together, the one that would come next.
    pub part: usize,
    /// What is wrong with it.
    pub kind: BadConnectionStringKind,
}

/// What makes a text no [`ConnectionString`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadConnectionStringKind {
    /// A part that is not `Name=Value`.
    #[error("not Name=Value")]
    NoSetting,
    /// A name that means nothing here.
    #[error("the name is none that a connection string knows")]
    UnknownName,
    /// A part for the second time.
    #[error("{0} for the second time")]
    Repeated(ConnectionPart),
    /// A value that cannot be one of this name.
    #[error("this cannot be a {0}")]
    BadValue(ConnectionPart),
    /// A token that is none.
    #[error("not a SAS token: {0}")]
    BadToken(BadSasToken),
    /// A part without which the others make no sense.
    #[error("{0} is missing")]
    Missing(ConnectionPart),
    /// More than one of key, token and certificate.
    #[error("there can be only one of SharedAccessKey, SharedAccessSignature and x509")]
    SeveralProofs,
    /// Longer than [`ConnectionString::MAX_LEN`].
    #[error("longer than {} bytes", ConnectionString::MAX_LEN)]
    TooLong,
}

/// A part of a [`ConnectionString`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionPart {
    /// [`ConnectionString::host`].
    HostName,
    /// [`ConnectionString::gateway`].
    GatewayHostName,
    /// [`ConnectionString::device`].
    DeviceId,
    /// [`ConnectionString::module`].
    ModuleId,
    /// [`ConnectionString::key`].
    SharedAccessKey,
    /// [`ConnectionString::key_name`].
    SharedAccessKeyName,
    /// [`ConnectionString::signature`].
    SharedAccessSignature,
    /// [`ConnectionString::x509`].
    X509,
    /// [`ConnectionString::endpoint`].
    Endpoint,
    /// [`ConnectionString::entity_path`].
    EntityPath,
}

impl ConnectionPart {
    const ALL: [Self; 10] = [
        Self::HostName,
        Self::GatewayHostName,
        Self::DeviceId,
        Self::ModuleId,
        Self::SharedAccessKey,
        Self::SharedAccessKeyName,
        Self::SharedAccessSignature,
        Self::X509,
        Self::Endpoint,
        Self::EntityPath,
    ];

    /// The name in a connection string.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostName => "HostName",
            Self::GatewayHostName => "GatewayHostName",
            Self::DeviceId => "DeviceId",
            Self::ModuleId => "ModuleId",
            Self::SharedAccessKey => "SharedAccessKey",
            Self::SharedAccessKeyName => "SharedAccessKeyName",
            Self::SharedAccessSignature => "SharedAccessSignature",
            Self::X509 => "x509",
            Self::Endpoint => "Endpoint",
            Self::EntityPath => "EntityPath",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ConnectionPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `Name=Value`, and the semicolon behind it if there is one. Keys end in equals signs, so that only the
/// first one separates.
fn setting(text: &str) -> IResult<&str, (&str, &str)> {
    let name = take_while(|c| c != '=' && c != ';');
    let value = take_till(|c| c == ';');
    terminated(separated_pair(name, char('='), value), opt(char(';'))).parse(text)
}

/// Perhaps with a port. A slash would make it a URL.
fn host_name(value: &str) -> Option<&str> {
    value.bytes().all(|b| b.is_ascii_graphic() && b != b'/').then_some(value)
}

fn truth(value: &str) -> Option<bool> {
    [("true", true), ("false", false)]
        .into_iter()
        .find_map(|(name, truth)| value.eq_ignore_ascii_case(name).then_some(truth))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::String;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_documented_kind_is_read() {
        const HOST: &str = "hub1.azure-devices.net";
        const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        const TOKEN: &str = "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
                             &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000";
        let hub = ConnectionString { host: Some(HOST), ..ConnectionString::EMPTY };
        let device = ConnectionString { device: DeviceId::new("dev-1").ok(), ..hub };
        let with_key = ConnectionString { key: Some(KEY), ..device };
        for (text, expected) in [
            (format!("HostName={HOST};DeviceId=dev-1;SharedAccessKey={KEY}"), with_key),
            (format!("SharedAccessKey={KEY};deviceid=dev-1;HOSTNAME={HOST};"), with_key),
            (
                format!("HostName={HOST};DeviceId=dev-1;SharedAccessKey={KEY};GatewayHostName=edge.local"),
                ConnectionString { gateway: Some("edge.local"), ..with_key },
            ),
            (
                format!("HostName={HOST};DeviceId=dev-1;SharedAccessSignature={TOKEN}"),
                ConnectionString { signature: SasToken::parse(TOKEN).ok(), ..device },
            ),
            (
                format!("HostName={HOST};SharedAccessKeyName=service;SharedAccessSignature={TOKEN}"),
                ConnectionString { key_name: Some("service"), signature: SasToken::parse(TOKEN).ok(), ..hub },
            ),
            (
                format!("HostName={HOST};DeviceId=dev-1;x509=true"),
                ConnectionString { x509: Some(true), ..device },
            ),
            (
                format!("HostName={HOST};DeviceId=dev-1;X509=False;SharedAccessKey={KEY}"),
                ConnectionString { x509: Some(false), ..with_key },
            ),
            (
                format!("HostName={HOST};DeviceId=dev-1;ModuleId=$edgeAgent;SharedAccessKey={KEY}"),
                ConnectionString { module: ModuleId::new("$edgeAgent").ok(), ..with_key },
            ),
            (format!("HostName={HOST};DeviceId=dev-1"), device),
            (
                format!("HostName={HOST};SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}"),
                ConnectionString { key: Some(KEY), key_name: Some("iothubowner"), ..hub },
            ),
            (
                format!(
                    "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=service;\
                     SharedAccessKey={KEY};EntityPath=hub1"
                ),
                ConnectionString {
                    endpoint: Some("sb://ns.servicebus.windows.net/"),
                    key_name: Some("service"),
                    key: Some(KEY),
                    entity_path: Some("hub1"),
                    ..ConnectionString::EMPTY
                },
            ),
        ] {
            assert_eq!(ConnectionString::parse(&text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_was_read_is_told() {
        let text = "HostName=h:8883;DeviceId=d;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=k==;GatewayHostName=g";
        let string = ConnectionString::parse(text).unwrap();
        assert_eq!(string.host(), Some("h:8883"));
        assert_eq!(string.device().map(DeviceId::as_str), Some("d"));
        assert_eq!(string.module().map(ModuleId::as_str), Some("m"));
        assert_eq!(format!("{}", string.identity().unwrap()), "d/m");
        assert_eq!(string.key_name(), Some("p"));
        assert_eq!(string.key(), Some("k=="));
        assert_eq!(string.gateway(), Some("g"));
        assert_eq!(string.signature(), None);
        assert!(!string.x509());
        assert!(ConnectionString::parse("HostName=h;DeviceId=d;x509=true").unwrap().x509());
        let token = "SharedAccessSignature sr=h&sig=a&se=1";
        let text = format!("HostName=h;SharedAccessSignature={token}");
        assert_eq!(ConnectionString::parse(&text).unwrap().signature().unwrap().as_str(), token);
        let events = ConnectionString::parse("Endpoint=sb://n/;EntityPath=e").unwrap();
        assert_eq!((events.endpoint(), events.entity_path()), (Some("sb://n/"), Some("e")));
    }

    #[test]
    fn what_is_wrong_and_in_which_part() {
        use BadConnectionStringKind::{
            BadToken, BadValue, Missing, NoSetting, Repeated, SeveralProofs, UnknownName,
        };
        use ConnectionPart::{DeviceId, GatewayHostName, HostName, ModuleId, SharedAccessKey, X509};
        let bad_token = BadSasToken { at: 0, kind: crate::sas::BadSasTokenKind::Scheme };
        for (text, part, kind) in [
            ("", 1, Missing(HostName)),
            ("hub1.azure-devices.net", 1, NoSetting),
            ("HostName=h;DeviceId", 2, NoSetting),
            ("HostName=h;;DeviceId=d", 2, NoSetting),
            (";HostName=h", 1, NoSetting),
            ("HostName=h;GatewayHostNam=g", 2, UnknownName),
            ("HostName=h; DeviceId=d", 2, UnknownName),
            ("=h", 1, UnknownName),
            ("HostName=h;DeviceId=d;hostname=g", 3, Repeated(HostName)),
            ("HostName=h;SharedAccessKey=a;SharedAccessKey=a", 3, Repeated(SharedAccessKey)),
            ("HostName=", 1, BadValue(HostName)),
            ("HostName=https://h", 1, BadValue(HostName)),
            ("HostName=a b", 1, BadValue(HostName)),
            ("HostName=h;GatewayHostName=g/", 2, BadValue(GatewayHostName)),
            ("HostName=h;DeviceId=", 2, BadValue(DeviceId)),
            ("HostName=h;DeviceId=a/b", 2, BadValue(DeviceId)),
            ("HostName=h;DeviceId=d;ModuleId=é", 3, BadValue(ModuleId)),
            ("HostName=h;DeviceId=d;SharedAccessKey=", 3, BadValue(SharedAccessKey)),
            ("HostName=h;DeviceId=d;x509=yes", 3, BadValue(X509)),
            ("HostName=h;DeviceId=d;SharedAccessSignature=sr=h", 3, BadToken(bad_token)),
            ("DeviceId=d;SharedAccessKey=a", 3, Missing(HostName)),
            ("HostName=h;ModuleId=m;SharedAccessKey=a", 4, Missing(DeviceId)),
            ("HostName=h;SharedAccessKeyName=p", 3, Missing(SharedAccessKey)),
            ("HostName=h;DeviceId=d;SharedAccessKey=a;x509=true", 5, SeveralProofs),
            (
                "HostName=h;SharedAccessKey=a;SharedAccessSignature=SharedAccessSignature sr=h&sig=a&se=1",
                4,
                SeveralProofs,
            ),
        ] {
            assert_eq!(ConnectionString::parse(text), Err(BadConnectionString { part, kind }), "{text}");
        }
        let long = |len: usize| format!("HostName={}", "h".repeat(len - "HostName=".len()));
        assert!(ConnectionString::parse(&long(ConnectionString::MAX_LEN)).is_ok());
        let too_long = BadConnectionString { part: 1, kind: BadConnectionStringKind::TooLong };
        assert_eq!(ConnectionString::parse(&long(ConnectionString::MAX_LEN + 1)), Err(too_long));
    }

    #[test]
    fn neither_printing_nor_errors_show_a_secret() {
        let text = "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0";
        let printed = format!("{:?}", ConnectionString::parse(text).unwrap());
        assert!(printed.contains("\"h\"") && !printed.contains("c2VjcmV0"), "{printed}");

        let text = "HostName=h;SharedAccessSignature=SharedAccessSignature sr=h&sig=c2VjcmV0&se=1";
        let printed = format!("{:?}", ConnectionString::parse(text).unwrap());
        assert!(printed.contains("\"h\"") && !printed.contains("c2VjcmV0"), "{printed}");

        for text in [
            "HostName=h;c2VjcmV0=",
            "HostName=h;c2VjcmV0",
            "HostName=h;SharedAccessKey=x;SharedAccessKey=c2VjcmV0",
            "HostName=h;SharedAccessSignature=c2VjcmV0",
            "HostName=h;SharedAccessSignature=SharedAccessSignature sr=h&sig=c2VjcmV0&se=x",
            "HostName=h;SharedAccessSignature=SharedAccessSignature sr=h&sig=c2VjcmV0&sig=c2VjcmV0&se=1",
        ] {
            let error = ConnectionString::parse(text).unwrap_err();
            let printed = format!("{error} {error:?}");
            assert!(!printed.contains("c2VjcmV0"), "{printed}");
            assert!(
                printed.starts_with(&format!("part {} of the connection string: ", error.part)),
                "{printed}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text: String) {
            let _ = ConnectionString::parse(&text);
        }

        #[test]
        fn what_is_joined_reads_back(
            host in "[a-z0-9.-]{1,40}",
            device in "[a-zA-Z0-9:.+%_#*?!(),=@$'-]{1,128}",
            key in "[A-Za-z0-9+/]{4,40}={0,2}",
            gateway in proptest::option::of("[a-z0-9.-]{1,40}"),
            device_first: bool,
        ) {
            let (host_part, device_part) = (format!("HostName={host}"), format!("DeviceId={device}"));
            let mut text = if device_first {
                format!("{device_part};{host_part};SharedAccessKey={key}")
            } else {
                format!("{host_part};SharedAccessKey={key};{device_part}")
            };
            if let Some(gateway) = &gateway {
                text += ";GatewayHostName=";
                text += gateway;
            }
            let string = ConnectionString::parse(&text).unwrap();
            prop_assert_eq!(string.host(), Some(host.as_str()));
            prop_assert_eq!(string.device().map(DeviceId::as_str), Some(device.as_str()));
            prop_assert_eq!(string.key(), Some(key.as_str()));
            prop_assert_eq!(string.gateway(), gateway.as_deref());
        }
    }
}
