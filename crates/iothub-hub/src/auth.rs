use core::time::Duration;
use std::collections::BTreeMap;

use iothub_codec::{EncodeError, Identity, Proof, SasToken, SharedKey, Signature, Terms, Text};
use iothub_model::{AuthenticationType, Status};
use iothub_proto::{RefusalReason, Timestamp};

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::credential::{Credential, KeyPrint};
use crate::policy::{Policy, Rights};
use crate::registry::{Entry, Key, Registry};
use crate::rule::Rule;
use crate::twin::date;

/// Who may do what: policies, and the rule for tokens.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) policies: BTreeMap<String, Policy>,
    /// The certificate authorities that are trusted, by their names.
    pub(crate) authorities: BTreeMap<String, Authority>,
    /// How far the clocks of a device and the hub may be apart: a token counts that much longer.
    pub(crate) clock_skew: Duration,
}

/// Who wants to be let in, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bid<'a> {
    pub(crate) identity: Identity<'a>,
    /// The name of the hub, as the CONNECT has it or TLS; empty where neither does.
    pub(crate) host: &'a str,
    pub(crate) proof: Proof<'a>,
    /// The certificate that TLS knows it by, and those behind it; empty if it has shown none.
    pub(crate) certificates: &'a [Vec<u8>],
}

/// On what terms a device was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Until when its proof is good.
    pub(crate) until: Timestamp,
    pub(crate) credential: Credential,
}

/// Why somebody was not let in. Says which rule and what was presented, without the secrets in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) reason: RefusalReason,
    pub(crate) rule: Rule,
    pub(crate) why: String,
}

impl Denied {
    pub(crate) fn new(rule: Rule, why: impl Into<String>) -> Self {
        let mut why = why.into();
        // What strangers present is as long as they like, and goes to the log.
        if why.len() > Self::WHY_MAX {
            why.truncate(why.floor_char_boundary(Self::WHY_MAX));
            why.push('…');
        }
        Self { reason: RefusalReason::NotAuthorized, rule, why }
    }

    /// Longest reason, in bytes: room for the names of a hub, a device and a module.
    const WHY_MAX: usize = 768;
}

impl Gate {
    /// Lets a device or module in, or lets it go on.
    pub(crate) fn admit(
        &self,
        registry: &Registry,
        bid: &Bid<'_>,
        now: Timestamp,
    ) -> Result<Admission, Denied> {
        let key = Key::from(bid.identity);
        let Some(entry) = registry.get(&key) else {
            return Err(Denied::new(
                Rule::NotRegistered,
                format!("there is no {} in the registry", called(&key)),
            ));
        };
        let device = Key { module: None, ..key.clone() };
        let disabled = |entry: &Entry| entry.record.status == Status::Disabled;
        if disabled(entry) || registry.get(&device).is_some_and(disabled) {
            return Err(Denied::new(Rule::Disabled, format!("{} is disabled in the registry", called(&key))));
        }
        match &bid.proof {
            Proof::Token(text) => self.admit_by_token(entry, bid, text, now),
            Proof::Signature(signature) => self.admit_by_signature(entry, bid, signature, now),
            Proof::None => self.admit_by_certificate(entry, &key, bid.certificates, now),
        }
    }

    fn admit_by_token(
        &self,
        entry: &Entry,
        bid: &Bid<'_>,
        text: &str,
        now: Timestamp,
    ) -> Result<Admission, Denied> {
        let token = read(text)?;
        let until = self.unexpired("token", Timestamp::from_secs(token.expiry_s()), now)?;
        if !token.covers(bid.host, Some(bid.identity)) {
            let (resource, host, key) = (token.resource_encoded(), bid.host, Key::from(bid.identity));
            return Err(Denied::new(
                Rule::ForeignProof,
                format!("the token is for {resource}, not for {host}/devices/{key}"),
            ));
        }
        let policy = token.policy().map(|policy| policy.to_string());
        let credential = self.signed(entry, bid.identity, policy.as_deref(), |key| key.verify(&token))?;
        Ok(Admission { until, credential })
    }

    fn admit_by_signature(
        &self,
        entry: &Entry,
        bid: &Bid<'_>,
        signature: &Signature<'_>,
        now: Timestamp,
    ) -> Result<Admission, Denied> {
        let until = self.unexpired("signature", Timestamp::from_millis(signature.terms.expiry_ms), now)?;
        if bid.host.is_empty() {
            return Err(Denied::new(
                Rule::ForeignProof,
                "neither the CONNECT nor TLS says which host the signature is for",
            ));
        }
        let policy = signature.terms.policy.filter(|policy| !policy.is_empty());
        let policy = policy.map(|policy| policy.to_string());
        // Names of hosts have no case, and texts that are signed have.
        let lower = bid.host.to_ascii_lowercase();
        let verify = |key: &SharedKey| {
            [bid.host, &lower].into_iter().any(|host| {
                key.verify_code(&string_to_sign(&signature.terms, host, bid.identity), &signature.code)
            })
        };
        let credential = self.signed(entry, bid.identity, policy.as_deref(), verify)?;
        Ok(Admission { until, credential })
    }

