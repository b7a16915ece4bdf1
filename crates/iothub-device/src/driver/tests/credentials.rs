//! Credentials that come from elsewhere.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use iothub_codec::{Channels, Dialect, SharedKey, Signer, Status};
use iothub_proto::{Backoff, RefusalReason, Session};

use super::hub::{Did, Hub, Shown, dialects, elapsed};
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::credentials::{CredentialsError, ProviderError};
use crate::device::Device;
use crate::error::SendError;
use crate::message::Message;
use crate::options::Options;
use crate::status::ConnectionStatus;

const TEXT: &str = "HostName=hub1.azure-devices.net;DeviceId=dev-1";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// How long the tokens of a [`Vault`] are good.
const LIFE: Duration = Duration::from_secs(3_600);

/// Gives a token with another signature each time, unless it is told to do something else.
#[derive(Clone, Default)]
struct Vault(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    times: u32,
    mood: Mood,
}

#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    Open,
    Sealed,
    Silent,
    Gone,
}

impl Vault {
    fn options(&self) -> Options {
        let vault = self.clone();
        let options = Options::with_tokens(TEXT, move |wanted| {
            let (mood, number) = vault.asked();
            assert_eq!(wanted.resource, "hub1.azure-devices.net/devices/dev-1");
            async move {
                match mood {
                    Mood::Open => Ok(token(number)),
                    Mood::Sealed => Err(std::io::Error::other("the vault is sealed"))?,
                    Mood::Silent => core::future::pending().await,
                    Mood::Gone => Err(ProviderError::fatal("no such device")),
                }
            }
        });
        let soon = Backoff { base: Duration::from_secs(1), longest: Duration::from_secs(1) };
        options.unwrap().keep_alive(0).connect_timeout(Duration::from_secs(5)).backoff(soon)
    }

    fn asked(&self) -> (Mood, u32) {
        let mut asked = self.0.lock().unwrap();
        asked.times += 1;
        (asked.mood, asked.times)
    }

    fn times(&self) -> u32 {
        self.0.lock().unwrap().times
    }

    fn is(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }
}

fn token(number: u32) -> String {
    let expiry_s = Clock::start().now_on_both().timestamp.after(LIFE).as_secs();
    format!("SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1&sig={number}&se={expiry_s}")
}

fn number(proof: &Shown) -> u32 {
    let Shown::Token(token) = proof else { panic!("{proof:?}") };
    let number = token.split("sig=").nth(1).unwrap().split('&').next().unwrap();
    number.parse().unwrap()
}

