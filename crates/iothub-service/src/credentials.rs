use core::fmt;
use core::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use iothub_codec::{ConnectionPart, ConnectionString, SharedKey, TokenRequest};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::endpoint::Endpoint;
use crate::{Error, SetupError};

/// What a back end proves itself with.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// The key of a policy, from which tokens are made.
    Policy { name: String, key: SharedKey },
    /// A token that somebody else made.
    Token(String),
    /// Somebody who is asked for a token before each request.
    Provider(TokenProvider),
}

/// Whom to ask for tokens, and what comes of it.
pub(crate) type TokenProvider = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Token> + Send>> + Send + Sync>;
type Token = Result<String, Box<dyn core::error::Error + Send + Sync>>;

impl Credentials {
    pub(crate) fn from_connection_string(text: &str) -> Result<(Endpoint, Self), SetupError> {
        let parts = ConnectionString::parse(text)?;
        if parts.device().is_some() {
            return Err(SetupError::OfDevice);
        }
        let endpoint = Endpoint::new(parts.host().ok_or(SetupError::Missing(ConnectionPart::HostName))?)?;
        if let Some(token) = parts.signature() {
            return Ok((endpoint, Self::Token(token.as_str().into())));
        }
        let key = parts.key().ok_or(SetupError::Missing(ConnectionPart::SharedAccessKey))?;
        let name = parts.key_name().ok_or(SetupError::Missing(ConnectionPart::SharedAccessKeyName))?;
        Ok((endpoint, Self::Policy { name: name.into(), key: SharedKey::from_base64(key)? }))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { name, key: _ } => write!(f, "policy {name}"),
            Self::Token(_) => f.write_str("token"),
            Self::Provider(_) => f.write_str("provider of tokens"),
        }
    }
}

/// The tokens that go with requests to one hub: made when needed, used for most of an hour.
pub(crate) struct Authorization {
    credentials: Credentials,
    host: String,
    made: Mutex<Option<Made>>,
}

struct Made {
    token: String,
    expiry_s: u64,
}

impl Authorization {
    /// How long a token is good for, in seconds.
    const LIFETIME_S: u64 = 3600;
    /// How long before its end a token is no longer used, in seconds: as far as the clocks of a hub and a
    /// back end may differ.
    const MARGIN_S: u64 = 300;

    pub(crate) fn new(credentials: Credentials, host: &str) -> Self {
        Self { credentials, host: host.to_owned(), made: Mutex::new(None) }
    }

