use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
use crate::identity::Identity;
use crate::section::PropertySection;
use crate::terms::Signature;
use crate::text::Text;
use crate::write::{FIELD_MAX, Writer};

/// The fields of an MQTT CONNECT that IoT Hub gives a meaning to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Which MQTT the packet is.
    pub version: Version,
    /// The client identifier.
    pub client_id: &'a str,
    /// The user name, where there is one.
    pub username: Option<&'a str>,
    /// The password, where there is one: any bytes. A secret; [`Debug`](core::fmt::Debug) leaves it out.
    pub password: Option<&'a [u8]>,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

impl<'a> Connect<'a> {
    /// The password, where it is a SAS token.
    pub(crate) fn token(&self) -> Result<Proof<'a>, DecodeError> {
        let unreadable =
            |_| DecodeError { place: Place::Password, kind: DecodeErrorKind::BadValue(Field::Password) };
        match self.password {
            None | Some([]) => Ok(Proof::None),
            Some(password) => core::str::from_utf8(password).map(Proof::Token).map_err(unreadable),
        }
    }
}

/// The version of MQTT, which CONNECT announces as its protocol level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, level 4.
    V311,
    /// MQTT 5, level 5.
    V5,
}

impl core::fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What a device says about itself when it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction<'a> {
    /// The host name of the hub, without a port.
    pub host: &'a str,
    /// The software of the device, in free text.
    pub client_agent: Option<&'a str>,
    /// The plug and play model that the device follows.
    pub model_id: Option<&'a str>,
}

/// What shows that a device is who it says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proof<'a> {
    /// A SAS token: the classic dialect.
    Token(&'a str),
    /// A signature over the CONNECT itself: the other dialects.
    Signature(Signature<'a>),
    /// Nothing in the CONNECT; perhaps the certificate of the TLS connection.
    None,
}

impl<'a> Proof<'a> {
    /// The password of a CONNECT whose proof is a token.
    pub(crate) fn password(&self, out: &mut Writer<'_>) -> Option<&'a [u8]> {
        match self {
            Self::Token(token) => {
                if token.len() > FIELD_MAX {
                    out.fail(EncodeError::BadValue(Field::Password));
                }
                Some(token.as_bytes())
            }
            Self::None => None,
            Self::Signature(_) => {
                out.fail(EncodeError::NotExpressible);
                None
            }
        }
    }
}

/// A token is a secret while it is valid.
impl core::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::Signature(_) => "Signature(..)",
            Self::None => "None",
        })
    }
}

/// What a hub reads from a CONNECT. Nothing of it is proven yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Who wants to connect.
    pub identity: Identity<'a>,
    /// The host name of the hub that it means. In the classic dialect it is always there; elsewhere it may be left
    /// to TLS to say it.
    pub host: Option<Text<'a>>,
    /// The version of the API. IoT Hub is said to want one; any is good.
    pub api_version: Option<Text<'a>>,
    /// The software of the device.
    pub client_agent: Option<Text<'a>>,
    /// The plug and play model that the device follows.
    pub model_id: Option<Text<'a>>,
    /// The type of content that its payloads have unless they say otherwise. Only in the `$az/iot` dialect.
    pub content_type: Option<Text<'a>>,
    /// What shows that it is who it says.
    pub proof: Proof<'a>,
}
