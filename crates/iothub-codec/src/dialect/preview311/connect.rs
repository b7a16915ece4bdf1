use crate::base64_code;
use crate::connect::{Claim, Connect, Proof};
use crate::dialect::tables::{Statement, X509};
use crate::dialect::{name::is_host, offset, row::decimal, spelling::Spelling};
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::identity::{DeviceId, Identity, ModuleId};
use crate::pairs::pairs;
use crate::section::id;
use crate::terms::{Signature, Terms};
use crate::text::Text;
use crate::word::cut;

/// What a device's CONNECT says it speaks. The reference has one of 2020, with the same operations; any is read.
pub(super) const API_VERSION: &str = "2021-06-30-preview";

/// The names in the list that a user name is.
const HOST: &str = "h";
const DEVICE: &str = "did";
const MODULE: &str = "mid";
const VERSION: &str = "av";
const METHOD: &str = "am";
const EXPIRY: &str = "se";
const CONNECT_TIME: &str = "sa";
const POLICY: &str = "sp";
const CLIENT_AGENT: &str = "ca";
const CONTENT_TYPE: &str = "dct";
const MODEL: &str = "dtmi";

const NAMES: [&str; 11] =
    [HOST, DEVICE, MODULE, VERSION, METHOD, EXPIRY, CONNECT_TIME, POLICY, CLIENT_AGENT, CONTENT_TYPE, MODEL];

/// How a device can show who it is. The password is a signature as it is, one in base64, or nothing beside the
/// certificate of the TLS connection.
const SAS: &str = "SAS";
pub(super) const SAS_BASE64: &str = "SASb64";

/// All that payloads may be without saying so.
const CONTENT_TYPES: [&str; 2] = ["application/json", "application/cbor"];

/// In the order in which they are written: the host comes first.
pub(super) const INTRODUCTION: &[(Statement, u8, Spelling)] = &[
    (Statement::Host, id::USER, Spelling::new(HOST)),
    (Statement::Device, id::USER, Spelling::new(DEVICE)),
    (Statement::Module, id::USER, Spelling::new(MODULE)),
    (Statement::ApiVersion, id::USER, Spelling::new(VERSION)),
    (Statement::Method, id::USER, Spelling::new(METHOD)),
    (Statement::Expiry, id::USER, Spelling::new(EXPIRY)),
    (Statement::ConnectTime, id::USER, Spelling::new(CONNECT_TIME)),
    (Statement::Policy, id::USER, Spelling::new(POLICY)),
    (Statement::ClientAgent, id::USER, Spelling::new(CLIENT_AGENT)),
    (Statement::Model, id::USER, Spelling::new(MODEL)),
];

/// Whether a CONNECT over MQTT 3.1.1 is of this dialect: its user name is a list of parameters, and no host is in
/// front.
pub(in crate::dialect) fn is_meant(connect: &Connect<'_>) -> bool {
    let Some(username) = connect.username else { return false };
    let has_host = cut(username, b'/').is_some_and(|(host, _)| is_host(Text::plain(host)));
    !has_host && pairs(username).any(|(name, _)| [VERSION, METHOD].contains(&name))
}

pub(in crate::dialect) fn open_connect<'a>(connect: &Connect<'a>) -> Result<Claim<'a>, DecodeError> {
    let whole = DecodeError { place: Place::Whole, kind: DecodeErrorKind::Missing(Field::UserName) };
    let list = List::new(connect.username.ok_or(whole)?);
    let identity = identity(connect.client_id)?;
    list.agrees(DEVICE, Some(identity.device.as_str()))?;
    list.agrees(MODULE, identity.module.map(ModuleId::as_str))?;
    let host = list.checked(HOST, Field::Host, |host| is_host(host).then_some(host))?;
    let api_version = list.must(VERSION, Field::ApiVersion)?;
    let content_type = list.checked(CONTENT_TYPE, Field::ContentType, |text| {
        CONTENT_TYPES.iter().any(|each| text == *each).then_some(text)
    })?;
    Ok(Claim {
        identity,
        host,
        api_version: Some(api_version),
        client_agent: list.get(CLIENT_AGENT),
        model_id: list.get(MODEL),
        content_type,
        proof: proof(list, connect.password.unwrap_or_default())?,
    })
}

