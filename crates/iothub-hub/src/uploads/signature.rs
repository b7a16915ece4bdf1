use iothub_codec::{SharedKey, Signer};
use iothub_model::Date;
use iothub_proto::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::key::{from_base64, to_base64};
use crate::uploads::CONTAINER;
use crate::uploads::problem::{BlobProblem, BlobRefusal};

/// What a token of this hub's lets its holder do with one file, until some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant<'a> {
    /// The name of the blob.
    pub(crate) name: &'a str,
    /// Letters of [`Permission`].
    pub(crate) permissions: &'a str,
    pub(crate) until: Timestamp,
}

/// One of the things that a token may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Read,
    Write,
    Delete,
}

impl Permission {
    const fn letter(self) -> char {
        match self {
            Self::Read => 'r',
            Self::Write => 'w',
            Self::Delete => 'd',
        }
    }
}

impl Grant<'_> {
    /// The token, with the question mark in front.
    pub(crate) fn sign(&self, key: &SharedKey) -> String {
        let (permissions, until) = (self.permissions, written(self.until));
        let text = string_to_sign(self.name, permissions, &until);
        let Ok(code) = key.sign(text.as_bytes());
        let (until, code) = (escaped(&until), escaped(&to_base64(&code)));
        format!("?sv={VERSION}&sr=b&sp={permissions}&se={until}&sig={code}")
    }
}

/// Sees to it that a token is by that key, for that file, for that, and for now. Gives its end.
pub(crate) fn check(
    key: &SharedKey,
    (name, permission): (&str, Permission),
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<Timestamp, BlobRefusal> {
    let given = |name: &str| {
        let found = parameters.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.as_str())
    };
    let Some(code) = given("sig") else {
        let why = "a shared access signature is missing: the address must end as the hub gave it";
        return Err(BlobRefusal::new(BlobProblem::NoAuthenticationInformation, why));
    };
    let failed = |why: &str| BlobRefusal::new(BlobProblem::AuthenticationFailed, why);
    let (Some(permissions), Some(until)) = (given("sp"), given("se")) else {
        return Err(failed("the signature lacks sp or se"));
    };
    let text = string_to_sign(name, permissions, until);
    let code = from_base64(code).and_then(|code| <[u8; 32]>::try_from(code).ok());
    let is_ours = given("sv") == Some(VERSION) && given("sr") == Some("b");
    if !is_ours || !code.is_some_and(|code| key.verify_code(text.as_bytes(), &code)) {
        return Err(failed("the signature is not of this hub's making, or for another file"));
    }
    // It was written by this hub, and so is a date.
    let until = until.parse::<Date>().ok().and_then(Date::as_millis).unwrap_or_default();
    let until = Timestamp::from_millis(until);
    if until <= now {
        return Err(failed("the signature has expired: ask the hub for another one"));
    }
    if !permissions.contains(permission.letter()) {
        let why = format!("the signature is for {permissions:.16}, and not for {}", permission.letter());
        return Err(BlobRefusal::new(BlobProblem::AuthorizationPermissionMismatch, why));
    }
    Ok(until)
}

/// No part of it has a line break where the hub signs it: names of files and dates have none.
fn string_to_sign(name: &str, permissions: &str, until: &str) -> String {
    format!("{permissions}\n{until}\n/{CONTAINER}/{name}\n{VERSION}\nb")
}

/// To the second, as storage clients write it.
fn written(time: Timestamp) -> String {
    let mut date = Date::from_millis(time.as_secs() * 1000).to_string();
    date.truncate(19);
    date.push('Z');
    date
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The version that official clients take such a token for.
const VERSION: &str = "2021-08-06";

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: Timestamp = Timestamp::from_secs(1_893_456_000);

    fn key(byte: u8) -> SharedKey {
        SharedKey::from_base64(&to_base64(&[byte; 32])).unwrap()
    }

    fn parameters(token: &str) -> Vec<(String, String)> {
        let pairs = token.trim_start_matches('?').split('&').map(|pair| pair.split_once('=').unwrap());
        pairs
            .map(|(name, value)| {
                let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
                (name.to_owned(), value.into_owned())
            })
            .collect()
    }

    #[test]
    fn a_token_is_good_for_its_file_its_time_and_its_purpose() {
        use BlobProblem::{
            AuthenticationFailed as Failed, AuthorizationPermissionMismatch as Mismatch,
            NoAuthenticationInformation as Nobody,
        };
        use Permission::{Delete, Read, Write};

        let grant = Grant { name: "d/f", permissions: "rw", until: UNTIL };
        let token = grant.sign(&key(1));
        assert!(
            token.starts_with("?sv=2021-08-06&sr=b&sp=rw&se=2030%2D01%2D01T00%3A00%3A00Z&sig="),
            "{token}"
        );
        let now = Timestamp::from_secs(1_893_455_999);
        let good = parameters(&token);
        let with = |name: &str, value: &str| {
            let mut all = good.clone();
            all.iter_mut().find(|(each, _)| each == name).unwrap().1 = value.into();
            all
        };
        let without = |name: &str| good.iter().filter(|(each, _)| each != name).cloned().collect::<Vec<_>>();
        for (case, key, name, permission, parameters, now, expected) in [
            ("as it is", key(1), "d/f", Write, good.clone(), now, None),
            ("to read", key(1), "d/f", Read, good.clone(), now, None),
            ("to delete", key(1), "d/f", Delete, good.clone(), now, Some(Mismatch)),
            ("another file", key(1), "d/g", Write, good.clone(), now, Some(Failed)),
            ("another hub", key(2), "d/f", Write, good.clone(), now, Some(Failed)),
            ("too late", key(1), "d/f", Write, good.clone(), UNTIL, Some(Failed)),
            ("more time", key(1), "d/f", Write, with("se", "2031-01-01T00:00:00Z"), now, Some(Failed)),
            ("more rights", key(1), "d/f", Delete, with("sp", "rwd"), now, Some(Failed)),
            ("another kind", key(1), "d/f", Write, with("sr", "c"), now, Some(Failed)),
            ("another version", key(1), "d/f", Write, with("sv", "2020-01-01"), now, Some(Failed)),
            ("no base64", key(1), "d/f", Write, with("sig", "%"), now, Some(Failed)),
            ("too short", key(1), "d/f", Write, with("sig", "AAAA"), now, Some(Failed)),
            ("no signature", key(1), "d/f", Write, without("sig"), now, Some(Nobody)),
            ("no expiry", key(1), "d/f", Write, without("se"), now, Some(Failed)),
            ("a shifted line", key(1), "d/f", Write, with("sp", "rw\n2030"), now, Some(Failed)),
        ] {
            let checked = check(&key, (name, permission), &parameters, now);
            assert_eq!(checked.err().map(|refusal| refusal.problem), expected, "{case}");
        }
    }
}
