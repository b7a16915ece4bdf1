use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{BadSasTokenKind, DeviceId, ModuleId, Signer, Text};

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HOST: &str = "hub1.azure-devices.net";
const EXPIRY_S: u64 = 1_893_456_000;
const TOKEN: &str = "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1\
                     &sig=pd27749drbVXxWwouwXZ3vLxhyvKK8YgFBQsuh7t2tY%3D&se=1893456000";

fn claimant() -> Claimant<'static> {
    let identity = Identity::device(DeviceId::new("dev-1").unwrap());
    let now = Timestamp::from_secs(EXPIRY_S - 3_600);
    let (lifetime, within) = (Duration::from_secs(3_600), Duration::from_secs(5));
    Claimant { host: HOST, identity, now, lifetime, within }
}

fn key(policy: Option<&str>) -> Credentials {
    let policy = policy.map(str::to_owned);
    Credentials::Key { key: SharedKey::from_base64(KEY).unwrap(), policy }
}

/// The same key in somebody else's hands.
fn signer(policy: Option<&str>) -> Credentials {
    let policy = policy.map(str::to_owned);
    let codes = Provider::new(|message: Bytes| async move {
        let key = SharedKey::from_base64(KEY).unwrap();
        tokio::task::yield_now().await;
        Ok(key.sign(&message)?)
    });
    Credentials::Signer { codes, policy }
}

/// Gives that text, whatever is asked for.
fn tokens(text: &str) -> Credentials {
    let text = text.to_owned();
    Credentials::Tokens(Provider::new(move |_| {
        let text = text.clone();
        async move { Ok(text) }
    }))
}

#[tokio::test]
async fn a_key_signs_a_token_for_the_name_and_the_lifetime() {
    for credentials in [key(None), signer(None)] {
        let proven = credentials.prove(Dialect::Classic, &claimant()).await.unwrap();
        assert_eq!(proven.valid_until(), Some(Timestamp::from_secs(EXPIRY_S)), "{credentials:?}");
        let Proof::Token(token) = proven.proof() else { panic!("{:?}", proven.proof()) };
        assert_eq!(token, TOKEN, "{credentials:?}");
        assert!(SasToken::parse(token).unwrap().covers(HOST, Some(claimant().identity)));
    }
}

