use core::fmt;
use core::time::Duration;

use iothub_codec::{Identity, SharedKey, SignError, TokenRequest};
use iothub_proto::Timestamp;

/// What a device proves with that it is who it says.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// Signs a token for each connection. The key is the device's own, or that of a policy.
    Key { key: SharedKey, policy: Option<String> },
    /// Made by somebody else. When it has expired, the device cannot connect any longer.
    Token(String),
}

/// A proof for one connection.
#[derive(Clone)]
pub(crate) struct Proven {
    pub(crate) token: String,
    /// When it has to be renewed; `None` when it cannot be.
    pub(crate) valid_until: Option<Timestamp>,
}

impl Credentials {
    pub(crate) fn prove(
        &self,
        host: &str,
        identity: Identity<'_>,
        now: Timestamp,
        lifetime: Duration,
    ) -> Proven {
        match self {
            Self::Token(token) => Proven { token: token.clone(), valid_until: None },
            Self::Key { key, policy } => {
                let valid_until = now.after(lifetime);
                let expiry_s = valid_until.as_secs();
                let request =
                    TokenRequest { host, identity: Some(identity), expiry_s, policy: policy.as_deref() };
                let mut buffer = vec![0; request.len_max()];
                let token = match request.sign(key, &mut buffer) {
                    Ok(token) => token.to_owned(),
                    Err(SignError::Signer(never)) => match never {},
                    Err(error) => unreachable!("the buffer has the length that was asked for: {error}"),
                };
                Proven { token, valid_until: Some(valid_until) }
            }
        }
    }

    pub(crate) fn can_renew(&self) -> bool {
        match self {
            Self::Key { .. } => true,
            Self::Token(_) => false,
        }
    }
}

/// Without the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key(..)",
            Self::Token(_) => "Token(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use iothub_codec::{DeviceId, SasToken};

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const HOST: &str = "hub1.azure-devices.net";

    #[test]
    fn a_key_signs_a_token_for_the_name_and_the_lifetime() {
        let credentials = Credentials::Key { key: SharedKey::from_base64(KEY).unwrap(), policy: None };
        let identity = Identity::device(DeviceId::new("dev-1").unwrap());
        let now = Timestamp::from_secs(1_893_456_000 - 3_600);
        let proven = credentials.prove(HOST, identity, now, Duration::from_secs(3_600));
        assert_eq!(
            proven.token,
            "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
             &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000",
        );
        assert_eq!(proven.valid_until, Some(Timestamp::from_secs(1_893_456_000)));
        assert!(SasToken::parse(&proven.token).unwrap().covers(HOST, Some(identity)));
    }

    #[test]
    fn a_given_token_is_used_as_it_is() {
        let credentials = Credentials::Token("SharedAccessSignature sr=a&sig=b&se=1".to_owned());
        let identity = Identity::device(DeviceId::new("dev-1").unwrap());
        let proven = credentials.prove(HOST, identity, Timestamp::from_secs(0), Duration::from_secs(1));
        assert_eq!(proven.token, "SharedAccessSignature sr=a&sig=b&se=1");
        assert_eq!(proven.valid_until, None, "it cannot be renewed");
        assert!(!credentials.can_renew());
    }

    #[test]
    fn the_secret_is_not_shown() {
        let key = Credentials::Key { key: SharedKey::from_base64(KEY).unwrap(), policy: None };
        let token = Credentials::Token("SharedAccessSignature sr=a&sig=b&se=1".to_owned());
        assert_eq!(format!("{key:?} {token:?}"), "Key(..) Token(..)");
    }
}
