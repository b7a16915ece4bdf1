//! The policies of a hub. Azure has them in its management API; this is local.

use iothub_model::{ErrorCode, SharedAccessPolicy, SymmetricKey};
use iothub_proto::Now;

use crate::change::Change;
use crate::credential::Credential;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::policy::{Policy, Rights};
use crate::rest::registration::json;
use crate::rest::wish::check_keys;
use crate::rest::{Failure, Outcome};

impl Hub {
    pub(super) fn list_policies(&self) -> Outcome {
        let policies: Vec<_> =
            self.gate.policies.iter().map(|(name, policy)| document(name, policy)).collect();
        Outcome::json(200, &policies, None)
    }

    pub(super) fn get_policy(&self, name: &str) -> Result<Outcome, Failure> {
        let policy = self.gate.policies.get(name).ok_or_else(|| unknown(name))?;
        Ok(Outcome::json(200, &document(name, policy), None))
    }

    /// Makes a policy, or changes what of it the request names.
    pub(super) fn put_policy(
        &mut self,
        now: Now,
        name: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let SharedAccessPolicy { key_name, keys, rights } = json(request.body)?;
        if !key_name.is_empty() && key_name != name {
            let message = format!("keyName is {key_name:.64?}, and the address says {name:?}");
            return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
        }
        check_keys(&keys)?;
        let before = self.gate.policies.get(name).cloned();
        if before.is_none() && self.gate.policies.len() >= Policy::MAX {
            let message = format!("a hub has at most {} policies", Policy::MAX);
            return Err(Failure::new(ErrorCode::InvalidOperation, message));
        }
        let rights = match &before {
            Some(before) if rights.is_empty() => before.rights,
            Some(_) | None => Rights::read(&rights).ok_or_else(|| unreadable(&rights))?,
        };
        if name == Policy::OWNER && rights != Rights::ALL {
            return Err(kept("keeps all rights"));
        }
        let (primary, secondary) = before.clone().map(|before| (before.primary, before.secondary)).unzip();
        let policy = Policy {
            rights,
            primary: keys.primary_key.or(primary).unwrap_or_else(|| self.source.key()),
            secondary: keys.secondary_key.or(secondary).unwrap_or_else(|| self.source.key()),
        };
        if before.is_none_or(|before| before != policy) {
            self.record(Change::PolicySet { name: name.into(), policy }, effects);
            self.expel_admitted(now, name, effects);
        }
        self.get_policy(name)
    }

    pub(super) fn delete_policy(
        &mut self,
        now: Now,
        name: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        if name == Policy::OWNER {
            return Err(kept("cannot be removed"));
        }
        if !self.gate.policies.contains_key(name) {
            return Err(unknown(name));
        }
        self.record(Change::PolicyRemoved { name: name.into() }, effects);
        self.expel_admitted(now, name, effects);
        Ok(Outcome::empty(204))
    }

    /// Ends the connections that a policy let in and would not let in any longer.
    fn expel_admitted(&mut self, now: Now, name: &str, effects: &mut Effects) {
        let policy = self.gate.policies.get(name).cloned();
        let lost = |credential: &Credential| match credential {
            Credential::Policy { name: by, print } => {
                by == name && !policy.as_ref().is_some_and(|policy| policy.still_admits(*print))
            }
            Credential::Key(_) | Credential::Certificate(_) | Credential::Issued { .. } => false,
        };
        self.expel_where(now, lost, "the policy that let it in has changed", effects);
    }
}

fn document(name: &str, policy: &Policy) -> SharedAccessPolicy {
    let Policy { rights, primary, secondary } = policy;
    SharedAccessPolicy {
        key_name: name.into(),
        keys: SymmetricKey { primary_key: Some(primary.clone()), secondary_key: Some(secondary.clone()) },
        rights: rights.to_string(),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(ErrorCode::GenericNotFound, format!("there is no policy {name}"))
}

fn unreadable(rights: &str) -> Failure {
    let message = format!(
        "rights must name some of RegistryRead, RegistryWrite, ServiceConnect and DeviceConnect, with commas between, \
         and is {rights:.256?}"
    );
    Failure::new(ErrorCode::ArgumentInvalid, message)
}

/// Why the one policy cannot be what was asked for.
fn kept(how: &str) -> Failure {
    let message = format!("the policy {} {how}: without it nobody could give rights", Policy::OWNER);
    Failure::new(ErrorCode::InvalidOperation, message)
}
