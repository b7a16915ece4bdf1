use crate::ack::{Ack, Auth, AuthStep, Detail, Outcome};
use crate::channel::{Channels, Subscription, Variant};
use crate::connect::{Connect, Introduction, Proof, Version};
#[cfg(feature = "preview5")]
use crate::dialect::preview5;
#[cfg(feature = "preview311")]
use crate::dialect::preview311;
use crate::dialect::{Dialect, classic, name, outgoing};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
use crate::filters::Filters;
use crate::identity::Identity;
use crate::message::{Operation, Outgoing, Reply, ToDevice, ToHub};
use crate::publish::{Publish, Qos};
use crate::section::{PropertySection, text};
use crate::status::Status;
use crate::write::Writer;

/// Reads and writes the messages of one device or module in one dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec<'d> {
    pub(super) dialect: Dialect,
    pub(super) identity: Identity<'d>,
    pub(super) variant: Variant,
}

impl<'d> Codec<'d> {
    /// For the device or module at the device's end of a connection.
    pub const fn new(dialect: Dialect, identity: Identity<'d>) -> Self {
        Self { dialect, identity, variant: Variant::Usual }
    }

    /// Writes changes of the desired properties from now on to the topic that a device asked for:
    /// [`Variant::DesiredSlash`], or, for all others, the usual one.
    #[must_use]
    pub const fn with_variant(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }

    /// The dialect.
    pub const fn dialect(self) -> Dialect {
        self.dialect
    }

