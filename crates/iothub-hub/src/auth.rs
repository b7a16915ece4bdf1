use core::time::Duration;
use std::collections::BTreeMap;

use iothub_codec::{Claim, Identity, Proof, SasToken, SharedKey, Text};
use iothub_model::{AuthenticationType, Status};
use iothub_proto::{RefusalReason, Timestamp};

use crate::policy::{Policy, Rights};
use crate::registry::{Entry, Key, Registry};

/// Who may do what: policies, and the rule for tokens.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) policies: BTreeMap<String, Policy>,
    /// How far the clocks of a device and the hub may be apart: a token counts that much longer.
    pub(crate) clock_skew: Duration,
}

/// On what terms a device was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Until when its proof is good.
    pub(crate) until: Timestamp,
    pub(crate) scope: Scope,
}

/// By whose key a device was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Its own.
    Device,
    /// That of a policy.
    Hub,
}

/// Why somebody was not let in. Says which rule and what was presented, without the secrets in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) reason: RefusalReason,
    pub(crate) why: String,
}

impl Denied {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { reason: RefusalReason::NotAuthorized, why: why.into() }
    }
}

impl Gate {
    /// Lets a device or module in.
    pub(crate) fn admit(
        &self,
        registry: &Registry,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<Admission, Denied> {
        let key = Key::from(claim.identity);
        let Some(entry) = registry.get(&key) else {
            return Err(Denied::new(format!("there is no {} in the registry", called(&key))));
        };
        let device = Key { module: None, ..key.clone() };
        let disabled = |entry: &Entry| entry.record.status == Status::Disabled;
        if disabled(entry) || registry.get(&device).is_some_and(disabled) {
            return Err(Denied::new(format!("{} is disabled in the registry", called(&key))));
        }
        let Proof::Token(text) = claim.proof else {
            return Err(Denied::new(
                "no password: a SAS token is needed, as client certificates are not accepted",
            ));
        };
        let token = read(text)?;
        let until = self.unexpired(&token, now)?;
        let host = claim.host.and_then(Text::as_str).unwrap_or_default();
        if !token.covers(host, Some(claim.identity)) {
            let resource = token.resource_encoded();
            return Err(Denied::new(format!("the token is for {resource}, not for {host}/devices/{key}")));
        }
        let scope = match token.policy() {
            Some(policy) => {
                self.signed_by_policy(&policy.to_string(), &token, Rights::DEVICE_CONNECT)?;
                Scope::Hub
            }
            None => {
                signed_by_identity(entry, claim.identity, &token)?;
                Scope::Device
            }
        };
        Ok(Admission { until, scope })
    }

    /// Lets a back end in that presents the header `Authorization` for a service at `host`, which a token may
    /// name with or without its port.
    pub(crate) fn authorize(
        &self,
        authorization: Option<&str>,
        host: &str,
        needed: Rights,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let text = authorization.ok_or_else(|| Denied::new("the header Authorization is missing"))?;
        let token = read(text)?;
        self.unexpired(&token, now)?;
        let name = without_port(host);
        if !token.covers(name, None) && !token.covers(host, None) {
            let resource = token.resource_encoded();
            return Err(Denied::new(format!("the token is for {resource}, not for {name}")));
        }
        let Some(policy) = token.policy() else {
            return Err(Denied::new("the token names no policy (skn), which a back end needs"));
        };
        self.signed_by_policy(&policy.to_string(), &token, needed)
    }

    fn unexpired(&self, token: &SasToken<'_>, now: Timestamp) -> Result<Timestamp, Denied> {
        let until = Timestamp::from_secs(token.expiry_s()).after(self.clock_skew);
        if until <= now {
            let late = now.since(Timestamp::from_secs(token.expiry_s())).as_secs();
            return Err(Denied::new(format!(
                "the token expired {late} s ago (se={}), by the hub's clock",
                token.expiry_s()
            )));
        }
        Ok(until)
    }

    fn signed_by_policy(&self, name: &str, token: &SasToken<'_>, needed: Rights) -> Result<(), Denied> {
        let Some(policy) = self.policies.get(name) else {
            return Err(Denied::new(format!("there is no policy {name:?}")));
        };
        if !signed(token, [&policy.primary, &policy.secondary]) {
            return Err(Denied::new(format!(
                "the signature is by neither key of policy {name:?}, or of other text than the token's"
            )));
        }
        if !policy.rights.contains(needed) {
            let held = policy.rights;
            return Err(Denied::new(format!(
                "policy {name:?} has the rights {held}, and {needed} is needed"
            )));
        }
        Ok(())
    }
}

/// The host of a `Host` header: `name`, `name:port`, `[::1]:port`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

fn signed_by_identity(entry: &Entry, identity: Identity<'_>, token: &SasToken<'_>) -> Result<(), Denied> {
    let key = Key::from(identity);
    let authentication = &entry.record.authentication;
    if authentication.kind != AuthenticationType::Sas {
        return Err(Denied::new(format!(
            "{} authenticates by {}, not by a token of its own",
            called(&key),
            authentication.kind
        )));
    }
    let keys = &authentication.symmetric_key;
    let keys = [&keys.primary_key, &keys.secondary_key].map(|key| key.as_deref().unwrap_or_default());
    if signed(token, keys) {
        Ok(())
    } else {
        Err(Denied::new(format!(
            "the signature is by neither key of {}, or of other text than the token's",
            called(&key)
        )))
    }
}

/// Whether one of the keys, given in base64, has signed the token.
fn signed(token: &SasToken<'_>, keys: [&str; 2]) -> bool {
    keys.into_iter().filter_map(|key| SharedKey::from_base64(key).ok()).any(|key| key.verify(token))
}

fn read(text: &str) -> Result<SasToken<'_>, Denied> {
    SasToken::parse(text).map_err(|error| Denied::new(format!("the token cannot be read: {error}")))
}

fn called(key: &Key) -> String {
    match key.module {
        None => format!("device {key}"),
        Some(_) => format!("module {key}"),
    }
}