    fn admit_by_certificate(
        &self,
        entry: &Entry,
        key: &Key,
        certificates: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Admission, Denied> {
        let authentication = &entry.record.authentication;
        let (who, kind) = (called(key), authentication.kind);
        match kind {
            AuthenticationType::Sas => {
                let why = format!("no token and no signature, and {who} authenticates by a key");
                return Err(Denied::new(Rule::NoProof, why));
            }
            AuthenticationType::None => {
                let why = format!("{who} authenticates by nothing, and so cannot connect");
                return Err(Denied::new(Rule::WrongKindOfProof, why));
            }
            AuthenticationType::SelfSigned | AuthenticationType::CertificateAuthority => {}
        }
        let Some((certificate, others)) = certificates.split_first() else {
            let why = format!("{who} authenticates by a certificate ({kind}), and none was shown to TLS");
            return Err(Denied::new(Rule::NoCertificate, why));
        };
        let certificate = Certificate::read(certificate)
            .map_err(|error| Denied::new(Rule::WrongCertificate, error.to_string()))?;
        let until = self.current(&certificate, now)?;
        let credential = if kind == AuthenticationType::SelfSigned {
            let prints = certificate.thumbprints();
            if !prints.are_among(&authentication.x509_thumbprint) {
                let print = prints.sha1();
                let why = format!("the certificate, of thumbprint {print}, is not one registered for {who}");
                return Err(Denied::new(Rule::WrongCertificate, why));
            }
            Credential::Certificate(prints)
        } else {
            let (wanted, name) = (key.to_string(), &certificate.common_name);
            if name.as_deref() != Some(&wanted) {
                let name = name.as_deref().unwrap_or("none that is clear");
                let why =
                    format!("the common name of the certificate is {name:.256?}, and must be {wanted:?}");
                return Err(Denied::new(Rule::WrongCertificate, why));
            }
            self.issued(&certificate, others, now)?
        };
        Ok(Admission { until, credential })
    }

    /// Sees to it that a certificate goes back to an authority.
    fn issued(
        &self,
        certificate: &Certificate<'_>,
        others: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Credential, Denied> {
        let (names, ders): (Vec<&String>, Vec<Vec<u8>>) =
            self.authorities.iter().map(|(name, authority)| (name, authority.der())).unzip();
        let ders: Vec<&[u8]> = ders.iter().map(|der| &der[..]).collect();
        let untrusted = |why: &dyn core::fmt::Display| {
            let (subject, len) = (&certificate.subject, names.len());
            let why = format!(
                "the certificate of {subject:.256} goes back to none of the {len} authorities: {why}"
            );
            Denied::new(Rule::UntrustedCertificate, why)
        };
        let found = certificate.issuer(others, &ders, now).map_err(|error| untrusted(&error))?;
        let authority = names.get(found).ok_or_else(|| untrusted(&"unknown"))?;
        Ok(Credential::Issued { authority: (*authority).clone() })
    }

    /// Until when a certificate counts, which must be one that counts now.
    pub(crate) fn current(&self, certificate: &Certificate<'_>, now: Timestamp) -> Result<Timestamp, Denied> {
        let until = certificate.ends.after(self.clock_skew);
        if until <= now {
            let (late, at) = (now.since(certificate.ends).as_secs(), date(certificate.ends));
            let why = format!("the certificate expired {late} s ago ({at}), by the hub's clock");
            return Err(Denied::new(Rule::ExpiredCertificate, why));
        }
        if certificate.begins > now.after(self.clock_skew) {
            let at = date(certificate.begins);
            let why = format!("the certificate is not valid before {at}, by the hub's clock");
            return Err(Denied::new(Rule::ExpiredCertificate, why));
        }
        Ok(until)
    }

    /// Sees to it that a device's proof is by one of its own keys, or by one of a policy that it names.
    fn signed(
        &self,
        entry: &Entry,
        identity: Identity<'_>,
        policy: Option<&str>,
        verify: impl Fn(&SharedKey) -> bool,
    ) -> Result<Credential, Denied> {
        match policy {
            Some(policy) => {
                let print = self.signed_by_policy(policy, Rights::DEVICE_CONNECT, verify)?;
                Ok(Credential::Policy { name: policy.into(), print })
            }
            None => signed_by_identity(entry, identity, verify).map(Credential::Key),
        }
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
        let text =
            authorization.ok_or_else(|| Denied::new(Rule::NoProof, "the header Authorization is missing"))?;
        let token = read(text)?;
        self.unexpired("token", Timestamp::from_secs(token.expiry_s()), now)?;
        let name = without_port(host);
        if !token.covers(name, None) && !token.covers(host, None) {
            let resource = token.resource_encoded();
            return Err(Denied::new(
                Rule::ForeignProof,
                format!("the token is for {resource}, not for {name}"),
            ));
        }
        let Some(policy) = token.policy() else {
            return Err(Denied::new(
                Rule::UnknownPolicy,
                "the token names no policy (skn), which a back end needs",
            ));
        };
        self.signed_by_policy(&policy.to_string(), needed, |key| key.verify(&token)).map(drop)
    }

    /// Until when a proof counts that expires at `expiry`.
    pub(crate) fn unexpired(
        &self,
        what: &str,
        expiry: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, Denied> {
        let until = expiry.after(self.clock_skew);
        if until <= now {
            let (late, at) = (now.since(expiry).as_secs(), expiry.as_secs());
            return Err(Denied::new(
                Rule::ExpiredProof,
                format!("the {what} expired {late} s ago (se={at}), by the hub's clock"),
            ));
        }
        Ok(until)
    }

    fn signed_by_policy(
        &self,
        name: &str,
        needed: Rights,
        verify: impl Fn(&SharedKey) -> bool,
    ) -> Result<KeyPrint, Denied> {
        let Some(policy) = self.policies.get(name) else {
            return Err(Denied::new(Rule::UnknownPolicy, format!("there is no policy {name:?}")));
        };
        let Some(key) = which([&policy.primary, &policy.secondary], verify) else {
            return Err(Denied::new(
                Rule::WrongKey,
                format!(
                    "the signature is by neither key of policy {name:?}, or of other text than was presented"
                ),
            ));
        };
        if !policy.rights.contains(needed) {
            let held = policy.rights;
            return Err(Denied::new(
                Rule::MissingRight,
                format!("policy {name:?} has the rights {held}, and {needed} is needed"),
            ));
        }
        Ok(KeyPrint::of(key))
    }
}

/// The host of a `Host` header: `name`, `name:port`, `[::1]:port`.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

fn signed_by_identity(
    entry: &Entry,
    identity: Identity<'_>,
    verify: impl Fn(&SharedKey) -> bool,
) -> Result<KeyPrint, Denied> {
    let key = Key::from(identity);
    let authentication = &entry.record.authentication;
    if authentication.kind != AuthenticationType::Sas {
        return Err(Denied::new(
            Rule::WrongKindOfProof,
            format!("{} authenticates by {}, not by a key of its own", called(&key), authentication.kind),
        ));
    }
    let keys = &authentication.symmetric_key;
    let keys = [&keys.primary_key, &keys.secondary_key].map(|key| key.as_deref().unwrap_or_default());
    let found = which(keys, verify).map(KeyPrint::of);
    found.ok_or_else(|| {
        let who = called(&key);
        let why = format!("the signature is by neither key of {who}, or of other text than was presented");
        Denied::new(Rule::WrongKey, why)
    })
}

/// Which of the keys it is, given in base64.
fn which(keys: [&str; 2], verify: impl Fn(&SharedKey) -> bool) -> Option<&str> {
    keys.into_iter().find(|key| SharedKey::from_base64(key).is_ok_and(|key| verify(&key)))
}

/// What a device signs that connects in one of the previews.
fn string_to_sign(terms: &Terms<'_>, host: &str, identity: Identity<'_>) -> Vec<u8> {
    let mut lines = vec![0; 512];
    loop {
        match terms.string_to_sign(Text::plain(host), identity, &mut lines) {
            Ok(written) => {
                let len = written.len();
                lines.truncate(len);
                return lines;
            }
            Err(EncodeError::BufferTooSmall { needed }) => lines.resize(needed, 0),
            // Of a text that nobody can have signed.
            Err(_) => return Vec::new(),
        }
    }
}

pub(crate) fn read(text: &str) -> Result<SasToken<'_>, Denied> {
    SasToken::parse(text)
        .map_err(|error| Denied::new(Rule::UnreadableProof, format!("the token cannot be read: {error}")))
}

fn called(key: &Key) -> String {
    match key.module {
        None => format!("device {key}"),
        Some(_) => format!("module {key}"),
    }
}
