use core::fmt;
use core::time::Duration;

use iothub_codec::{Dialect, Identity, Proof, SharedKey, SignError, Signature, Terms, Text, TokenRequest};
use iothub_proto::Timestamp;

use crate::client_certificate::ClientCertificate;

/// What a device proves with that it is who it says.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// Signs a proof for each connection. The key is the device's own, or that of a policy.
    Key { key: SharedKey, policy: Option<String> },
    /// Made by somebody else. When it has expired, the device cannot connect any longer.
    Token(String),
    /// Shown to TLS, so that nothing is left to be proven.
    Certificate(ClientCertificate),
}

/// For whom something is proven, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a> {
    pub(crate) host: &'a str,
    pub(crate) identity: Identity<'a>,
    pub(crate) now: Timestamp,
    pub(crate) lifetime: Duration,
}

/// A proof for one connection.
pub(crate) enum Proven<'a> {
    Token {
        token: String,
        /// When it has to be renewed; `None` when it cannot be.
        valid_until: Option<Timestamp>,
    },
    Signature(Signature<'a>),
    /// TLS has seen to it.
    Elsewhere,
}

impl Credentials {
    /// The proof that suits the dialect, if there is one; otherwise one that it does not take.
    pub(crate) fn prove<'a>(&'a self, dialect: Dialect, claimant: &Claimant<'_>) -> Proven<'a> {
        match self {
            Self::Token(token) => Proven::Token { token: token.clone(), valid_until: None },
            Self::Certificate(_) => Proven::Elsewhere,
            Self::Key { key, policy } if dialect == Dialect::Classic => {
                let valid_until = claimant.now.after(claimant.lifetime);
                let token = token(key, policy.as_deref(), claimant, valid_until);
                Proven::Token { token, valid_until: Some(valid_until) }
            }
            Self::Key { key, policy } => Proven::Signature(signature(key, policy.as_deref(), claimant)),
        }
    }

    /// A signature for a connection that goes on; `None` without a key.
    pub(crate) fn renew<'a>(&'a self, claimant: &Claimant<'_>) -> Option<Signature<'a>> {
        match self {
            Self::Key { key, policy } => Some(signature(key, policy.as_deref(), claimant)),
            Self::Token(_) | Self::Certificate(_) => None,
        }
    }

    /// Whether a hub that refuses them may be content with them at another time.
    pub(crate) fn may_get_better(&self) -> bool {
        match self {
            Self::Key { .. } | Self::Certificate(_) => true,
            Self::Token(_) => false,
        }
    }

    pub(crate) const fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Certificate(certificate) => Some(certificate),
            Self::Key { .. } | Self::Token(_) => None,
        }
    }
}

impl Proven<'_> {
    pub(crate) fn proof(&self) -> Proof<'_> {
        match self {
            Self::Token { token, .. } => Proof::Token(token),
            Self::Signature(signature) => Proof::Signature(*signature),
            Self::Elsewhere => Proof::None,
        }
    }

    /// Of a signature the session knows it.
    pub(crate) fn valid_until(&self) -> Option<Timestamp> {
        match self {
            Self::Token { valid_until, .. } => *valid_until,
            Self::Signature(_) | Self::Elsewhere => None,
        }
    }
}

fn token(key: &SharedKey, policy: Option<&str>, claimant: &Claimant<'_>, valid_until: Timestamp) -> String {
    let Claimant { host, identity, .. } = *claimant;
    let request = TokenRequest { host, identity: Some(identity), expiry_s: valid_until.as_secs(), policy };
    let mut buffer = vec![0; request.len_max()];
    match request.sign(key, &mut buffer) {
        Ok(token) => token.to_owned(),
        Err(SignError::Signer(never)) => match never {},
        Err(error) => unreachable!("the buffer has the length that was asked for: {error}"),
    }
}

