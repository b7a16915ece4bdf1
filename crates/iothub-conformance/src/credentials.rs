//! What a device says about itself when it connects, and what shows it.

use iothub_codec::{
    Auth, AuthStep, Codec, Connect, DeviceId, Dialect, Identity, Introduction, ModuleId, Proof,
    PropertySection, Publish, SectionOf, SharedKey, Terms, Text, TokenRequest,
};
use iothub_proto::{Opening, Session, Timestamp};

use crate::conversation::Deed;
use crate::packets::section;
use crate::player::Trouble;

/// The device of all conversations.
pub(crate) const DEVICE: &str = "pump-7";
/// Its key, and that of its module: a secret to nobody.
pub(crate) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// A key that is nobody's.
const WRONG_KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
/// For how long proofs are good unless a conversation says something else, in seconds.
const VALID_S: i64 = 3600;
/// The keep-alive of a CONNECT that says nothing of it, in seconds.
const KEEP_ALIVE_S: u16 = 60;
/// Room for what a CONNECT says.
const ROOM: usize = 1024;

/// The identity with that module.
pub(crate) fn identity(module: Option<&str>) -> Result<Identity<'_>, Trouble> {
    let device = DeviceId::new(DEVICE).map_err(Trouble::new)?;
    Ok(match module {
        None => Identity::device(device),
        Some(module) => Identity::module(device, ModuleId::new(module).map_err(Trouble::new)?),
    })
}

/// A CONNECT in words, with what it takes to make one.
pub(crate) struct Greeting<'a> {
    pub(crate) codec: Codec<'a>,
    /// The name of the hub.
    pub(crate) host: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) deed: &'a Deed,
}

impl Greeting<'_> {
    /// Hands the packet to `then`.
    pub(crate) fn with<T>(&self, then: impl FnOnce(Opening<'_>) -> T) -> Result<T, Trouble> {
        let deed = self.deed;
        let (mut token_room, mut room, mut appended) = ([0; ROOM], [0; ROOM], Vec::new());
        let introduction = Introduction { host: self.host, client_agent: None, model_id: None };
        let proof = self.proof(&mut token_room)?;
        let mut connect =
            self.codec.encode_connect(&introduction, &proof, &mut room).map_err(Trouble::new)?;
        connect.client_id = deed.get("client-id").unwrap_or(connect.client_id);
        connect.username = deed.get("username").or(connect.username);
        connect.properties = with_more(connect, deed, &mut appended)?;
        let number = |name: &str| deed.get(name).map(|text| text.parse::<u32>()).transpose();
        let number = |name: &str| number(name).map_err(|_| Trouble::new(format!("{name} is no number")));
        let keep_alive_s = match number("keep-alive")? {
            Some(seconds) => u16::try_from(seconds).map_err(Trouble::new)?,
            None => KEEP_ALIVE_S,
        };
        let will = deed.get("will").map(|will| will.split_once(' ').unwrap_or((will, "")));
        let receive_maximum = number("receive-maximum")?.map(u16::try_from).transpose();
        Ok(then(Opening {
            session: match deed.at(0) {
                "fresh" => Session::Fresh,
                "resume" => Session::Resume,
                other => return Err(Trouble::new(format!("CONNECT fresh or resume, and not {other:?}"))),
            },
            keep_alive_s,
            will: will.map(|(topic, payload)| Publish::new(topic, payload.as_bytes())),
            session_expiry_s: number("session-expiry")?,
            receive_maximum: receive_maximum.map_err(Trouble::new)?,
            maximum_packet_size: number("maximum-packet-size")?,
            connect,
        }))
    }

    /// The same for an AUTH: a signature that is made now.
    pub(crate) fn with_renewal<T>(&self, then: impl FnOnce(Auth<'_>) -> T) -> Result<T, Trouble> {
        let (mut scratch, mut room) = ([0; ROOM], [0; ROOM]);
        let Proof::Signature(signature) = self.proof(&mut scratch)? else {
            return Err(Trouble::new("nothing to renew with"));
        };
        let auth = self.codec.encode_auth(&AuthStep::Renew(signature), &mut room).map_err(Trouble::new)?;
        Ok(then(auth))
    }

    /// A token, a signature, or nothing, as the CONNECT says.
    pub(crate) fn proof<'b>(&'b self, room: &'b mut [u8]) -> Result<Proof<'b>, Trouble> {
        let key = match self.deed.get("key") {
            None => KEY,
            Some("wrong") => WRONG_KEY,
            Some("none") => return Ok(Proof::None),
            Some(other) => return Err(Trouble::new(format!("key: wrong or none, and not {other:?}"))),
        };
        let valid_s = self.deed.get("expires").map_or(Ok(VALID_S), str::parse).map_err(Trouble::new)?;
        let expiry_s = self.now.as_secs().saturating_add_signed(valid_s);
        let key = SharedKey::from_base64(key).map_err(Trouble::new)?;
        let identity = self.codec.identity();
        if self.codec.dialect() == Dialect::Classic {
            let request = TokenRequest { host: self.host, identity: Some(identity), expiry_s, policy: None };
            return request.sign(&key, room).map(Proof::Token).map_err(Trouble::new);
        }
        let terms = Terms { expiry_ms: expiry_s * 1000, at_ms: Some(self.now.as_millis()), policy: None };
        terms.sign(Text::plain(self.host), identity, &key, room).map(Proof::Signature).map_err(Trouble::new)
    }
}

/// The properties of the CONNECT, and those that a conversation puts behind them.
fn with_more<'a>(
    connect: Connect<'a>,
    deed: &Deed,
    room: &'a mut Vec<u8>,
) -> Result<PropertySection<'a>, Trouble> {
    let is_more = |name: &str| name.starts_with("user ") || name == "request-problem-information";
    let more: Vec<_> = deed.fields.iter().filter(|(name, _)| is_more(name)).cloned().collect();
    if more.is_empty() {
        return Ok(connect.properties);
    }
    room.extend(connect.properties.as_wire());
    room.extend(section(&more, SectionOf::Connect)?);
    PropertySection::from_wire(room, SectionOf::Connect).map_err(Trouble::new)
}
