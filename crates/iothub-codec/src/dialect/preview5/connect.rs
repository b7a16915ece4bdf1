use super::plain;
use crate::ack::{Auth, AuthStep};
use crate::connect::{Claim, Connect, Proof};
use crate::dialect::name;
use crate::dialect::row::decimal;
use crate::dialect::spelling::Spelling;
use crate::dialect::tables::{Statement, X509, put_code, put_method};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
use crate::identity::{DeviceId, Identity, ModuleId};
use crate::section::{PropertySection, Raw, id, put_decimal};
use crate::terms::{Signature, Terms};
use crate::text::Text;
use crate::word::cut;
use crate::write::Writer;

/// What a device's CONNECT says it speaks.
pub(super) const VERSION: &str = "2020-10-01-preview";

/// The authentication methods: a signature, or the certificate of TLS.
pub(super) const SAS: &str = "SAS";

/// The names of user properties.
const API_VERSION: &str = "api-version";
const HOST: &str = "host";
const SAS_AT: &str = "sas-at";
const SAS_EXPIRY: &str = "sas-expiry";
const SAS_POLICY: &str = "sas-policy";
const CLIENT_AGENT: &str = "client-agent";

/// In the order in which they are written.
pub(super) const INTRODUCTION: &[(Statement, u8, Spelling)] = &[
    (Statement::Method, id::AUTHENTICATION_METHOD, Spelling::new("")),
    (Statement::Code, id::AUTHENTICATION_DATA, Spelling::new("")),
    (Statement::ApiVersion, id::USER, Spelling::new(API_VERSION)),
    (Statement::Host, id::USER, Spelling::new(HOST)),
    (Statement::ConnectTime, id::USER, Spelling::new(SAS_AT)),
    (Statement::Expiry, id::USER, Spelling::new(SAS_EXPIRY)),
    (Statement::Policy, id::USER, Spelling::new(SAS_POLICY)),
    (Statement::ClientAgent, id::USER, Spelling::new(CLIENT_AGENT)),
];

/// Whose user names and passwords this dialect has no use for are passed over.
pub(crate) fn open_connect<'a>(connect: &Connect<'a>) -> Result<Claim<'a>, DecodeError> {
    let identity = identity(connect.client_id)?;
    let said = Said::read(connect.properties)?;
    let proof = match said.method()? {
        Method::Sas => Proof::Signature(said.signature()?),
        Method::X509 => Proof::None,
    };
    if said.api_version.is_none() {
        return Err(said.missing(Field::ApiVersion));
    }
    Ok(Claim {
        identity,
        host: said.host,
        api_version: said.api_version,
        client_agent: said.client_agent,
        model_id: None,
        content_type: None,
        proof,
    })
}

pub(crate) fn encode_auth<'b>(step: &AuthStep<'_>, out: &'b mut [u8]) -> Result<Auth<'b>, EncodeError> {
    let mut writer = Writer::new(out);
    put_method(SAS, &mut writer);
    let reason_code = match step {
        AuthStep::Renew(signature) => {
            put_code(signature, &mut writer);
            put_times(&signature.terms, &mut writer);
            Auth::RENEW
        }
        AuthStep::Renewed => Auth::RENEWED,
    };
    Ok(Auth { reason_code, properties: PropertySection::written(writer.finish()?) })
}

pub(crate) fn decode_auth<'a>(auth: &Auth<'a>) -> Result<AuthStep<'a>, DecodeError> {
    let said = Said::read(auth.properties)?;
    match (said.method()?, auth.reason_code) {
        (Method::Sas, Auth::RENEW) => Ok(AuthStep::Renew(said.signature()?)),
        (Method::Sas, Auth::RENEWED) => Ok(AuthStep::Renewed),
        // A certificate is renewed with the connection.
        (Method::X509, _) => {
            let place = said.method.map_or(Place::Whole, |(place, _)| place);
            Err(DecodeError { place, kind: DecodeErrorKind::BadValue(Field::AuthenticationMethod) })
        }
        (Method::Sas, _) => {
            Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadValue(Field::Status) })
        }
    }
}