    /// The device or module.
    pub const fn identity(self) -> Identity<'d> {
        self.identity
    }

    /// Writes a message: its topic into `out`, its payload as it is.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]; for a buffer that is too small it says how much is needed.
    pub fn encode<'a>(
        self,
        message: &impl Outgoing<'a>,
        out: &'a mut [u8],
    ) -> Result<Publish<'a>, EncodeError> {
        let mut writer = Writer::new(out);
        message.put(self, &mut writer);
        writer.finish_publish(message.payload(), message.qos(), message.retain())
    }

    /// Writes the answer to a request of that kind.
    ///
    /// # Errors
    ///
    /// As for [`Self::encode`].
    pub fn encode_reply<'a>(
        self,
        operation: Operation<'a>,
        reply: &Reply<'a>,
        out: &'a mut [u8],
    ) -> Result<Publish<'a>, EncodeError> {
        let mut writer = Writer::new(out);
        outgoing::put_reply(self, operation, reply, &mut writer);
        writer.finish_publish(reply.payload, Qos::AtMostOnce, false)
    }

    /// Reads what the device sent.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for everything that only a hub sends, or nobody.
    pub fn decode_to_hub<'a>(self, publish: &Publish<'a>) -> Result<ToHub<'a>, DecodeError> {
        #[cfg(any(feature = "preview311", feature = "preview5"))]
        if let Some(tables) = self.dialect.preview() {
            return tables.open_to_hub(publish);
        }
        classic::open_to_hub(&self.identity, publish)
    }

    /// Reads what the hub sent.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for everything that only a device sends, or nobody.
    pub fn decode_to_device<'a>(self, publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
        #[cfg(any(feature = "preview311", feature = "preview5"))]
        if let Some(tables) = self.dialect.preview() {
            return tables.open_to_device(publish);
        }
        classic::open_to_device(&self.identity, publish)
    }

    /// Writes the topic filters that open these channels, with the QoS that suits each. For channels that are open
    /// anyway, as [`Channels::REPLIES`] is over MQTT 5, there is none; where none is left, nothing has to be sent.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotExpressible`] for no channels at all, and for inputs of what is not a module or of a dialect
    /// that has none; otherwise as for [`Self::encode`].
    pub fn filters<'a>(self, channels: Channels, out: &'a mut [u8]) -> Result<Filters<'a>, EncodeError> {
        let mut writer = Writer::new(out);
        self.put_filters(channels, &mut writer);
        if channels.is_empty() {
            writer.fail(EncodeError::NotExpressible);
        }
        writer.finish().map(Filters::written)
    }

    fn put_filters(self, channels: Channels, out: &mut Writer<'_>) {
        #[cfg(any(feature = "preview311", feature = "preview5"))]
        if let Some(tables) = self.dialect.preview() {
            return tables.filters(channels, out);
        }
        classic::filters(self.identity, channels, out);
    }

    /// Reads one topic filter of the device.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for a filter that a hub does not grant.
    pub fn decode_filter(self, topic: &str) -> Result<Subscription<'_>, DecodeError> {
        match self.dialect {
            Dialect::Classic => classic::decode_filter(self.identity, topic),
            #[cfg(feature = "preview311")]
            Dialect::Preview311 => preview311::decode_filter(topic),
            #[cfg(feature = "preview5")]
            Dialect::Preview5 => preview5::decode_filter(topic),
        }
    }

    /// Writes what a CONNECT says: who this is, with which proof.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotExpressible`] for a proof of another dialect, and for a model where the dialect has no place
    /// for it; [`EncodeError::BadValue`] for a host name that is none, and for a user name or token longer than MQTT's
    /// 65 535 bytes; otherwise as for [`Self::encode`].
    pub fn encode_connect<'b>(
        self,
        who: &Introduction<'b>,
        proof: &Proof<'b>,
        out: &'b mut [u8],
    ) -> Result<Connect<'b>, EncodeError> {
        let mut writer = Writer::new(out);
        if !name::is_plain_host(who.host) {
            writer.fail(EncodeError::BadValue(Field::Host));
        }
        writer.put_identity(self.identity);
        let client_id_len = writer.len();
        let (list_end, token) = self.put_introduction(who, proof, &mut writer);
        let written = writer.finish()?;
        let (client_id, rest) = part(written, client_id_len);
        let (list, code) = part(rest, list_end.wrapping_sub(client_id_len));
        let password = if code.is_empty() { token } else { Some(code) };
        let (version, client_id, properties) =
            (self.dialect.version(), text(client_id), PropertySection::EMPTY);
        let connect = Connect { version, client_id, username: None, password, properties };
        Ok(match version {
            Version::V311 => Connect { username: Some(text(list)), ..connect },
            Version::V5 => Connect { properties: PropertySection::written(list), ..connect },
        })
    }

    /// The user name or section, and behind it a password that has to be written. Gives where it begins, or the password
    /// that is there already.
    #[inline]
    fn put_introduction<'b>(
        self,
        who: &Introduction<'_>,
        proof: &Proof<'b>,
        out: &mut Writer<'_>,
    ) -> (usize, Option<&'b [u8]>) {
        #[cfg(any(feature = "preview311", feature = "preview5"))]
        if let Some(tables) = self.dialect.preview() {
            return (tables.put_introduction(self.identity, who, proof, out), None);
        }
        let token = classic::put_introduction(self.identity, who, proof, out);
        (out.len(), token)
    }

    /// Writes what a PUBACK, a refusing CONNACK or a DISCONNECT says, with as much `detail` as its receiver takes. A
    /// reason or trace id that the status may not have is left out.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotExpressible`] for anything but success in the dialects over MQTT 3.1.1, whose way to refuse
    /// is to close the connection; otherwise as for [`Self::encode`].
    pub fn encode_ack<'a>(
        self,
        outcome: &Outcome<'_>,
        detail: Detail,
        out: &'a mut [u8],
    ) -> Result<Ack<'a>, EncodeError> {
        match self.dialect {
            Dialect::Classic => bare_ack(outcome),
            #[cfg(feature = "preview311")]
            Dialect::Preview311 => bare_ack(outcome),
            #[cfg(feature = "preview5")]
            Dialect::Preview5 => preview5::encode_ack(outcome, detail, out),
        }
    }

    /// Reads what a PUBACK, a refusing CONNACK or a DISCONNECT says. Where it has nothing but its reason code, the
    /// status is the one that comes closest.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for a status that is none, or says the contrary of the reason code.
    pub fn decode_ack<'a>(self, ack: &Ack<'a>) -> Result<Outcome<'a>, DecodeError> {
        match self.dialect {
            Dialect::Classic => read_bare_ack(ack),
            #[cfg(feature = "preview311")]
            Dialect::Preview311 => read_bare_ack(ack),
            #[cfg(feature = "preview5")]
            Dialect::Preview5 => preview5::decode_ack(ack),
        }
    }

    /// Writes a step of renewing a signature while connected.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotExpressible`] in the dialects over MQTT 3.1.1, whose devices connect again instead;
    /// otherwise as for [`Self::encode`].
    pub fn encode_auth<'a>(self, step: &AuthStep<'_>, out: &'a mut [u8]) -> Result<Auth<'a>, EncodeError> {
        match self.dialect {
            Dialect::Classic => Err(EncodeError::NotExpressible),
            #[cfg(feature = "preview311")]
            Dialect::Preview311 => Err(EncodeError::NotExpressible),
            #[cfg(feature = "preview5")]
            Dialect::Preview5 => preview5::encode_auth(step, out),
        }
    }

    /// Reads a step of renewing a signature. The signature is not checked.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; always in the dialects over MQTT 3.1.1, which have no such packet.
    pub fn decode_auth<'a>(self, auth: &Auth<'a>) -> Result<AuthStep<'a>, DecodeError> {
        match self.dialect {
            Dialect::Classic => Err(NO_AUTH),
            #[cfg(feature = "preview311")]
            Dialect::Preview311 => Err(NO_AUTH),
            #[cfg(feature = "preview5")]
            Dialect::Preview5 => preview5::decode_auth(auth),
        }
    }
}

/// The first bytes, and the others. What was written is as long as was counted.
#[cfg_attr(not(feature = "fast"), inline(never))]
fn part(written: &[u8], len: usize) -> (&[u8], &[u8]) {
    written.split_at_checked(len).unwrap_or_default()
}

/// An acknowledgement over MQTT 3.1.1: nobody can be told of anything but success.
fn bare_ack(outcome: &Outcome<'_>) -> Result<Ack<'static>, EncodeError> {
    match outcome.status {
        Status::SUCCESS => Ok(Ack { reason_code: 0, properties: PropertySection::EMPTY }),
        _ => Err(EncodeError::NotExpressible),
    }
}

fn read_bare_ack(ack: &Ack<'_>) -> Result<Outcome<'static>, DecodeError> {
    match ack.reason_code {
        0 => Ok(Outcome::DONE),
        _ => Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadValue(Field::Status) }),
    }
}

const NO_AUTH: DecodeError =
    DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadValue(Field::AuthenticationMethod) };