/// The codes were made with Python's `hmac`, from the five lines.
#[tokio::test]
async fn in_the_previews_it_signs_what_the_device_says() {
    for (policy, first_bytes) in [(None, [0x0f, 0x60, 0xbf, 0x68]), (Some("svc"), [0x8e, 0xee, 0xa6, 0x7f])] {
        for dialect in [Dialect::Preview311, Dialect::Preview5] {
            for credentials in [key(policy), signer(policy)] {
                let proven = credentials.prove(dialect, &claimant()).await.unwrap();
                assert_eq!(proven.valid_until(), None, "the signature says it");
                let Proof::Signature(signature) = proven.proof() else { panic!("{:?}", proven.proof()) };
                let times = (signature.terms.at_ms, signature.terms.expiry_ms);
                assert_eq!(times, (Some(1_893_452_400_000), 1_893_456_000_000));
                assert_eq!(signature.terms.policy, policy.map(Text::plain));
                assert_eq!(signature.code[..4], first_bytes, "{policy:?} {credentials:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_given_token_is_used_as_it_is() {
    let credentials = Credentials::Token("SharedAccessSignature sr=a&sig=b&se=1".to_owned());
    for dialect in Dialect::ALL {
        let proven = credentials.prove(*dialect, &claimant()).await.unwrap();
        assert_eq!(proven.proof(), Proof::Token("SharedAccessSignature sr=a&sig=b&se=1"));
        assert_eq!(proven.valid_until(), None, "it cannot be renewed");
    }
    assert!(!credentials.may_get_better());
    assert!(!credentials.are_renewable());
}

#[tokio::test]
async fn a_token_from_elsewhere_says_itself_how_long_it_is_good() {
    for (expiry_s, valid_until_s, again_until_s) in [
        (EXPIRY_S, Some(EXPIRY_S), Some(EXPIRY_S - 1_800)),
        (EXPIRY_S - 3_580, Some(EXPIRY_S - 3_580), Some(EXPIRY_S - 3_590)),
        // A clock that runs ahead must not keep the device away.
        (EXPIRY_S - 3_595, None, None),
        (1, None, None),
    ] {
        let text = format!("SharedAccessSignature sr={HOST}%2fdevices%2Fdev-1&sig=b&se={expiry_s}");
        let credentials = tokens(&text);
        let proven = credentials.prove(Dialect::Classic, &claimant()).await.unwrap();
        assert_eq!(proven.proof(), Proof::Token(&text));
        assert_eq!(proven.valid_until().map(Timestamp::as_secs), valid_until_s, "{expiry_s}");
        assert_eq!(proven.again_until().map(Timestamp::as_secs), again_until_s, "{expiry_s}");
    }
}

#[tokio::test]
async fn it_is_asked_for_what_the_device_is() {
    let module = ModuleId::new("m 1".replace(' ', "+").leak()).unwrap();
    let device = claimant().identity.device;
    for (identity, resource) in [
        (claimant().identity, "hub1.azure-devices.net/devices/dev-1"),
        (Identity { device, module: Some(module) }, "hub1.azure-devices.net/devices/dev-1/modules/m+1"),
    ] {
        let wanted = Claimant { identity, ..claimant() }.wanted();
        let lifetime = claimant().lifetime;
        let expected = TokenWanted { host: HOST.to_owned(), resource: resource.to_owned(), lifetime };
        assert_eq!(wanted, expected);
    }
}

#[tokio::test]
async fn what_is_no_token_for_this_device_is_not_shown_to_the_hub() {
    for (text, shown) in [
        ("", "no SAS token: byte 0 of the token:"),
        ("hvs.c2VjcmV0", "no SAS token: byte 0 of the token:"),
        (
            "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-2&sig=b&se=1893456000",
            "the token is for something else than hub1.azure-devices.net/devices/dev-1",
        ),
        (
            "SharedAccessSignature sr=hub2.azure-devices.net%2Fdevices%2Fdev-1&sig=b&se=1893456000",
            "the token is for something else than hub1.azure-devices.net/devices/dev-1",
        ),
    ] {
        let error = tokens(text).prove(Dialect::Classic, &claimant()).await.unwrap_err();
        assert!(error.to_string().starts_with(shown), "{text}: {error}");
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{error:?}");
        assert!(error.is_retryable(), "{error}");
        let scheme = matches!(&error, CredentialsError::NoToken(bad) if bad.kind == BadSasTokenKind::Scheme);
        assert_eq!(scheme, !text.contains("sr="), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_the_secrets_may_be_late_or_refuse() {
    let silent = Provider::new(|_: Bytes| core::future::pending());
    let away = Provider::new(|_: Bytes| async { Err(std::io::Error::other("sealed"))? });
    let retired = Provider::new(|_: Bytes| async { Err(ProviderError::fatal("no such device")) });
    for (codes, shown, is_retryable) in
        [(silent, "no answer within 5s", true), (away, "sealed", true), (retired, "no such device", false)]
    {
        let credentials = Credentials::Signer { codes, policy: None };
        for dialect in Dialect::ALL {
            let error = credentials.prove(*dialect, &claimant()).await.unwrap_err();
            assert_eq!((error.to_string().as_str(), error.is_retryable()), (shown, is_retryable));
        }
    }
}

#[tokio::test]
async fn somebody_else_signs_once_for_each_proof() {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let codes = Provider::new(move |_: Bytes| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok([7; 32]) }
    });
    let credentials = Credentials::Signer { codes, policy: None };
    for (proofs, dialect) in (1..).zip(Dialect::ALL) {
        credentials.prove(*dialect, &claimant()).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), proofs);
    }
}

#[test]
fn the_secret_is_not_shown() {
    let token = Credentials::Token("SharedAccessSignature sr=a&sig=b&se=1".to_owned());
    let all = [key(None), signer(None), token, tokens("SharedAccessSignature sr=a&sig=b&se=1")];
    assert_eq!(format!("{all:?}"), "[Key(..), Signer(..), Token(..), Tokens(..)]");
    let fault = ProviderError::retryable("sealed");
    assert_eq!(format!("{fault:?}"), r#"ProviderError { source: "sealed", retry: Later }"#);
}