/// A client identifier: `device`, or `device/module`.
fn identity(client_id: &str) -> Result<Identity<'_>, DecodeError> {
    let bad = |field| DecodeError { place: Place::ClientId, kind: DecodeErrorKind::BadValue(field) };
    let (device, module) = match cut(client_id, b'/') {
        Some((device, module)) => (device, Some(module)),
        None => (client_id, None),
    };
    let module = module.map(|name| ModuleId::new(name).map_err(|_| bad(Field::ModuleId))).transpose()?;
    Ok(Identity { device: DeviceId::new(device).map_err(|_| bad(Field::DeviceId))?, module })
}

fn put_times(terms: &Terms<'_>, out: &mut Writer<'_>) {
    if let Some(at_ms) = terms.at_ms {
        put_decimal(SAS_AT, at_ms, out);
    }
    put_decimal(SAS_EXPIRY, terms.expiry_ms, out);
}

enum Method {
    Sas,
    X509,
}

/// What CONNECT and AUTH say in their sections. Of what stands there twice the last counts.
struct Said<'a> {
    method: Option<(Place, &'a [u8])>,
    code: Option<(Place, &'a [u8])>,
    at_ms: Option<u64>,
    expiry_ms: Option<u64>,
    policy: Option<Text<'a>>,
    host: Option<Text<'a>>,
    api_version: Option<Text<'a>>,
    client_agent: Option<Text<'a>>,
    end: Place,
}

impl<'a> Said<'a> {
    fn read(section: PropertySection<'a>) -> Result<Self, DecodeError> {
        let mut said = Self {
            method: None,
            code: None,
            at_ms: None,
            expiry_ms: None,
            policy: None,
            host: None,
            api_version: None,
            client_agent: None,
            end: section.end(),
        };
        for (at, raw) in section.raw() {
            let place = Place::Properties(at);
            match raw.id {
                id::AUTHENTICATION_METHOD => said.method = Some((place, raw.value)),
                id::AUTHENTICATION_DATA => said.code = Some((place, raw.value)),
                id::USER => said.take_user(raw).map_err(|kind| DecodeError { place, kind })?,
                // The others are between the MQTT stacks.
                _ => {}
            }
        }
        Ok(said)
    }

    fn take_user(&mut self, raw: Raw<'a>) -> Result<(), DecodeErrorKind> {
        let value = plain(raw.value);
        let time = |field| decimal(value).map(Some).ok_or(DecodeErrorKind::BadValue(field));
        match plain(raw.name).raw() {
            SAS_AT => self.at_ms = time(Field::ConnectTime)?,
            SAS_EXPIRY => self.expiry_ms = time(Field::Expiry)?,
            // An empty one signs the same as none.
            SAS_POLICY => self.policy = Some(value).filter(|policy| !policy.is_empty()),
            HOST if !name::is_host(value) => return Err(DecodeErrorKind::BadValue(Field::Host)),
            HOST => self.host = Some(value),
            API_VERSION => self.api_version = Some(value),
            CLIENT_AGENT => self.client_agent = Some(value),
            _ => return Err(DecodeErrorKind::UnknownProperty),
        }
        Ok(())
    }

    fn method(&self) -> Result<Method, DecodeError> {
        let (place, method) = self.method.ok_or(self.missing(Field::AuthenticationMethod))?;
        if method == SAS.as_bytes() {
            Ok(Method::Sas)
        } else if method == X509.as_bytes() {
            Ok(Method::X509)
        } else {
            Err(DecodeError { place, kind: DecodeErrorKind::BadValue(Field::AuthenticationMethod) })
        }
    }

    fn signature(&self) -> Result<Signature<'a>, DecodeError> {
        let (place, code) = self.code.ok_or(self.missing(Field::Signature))?;
        let bad = DecodeError { place, kind: DecodeErrorKind::BadValue(Field::Signature) };
        let code = <[u8; 32]>::try_from(code).map_err(|_| bad)?;
        let expiry_ms = self.expiry_ms.ok_or(self.missing(Field::Expiry))?;
        Ok(Signature { terms: Terms { expiry_ms, at_ms: self.at_ms, policy: self.policy }, code })
    }

    const fn missing(&self, field: Field) -> DecodeError {
        DecodeError { place: self.end, kind: DecodeErrorKind::Missing(field) }
    }
}