/// Client identifiers are not encoded, and the names in the list are: this is where a name can be borrowed.
fn identity(client_id: &str) -> Result<Identity<'_>, DecodeError> {
    let bad = |field| DecodeError { place: Place::ClientId, kind: DecodeErrorKind::BadValue(field) };
    let (device, module) = match cut(client_id, b'/') {
        Some((device, module)) => (device, Some(module)),
        None => (client_id, None),
    };
    Ok(Identity {
        device: DeviceId::new(device).map_err(|_| bad(Field::DeviceId))?,
        module: module.map(|name| ModuleId::new(name).map_err(|_| bad(Field::ModuleId))).transpose()?,
    })
}

fn proof<'a>(list: List<'a>, password: &[u8]) -> Result<Proof<'a>, DecodeError> {
    let method = list.must(METHOD, Field::AuthenticationMethod)?;
    let code: Option<[u8; 32]> = if method == SAS {
        password.try_into().ok()
    } else if method == SAS_BASE64 {
        base64_code::read(password)
    } else if method == X509 {
        return Ok(Proof::None);
    } else {
        return Err(list.bad(method.raw(), Field::AuthenticationMethod));
    };
    let expiry_ms = list.checked(EXPIRY, Field::Expiry, decimal)?.ok_or(list.missing(Field::Expiry))?;
    let terms = Terms {
        expiry_ms,
        at_ms: list.checked(CONNECT_TIME, Field::ConnectTime, decimal)?,
        policy: list.get(POLICY),
    };
    let kind = match password {
        [] => DecodeErrorKind::Missing(Field::Signature),
        _ => DecodeErrorKind::BadValue(Field::Signature),
    };
    let code = code.ok_or(DecodeError { place: Place::Password, kind })?;
    Ok(Proof::Signature(Signature { terms, code }))
}

/// A user name: `name=value`, with `&` in between. What is unknown is nothing, and the first of two counts.
#[derive(Clone, Copy)]
struct List<'a> {
    username: &'a str,
    /// In the order of [`NAMES`].
    values: [Option<&'a str>; NAMES.len()],
}

impl<'a> List<'a> {
    fn new(username: &'a str) -> Self {
        let mut values = [None; NAMES.len()];
        for (name, value) in pairs(username) {
            let name = Text::percent_encoded(name);
            if let Some((_, place)) = NAMES.iter().zip(&mut values).find(|(each, _)| name == **each) {
                place.get_or_insert(value);
            }
        }
        Self { username, values }
    }

    fn get(self, wanted: &str) -> Option<Text<'a>> {
        let mut values = NAMES.iter().zip(self.values);
        values.find(|(name, _)| **name == wanted).and_then(|(_, value)| value).map(Text::percent_encoded)
    }

    fn must(self, name: &str, field: Field) -> Result<Text<'a>, DecodeError> {
        self.get(name).ok_or(self.missing(field))
    }

    fn checked<T>(
        self,
        name: &str,
        field: Field,
        check: impl Fn(Text<'a>) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        self.get(name).map(|value| check(value).ok_or(self.bad(value.raw(), field))).transpose()
    }

    /// Whether the list names the one that the client identifier does, or nobody.
    fn agrees(self, name: &str, id: Option<&str>) -> Result<(), DecodeError> {
        match self.get(name) {
            Some(value) if !id.is_some_and(|id| value == id) => {
                let place = Place::UserName(offset(self.username, value.raw()));
                Err(DecodeError { place, kind: DecodeErrorKind::WrongDevice })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn bad(self, part: &str, field: Field) -> DecodeError {
        let place = Place::UserName(offset(self.username, part));
        DecodeError { place, kind: DecodeErrorKind::BadValue(field) }
    }

    fn missing(self, field: Field) -> DecodeError {
        DecodeError { place: Place::UserName(self.username.len()), kind: DecodeErrorKind::Missing(field) }
    }
}
