mod environment;
mod error;
mod exemptions;

use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iothub_codec::Text;

use crate::address::{Address, BadAddress};
use exemptions::Exemptions;

pub use error::{BadProxy, ProxyError};

/// An HTTP proxy that connects devices to their hub by `CONNECT`.
///
/// Read from `http://proxy.example:3128`, with `user:password@` before the name where the proxy asks for that; over
/// `https://` the proxy itself is spoken to in TLS, by the same [roots](crate::Roots) as the hub. Without a port it is 80
/// or 443, without a scheme `http`. Consumed by [`Options::proxy`](crate::Options::proxy); passwords do not show.
///
/// ```
/// use iothub_device::Proxy;
///
/// let proxy: Proxy = "http://plant:s%40crate@proxy.example:3128".parse()?;
/// assert_eq!(format!("{proxy}"), "http://proxy.example:3128");
/// let proxy = proxy.with_exemptions("10.0.0.0/8, .local");
/// # Ok::<(), iothub_device::BadProxy>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    address: Address,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
    exemptions: Exemptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Proxy {
    /// The proxy there, spoken to without TLS; without a port it is 80.
    pub fn new(address: Address) -> Self {
        let address = address.or_port(Scheme::Http.port());
        Self { scheme: Scheme::Http, address, authorization: None, exemptions: Exemptions::default() }
    }

    /// Proves with a name and a password (Basic) who asks. They pass in clear to a proxy that is spoken to without TLS.
    ///
    /// # Errors
    ///
    /// [`BadProxy::Credentials`] for a name with a colon in it, or control characters.
    pub fn with_credentials(mut self, user: &str, password: &str) -> Result<Self, BadProxy> {
        let unfit = |text: &str| text.chars().any(char::is_control);
        if user.contains(':') || unfit(user) || unfit(password) {
            return Err(BadProxy::Credentials);
        }
        self.authorization = Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        Ok(self)
    }

    /// Leaves these hubs to be reached directly, in the notation of `NO_PROXY`: names, which stand for what is below
    /// them as well, addresses, and networks such as `10.0.0.0/8`, each perhaps with `:port`, separated by commas or
    /// spaces; or `*`.
    #[must_use]
    pub fn with_exemptions(mut self, list: &str) -> Self {
        self.exemptions = Exemptions::read(list);
        self
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// Whether connections to there go through it.
    pub(crate) fn is_for(&self, to: &Address) -> bool {
        !self.exemptions.covers(to)
    }
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::Http, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) => return Err(BadProxy::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user_info, address) = match rest.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, rest),
        };
        let address: Address = address.parse().map_err(|BadAddress| BadProxy::Address)?;
        let proxy = Self { scheme, ..Self::new(address.or_port(scheme.port())) };
        let Some(user_info) = user_info else { return Ok(proxy) };
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decoded = |text| String::from_utf8(Text::percent_encoded(text).bytes().collect());
        match (decoded(user), decoded(password)) {
            (Ok(user), Ok(password)) => proxy.with_credentials(&user, &password),
            _ => Err(BadProxy::Credentials),
        }
    }
}

/// Without name and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_it_is_written_everywhere() {
        for (text, shown, authorization) in [
            ("http://proxy.example:3128", "http://proxy.example:3128", None),
            ("HTTP://proxy.example/", "http://proxy.example:80", None),
            ("https://proxy.example", "https://proxy.example:443", None),
            ("proxy.example:3128", "http://proxy.example:3128", None),
            ("http://[::1]:3128", "http://[::1]:3128", None),
            // `Aladdin:open sesame` and its code are RFC 7617's.
            (
                "http://Aladdin:open%20sesame@proxy:1",
                "http://proxy:1",
                Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ),
            ("http://a:b:c@d@proxy:1", "http://proxy:1", Some("Basic YTpiOmNAZA==")),
            ("a@proxy:1", "http://proxy:1", Some("Basic YTo=")),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), shown, "{text}");
            assert_eq!(proxy.authorization(), authorization, "{text}");
            assert_eq!(format!("{proxy:?}"), format!("Proxy({shown})"), "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for (text, error) in [
            ("socks5://u:secret@proxy:1", BadProxy::Scheme),
            ("http://u:secret@", BadProxy::Address),
            ("http://u:secret@proxy:0", BadProxy::Address),
            ("http://u:secret@proxy/path", BadProxy::Address),
            ("", BadProxy::Address),
            ("http://u%3Av:secret@proxy", BadProxy::Credentials),
            ("http://u:secret%0d%0aX-A:%201@proxy", BadProxy::Credentials),
            ("http://u:secret%ff@proxy", BadProxy::Credentials),
        ] {
            let given = text.parse::<Proxy>().unwrap_err();
            assert_eq!(given, error, "{text}");
            assert!(!format!("{given} {given:?}").contains("secret"), "{given}");
        }
    }
}