    /// The header `Authorization` for a request at `now_s`, in seconds since 1970. Logs of the HTTP client do not show
    /// its value.
    pub(crate) async fn token(&self, now_s: u64) -> Result<HeaderMap, Error> {
        let token = match &self.credentials {
            Credentials::Token(token) => token.clone(),
            Credentials::Policy { name, key } => self.signed(name, key, now_s),
            Credentials::Provider(provider) => provider().await.map_err(|error| Error::no_token(&*error))?,
        };
        let mut value = HeaderValue::from_bytes(token.as_bytes()).map_err(|_| Error::NotExpressible {
            what: "the token".into(),
            reason: "it contains a control character",
        })?;
        value.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    fn signed(&self, name: &str, key: &SharedKey, now_s: u64) -> String {
        // A panic elsewhere cannot have left half a token behind.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // The second half is for a clock that has been set back: such a token would be good for too long.
        let is_good =
            |made: &Made| (now_s + Self::MARGIN_S..=now_s + Self::LIFETIME_S).contains(&made.expiry_s);
        if let Some(made) = made.as_ref().filter(|made| is_good(made)) {
            return made.token.clone();
        }
        let expiry_s = now_s + Self::LIFETIME_S;
        let token = write(&self.host, name, key, expiry_s);
        *made = Some(Made { token: token.clone(), expiry_s });
        token
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.credentials.fmt(f)
    }
}

fn write(host: &str, policy: &str, key: &SharedKey, expiry_s: u64) -> String {
    let request = TokenRequest { host, identity: None, expiry_s, policy: Some(policy) };
    let mut buffer = vec![0; request.len_max()];
    let token =
        request.sign(key, &mut buffer).expect("a key at hand signs, into the room that was asked for");
    token.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn policy(host_name: &str) -> Authorization {
        let text = format!("HostName={host_name};SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}");
        let (endpoint, credentials) =
            Credentials::from_connection_string(&text).expect("a connection string");
        Authorization::new(credentials, &endpoint.name)
    }

    #[test]
    fn a_token_is_the_published_one_and_the_port_is_no_part_of_it() {
        for host_name in ["hub1.azure-devices.net", "hub1.azure-devices.net:8443"] {
            assert_eq!(
                at(&policy(host_name), 1_893_456_000 - 3600),
                "SharedAccessSignature sr=hub1.azure-devices.net\
                 &sig=tSqZCpJ0ILyQzgpd7n%2BOs8QMeigZamD5DsOzh1x%2FVk4%3D&se=1893456000&skn=iothubowner"
            );
        }
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let authorization = policy("hub1");
        let first = at(&authorization, 10_000);
        for (now_s, is_first) in [(10_000, true), (13_300, true), (13_301, false)] {
            assert_eq!(at(&authorization, now_s) == first, is_first, "at {now_s}");
        }
        assert!(at(&authorization, 13_301).contains("se=16901"));
        assert!(at(&authorization, 5_000).contains("se=8600"), "the clock has been set back");
    }

    #[test]
    fn a_token_in_the_connection_string_is_used_as_it_is() {
        let token = "SharedAccessSignature sr=hub1&sig=abc%3D&se=1893456000&skn=service";
        let text = format!("HostName=hub1;SharedAccessSignature={token}");
        let (_, credentials) = Credentials::from_connection_string(&text).expect("a connection string");
        assert_eq!(at(&Authorization::new(credentials, "hub1"), 0), token);
    }

    #[test]
    fn what_a_back_end_cannot_use_is_refused_without_repeating_a_key() {
        for (text, message) in [
            (
                format!("HostName=hub1;SharedAccessKey={KEY}"),
                "connection string: SharedAccessKeyName is missing",
            ),
            (
                format!("HostName=hub1;DeviceId=d;SharedAccessKey={KEY}"),
                "connection string: it is that of a device, not of a policy such as `service` or `iothubowner`",
            ),
            (
                format!("HostName=hub:1:2;SharedAccessKeyName=service;SharedAccessKey={KEY}"),
                "HostName: not the name of a host, or its address, with or without a port",
            ),
        ] {
            let error = Credentials::from_connection_string(&text).expect_err(&text);
            assert_eq!(error.to_string(), message);
        }
        for text in [
            format!("SharedAccessKeyName=service;SharedAccessKey={KEY}"),
            format!("HostName=hub1;SharedAccessKeyName=service;SharedAccessKey=!{KEY}"),
            format!("HostName=hub1;SharedAccessKeyName=service;SharedAccessKey={}", &KEY[..12]),
            format!("HostName=hub1;{KEY}"),
            String::new(),
        ] {
            let error = Credentials::from_connection_string(&text).expect_err(&text);
            assert!(!format!("{error} {error:?}").contains(&KEY[..12]), "{error}");
        }
    }

    #[test]
    fn neither_key_nor_token_is_shown() {
        let authorization = policy("hub1");
        let token = at(&authorization, 0);
        let signature = token.split("sig=").nth(1).expect("a token has a signature");
        let shown = format!("{authorization:?} {:?}", Credentials::Token(token.clone()));
        assert!(!shown.contains(&KEY[..12]) && !shown.contains(&signature[..12]), "{shown}");
        assert!(shown.contains("iothubowner"), "{shown}");
    }

    #[test]
    fn a_provider_is_asked_each_time_and_may_have_none() {
        let asked = Arc::new(core::sync::atomic::AtomicU32::new(0));
        let provider: TokenProvider = Arc::new(move || {
            let count = asked.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
            Box::pin(async move {
                match count {
                    0 | 1 => Ok(format!("Bearer {count}")),
                    2 => Ok("Bearer\r\nx: y".into()),
                    _ => Err("signed out".into()),
                }
            })
        });
        let authorization = Authorization::new(Credentials::Provider(provider), "hub1");
        assert_eq!([at(&authorization, 0), at(&authorization, 0)], ["Bearer 0", "Bearer 1"]);
        let failed = || ready(authorization.token(0)).expect_err("no token");
        assert!(matches!(failed(), Error::NotExpressible { .. }));
        assert_eq!(failed().to_string(), "no token: signed out");
    }

    fn at(authorization: &Authorization, now_s: u64) -> String {
        let headers = ready(authorization.token(now_s)).expect("a token");
        assert!(headers[AUTHORIZATION].is_sensitive());
        headers[AUTHORIZATION].to_str().expect("a token is ASCII").to_owned()
    }

    /// What a future comes to that waits for nothing.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        match core::pin::pin!(future).poll(&mut context) {
            core::task::Poll::Ready(done) => done,
            core::task::Poll::Pending => panic!("it waits"),
        }
    }
}