async fn cause(device: &Device) -> Arc<ConnectError> {
    let next = device.status().changed().await.unwrap();
    let (ConnectionStatus::Disconnected { cause, .. } | ConnectionStatus::Closed { cause: Some(cause) }) =
        next
    else {
        panic!("{next:?}")
    };
    cause
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_and_another_before_it_expires() {
    let vault = Vault::default();
    let (mut hub, device, mut connection) = Hub::with_device(vault.options()).await;
    assert_eq!(number(&connection.proof), 1);
    let mut status = device.status();
    let began = Clock::start();
    assert_eq!(connection.next().await, Did::SaidGoodbye);
    assert!((2_870..=3_240).contains(&elapsed(began).as_secs()), "{:?}", elapsed(began));
    let mut next = hub.arrival().await;
    assert_eq!(number(&next.proof), 2);
    next.accept(Session::Resume).await;
    assert!(next.is_silent_for(Duration::from_secs(60)).await);
    assert_eq!(vault.times(), 2, "the one that was fetched ahead is used");
    let changed = tokio::time::timeout(Duration::from_secs(1), status.changed()).await;
    assert!(changed.is_err(), "the device was connected all the time: {changed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_goes_on_while_there_is_no_new_token() {
    let vault = Vault::default();
    let (mut hub, _device, mut connection) = Hub::with_device(vault.options()).await;
    for mood in [Mood::Sealed, Mood::Silent] {
        vault.is(mood);
        let before = vault.times();
        // By then most of the life of the token is over.
        assert!(connection.is_silent_for(Duration::from_secs(3_400)).await);
        assert!(vault.times() > before + 1, "it was asked again");
        vault.is(Mood::Open);
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        let mut next = hub.arrival().await;
        assert_eq!(number(&next.proof), vault.times());
        next.accept(Session::Resume).await;
        connection = next;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_good_for_long_needs_no_vault_to_come_back() {
    let vault = Vault::default();
    let (mut hub, device, connection) = Hub::with_device(vault.options()).await;
    vault.is(Mood::Sealed);
    drop(connection);
    cause(&device).await;
    let next = hub.arrival().await;
    assert_eq!((number(&next.proof), vault.times()), (1, 1));
    // But a token that the hub refuses does not serve again.
    vault.is(Mood::Open);
    next.refuse(RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED).await;
    assert_eq!(number(&hub.arrival().await.proof), 2);
}

#[tokio::test(start_paused = true)]
async fn who_gives_no_token_is_asked_again_unless_he_says_that_there_will_be_none() {
    for (mood, shown, ends) in [
        (Mood::Sealed, "no credentials: the vault is sealed", false),
        (Mood::Silent, "no credentials: no answer within 5s", false),
        (Mood::Gone, "no credentials: no such device", true),
    ] {
        let vault = Vault::default();
        vault.is(mood);
        let (mut hub, wire) = Hub::new();
        let error = Device::connect_over(vault.options(), wire).await.unwrap_err();
        assert_eq!(error.to_string(), shown);
        assert!(hub.dialled().await.is_none(), "the hub is not dialled for nothing");

        vault.is(Mood::Open);
        let (mut hub, device, connection) = Hub::with_device(vault.options()).await;
        vault.is(mood);
        let mut status = device.status();
        drop(connection);
        hub.arrival().await.refuse(RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED).await;
        let cause = loop {
            let next = status.changed().await.unwrap();
            if let ConnectionStatus::Disconnected { cause, .. }
            | ConnectionStatus::Closed { cause: Some(cause) } = next
                && matches!(*cause, ConnectError::Credentials(_))
            {
                break cause;
            }
        };
        assert_eq!(cause.to_string(), shown);
        assert_eq!(matches!(status.current(), ConnectionStatus::Closed { .. }), ends, "{shown}");
        vault.is(Mood::Open);
        if !ends {
            hub.arrival().await.accept(Session::Resume).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fatal_answer_ends_the_device_even_while_it_is_connected() {
    let vault = Vault::default();
    let (_hub, device, mut connection) = Hub::with_device(vault.options()).await;
    vault.is(Mood::Gone);
    assert_eq!(connection.next().await, Did::Closed);
    let cause = cause(&device).await;
    assert!(matches!(&*cause, ConnectError::Credentials(CredentialsError::Failed { .. })), "{cause}");
    assert!(matches!(device.status().current(), ConnectionStatus::Closed { .. }));
}

#[tokio::test(start_paused = true)]
async fn tokens_are_of_the_classic_dialect() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let connecting =
            tokio::spawn(Device::connect_over(Vault::default().options().dialect(dialect), wire));
        if dialect == Dialect::Classic {
            hub.arrival().await.accept(Session::Fresh).await;
            connecting.await.unwrap().unwrap();
        } else {
            let error = connecting.await.unwrap().unwrap_err();
            assert!(matches!(error, ConnectError::NotExpressible(_)), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_else_signs_for_connections_and_renewals_in_every_dialect() {
    for dialect in dialects() {
        let options = Options::with_signer(TEXT, |message: Bytes| async move {
            // Nobody waits for it who does not have to.
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(SharedKey::from_base64(KEY).unwrap().sign(&message)?)
        });
        let options = options.unwrap().dialect(dialect).keep_alive(0);
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        let mut status = device.status();
        match (&connection.proof, dialect) {
            (Shown::Token(_), Dialect::Classic)
            | (Shown::Signature { .. }, Dialect::Preview311 | Dialect::Preview5) => {}
            (proof, _) => panic!("{proof:?}"),
        }
        if dialect == Dialect::Preview5 {
            assert!(matches!(connection.next().await, Did::Renews(_)));
        } else {
            assert_eq!(connection.next().await, Did::SaidGoodbye);
            connection = hub.arrival().await;
            connection.accept(Session::Resume).await;
        }
        let changed = tokio::time::timeout(Duration::from_secs(1), status.changed()).await;
        assert!(changed.is_err(), "the device was connected all the time: {changed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_closes_the_device_and_leaves_nobody_waiting() {
    let armed = Arc::new(Mutex::new(false));
    let bomb = Arc::clone(&armed);
    let options = Options::with_tokens(TEXT, move |_| {
        assert!(!*bomb.lock().unwrap(), "as the test wants it");
        core::future::ready(Ok(token(1)))
    });
    let options = options.unwrap().keep_alive(0).subscribe(Channels::METHODS | Channels::COMMANDS);
    let (_hub, device, mut connection) = Hub::with_device(options).await;
    let (mut methods, mut commands) = (device.methods().await.unwrap(), device.commands().await.unwrap());
    let mut changes = device.status_changes();
    *armed.lock().unwrap() = true;
    assert_eq!(connection.next().await, Did::Closed);
    assert!(methods.next().await.is_none());
    assert!(commands.next().await.is_none());
    assert_eq!(device.send(Message::new("")).await, Err(SendError::Closed));
    assert!(matches!(device.status().current(), ConnectionStatus::Closed { cause: None }));
    assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Connected));
    assert!(matches!(changes.next().await.unwrap().status, ConnectionStatus::Closed { .. }));
    assert!(changes.next().await.is_none());
}
