use super::exemptions::Exemptions;
use super::{BadProxy, Proxy};

impl Proxy {
    /// The proxy that the environment names: `https_proxy`, or else `all_proxy`, with what `no_proxy` exempts, each also in
    /// capital letters; `None` without one. This machine itself is always exempt.
    ///
    /// # Errors
    ///
    /// [`BadProxy`] when what is there is no proxy.
    pub fn from_environment() -> Result<Option<Self>, BadProxy> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, BadProxy> {
        let variable =
            |names: [&str; 2]| names.into_iter().filter_map(&variable).find(|text| !text.is_empty());
        let named = variable(["https_proxy", "HTTPS_PROXY"]).or_else(|| variable(["all_proxy", "ALL_PROXY"]));
        let Some(named) = named else { return Ok(None) };
        let exempt = variable(["no_proxy", "NO_PROXY"]).unwrap_or_default();
        let exemptions = Exemptions::read(&exempt).and_this_machine();
        Ok(Some(Self { exemptions, ..named.parse()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_proxy_and_who_does_without() {
        for (variables, hub, expected) in [
            (vec![], "hub", None),
            (vec![("HTTPS_PROXY", "http://p:1")], "hub", Some("http://p:1")),
            (vec![("https_proxy", "http://q:1"), ("HTTPS_PROXY", "http://p:1")], "hub", Some("http://q:1")),
            (vec![("https_proxy", ""), ("ALL_PROXY", "p:1")], "hub", Some("http://p:1")),
            (vec![("http_proxy", "http://p:1")], "hub", None),
            (vec![("HTTPS_PROXY", "p:1"), ("NO_PROXY", "a,.hub")], "hub", None),
            (vec![("HTTPS_PROXY", "p:1"), ("no_proxy", "a")], "hub", Some("http://p:1")),
            (vec![("HTTPS_PROXY", "p:1")], "localhost:8883", None),
            (vec![("HTTPS_PROXY", "p:1")], "127.0.0.1", None),
        ] {
            let read = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let proxy = Proxy::from_variables(read).unwrap();
            let proxy = proxy.filter(|proxy| proxy.is_for(&hub.parse().unwrap()));
            assert_eq!(proxy.map(|proxy| proxy.to_string()).as_deref(), expected, "{variables:?}");
        }
        let bad = Proxy::from_variables(|_| Some("socks5://p:1".to_owned()));
        assert_eq!(bad, Err(BadProxy::Scheme));
    }
}