fn signature<'a>(key: &SharedKey, policy: Option<&'a str>, claimant: &Claimant<'_>) -> Signature<'a> {
    let Claimant { host, identity, now, lifetime } = *claimant;
    let terms = Terms {
        expiry_ms: now.after(lifetime).as_millis(),
        at_ms: Some(now.as_millis()),
        policy: policy.map(Text::plain),
    };
    let host = Text::plain(host);
    let mut scratch = Vec::new();
    loop {
        match terms.sign(host, identity, key, &mut scratch) {
            Ok(signature) => return signature,
            Err(SignError::Signer(never)) => match never {},
            Err(SignError::BufferTooSmall { needed }) if scratch.len() < needed => scratch.resize(needed, 0),
            Err(error) => unreachable!("the buffer has the length that was asked for: {error}"),
        }
    }
}

/// Without the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key(..)",
            Self::Token(_) => "Token(..)",
            Self::Certificate(_) => "Certificate(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use iothub_codec::{DeviceId, SasToken};

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const HOST: &str = "hub1.azure-devices.net";

    fn claimant() -> Claimant<'static> {
        let identity = Identity::device(DeviceId::new("dev-1").unwrap());
        let now = Timestamp::from_secs(1_893_456_000 - 3_600);
        Claimant { host: HOST, identity, now, lifetime: Duration::from_secs(3_600) }
    }

    fn key(policy: Option<&str>) -> Credentials {
        let policy = policy.map(str::to_owned);
        Credentials::Key { key: SharedKey::from_base64(KEY).unwrap(), policy }
    }

    #[test]
    fn a_key_signs_a_token_for_the_name_and_the_lifetime() {
        let credentials = key(None);
        let proven = credentials.prove(Dialect::Classic, &claimant());
        assert_eq!(proven.valid_until(), Some(Timestamp::from_secs(1_893_456_000)));
        let Proof::Token(token) = proven.proof() else { panic!("{:?}", proven.proof()) };
        assert_eq!(
            token,
            "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
             &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000",
        );
        assert!(SasToken::parse(token).unwrap().covers(HOST, Some(claimant().identity)));
    }

    /// The codes were made with Python's `hmac`, from the five lines.
    #[test]
    fn in_the_previews_it_signs_what_the_device_says() {
        for (policy, first_bytes) in
            [(None, [0x0f, 0x60, 0xbf, 0x68]), (Some("svc"), [0x8e, 0xee, 0xa6, 0x7f])]
        {
            for dialect in [Dialect::Preview311, Dialect::Preview5] {
                let credentials = key(policy);
                let proven = credentials.prove(dialect, &claimant());
                assert_eq!(proven.valid_until(), None, "the signature says it");
                let Proof::Signature(signature) = proven.proof() else { panic!("{:?}", proven.proof()) };
                let times = (signature.terms.at_ms, signature.terms.expiry_ms);
                assert_eq!(times, (Some(1_893_452_400_000), 1_893_456_000_000));
                assert_eq!(signature.terms.policy, policy.map(Text::plain));
                assert_eq!(signature.code[..4], first_bytes, "{policy:?}");
                assert_eq!(credentials.renew(&claimant()), Some(signature));
            }
        }
    }

    #[test]
    fn a_given_token_is_used_as_it_is() {
        let credentials = Credentials::Token("SharedAccessSignature sr=a&sig=b&se=1".to_owned());
        for dialect in Dialect::ALL {
            let proven = credentials.prove(*dialect, &claimant());
            assert_eq!(proven.proof(), Proof::Token("SharedAccessSignature sr=a&sig=b&se=1"));
            assert_eq!(proven.valid_until(), None, "it cannot be renewed");
        }
        assert!(!credentials.may_get_better());
        assert_eq!(credentials.renew(&claimant()), None);
    }

    #[test]
    fn the_secret_is_not_shown() {
        let token = Credentials::Token("SharedAccessSignature sr=a&sig=b&se=1".to_owned());
        assert_eq!(format!("{:?} {token:?}", key(None)), "Key(..) Token(..)");
    }
}
