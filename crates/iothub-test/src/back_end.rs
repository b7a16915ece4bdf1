use iothub_codec::{ConnectionString, SharedKey, TokenRequest};
use iothub_server::RestRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock;
use crate::wire::Entrance;

/// Asks the hub for what a back end would, in this process: that works without sockets as well.
#[derive(Debug)]
pub(crate) struct BackEnd {
    entrance: Entrance,
    token: String,
}

/// What a device answered to a method call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The device's own number.
    pub status: i32,
    /// What it said.
    pub payload: Value,
}

/// The hub said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path}: the hub answers {status} {answer}")]
pub struct Refused {
    /// What was asked for: the method of HTTP.
    pub method: &'static str,
    /// And the path.
    pub path: String,
    /// HTTP's status; 503 of a hub that is down.
    pub status: u16,
    /// What the hub said besides.
    pub answer: String,
}

impl BackEnd {
    pub(crate) fn new(entrance: Entrance, connection_string: &str) -> Self {
        Self { entrance, token: token(connection_string) }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, Refused> {
        self.ask("GET", path, b"").await
    }

    /// Puts a document into the place of one that is there, whatever that is by now.
    pub(crate) async fn replace(&self, path: String, body: &impl Serialize) -> Result<(), Refused> {
        let body = serde_json::to_vec(body).expect("documents of the service API can be written");
        self.ask_on("PUT", path, &body, true).await.map(|_: Value| ())
    }

    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: String,
        body: &impl Serialize,
    ) -> Result<T, Refused> {
        let body = serde_json::to_vec(body).expect("documents of the service API can be written");
        // Making something is on no condition.
        self.ask_on(method, path, &body, method != "PUT").await
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: String,
        body: &[u8],
    ) -> Result<T, Refused> {
        self.ask_on(method, path, body, false).await
    }

    async fn ask_on<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: String,
        body: &[u8],
        is_there: bool,
    ) -> Result<T, Refused> {
        let refused = |path, status, answer| Refused { method, path, status, answer };
        let Some(door) = self.entrance.door() else {
            return Err(refused(path, 503, "the hub is down".into()));
        };
        let headers = [
            ("host", "localhost"),
            ("authorization", self.token.as_str()),
            ("content-type", "application/json"),
            ("if-match", "*"),
        ];
        let headers = if is_there { &headers[..] } else { &headers[..3] };
        let query = Some("api-version=2021-04-12");
        let response =
            door.ask(RestRequest { method, path: &path, query, headers, certificates: &[], body }).await;
        let body = match response.body.is_empty() {
            true => b"null",
            false => &response.body[..],
        };
        match serde_json::from_slice(body) {
            Ok(document) if response.status < 300 => Ok(document),
            Ok(_) | Err(_) => Err(refused(path, response.status, words(&response.body))),
        }
    }
}

/// What a hub says when it refuses: its words, which it has in a document, for some errors in another document.
fn words(body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(said) = document["Message"].as_str() else { return String::from_utf8_lossy(body).into_owned() };
    let inner: Value = serde_json::from_str(said).unwrap_or_default();
    match inner["message"].as_str() {
        Some(message) => format!("{}: {message}", inner["errorCode"]),
        None => said.to_owned(),
    }
}

/// A token that lasts longer than any test, in any time.
fn token(connection_string: &str) -> String {
    let parts = ConnectionString::parse(connection_string).expect("the hub has written it");
    let key = parts.key().and_then(|key| SharedKey::from_base64(key).ok()).expect("it has a key in it");
    let expiry_s = clock::civil_s() + LASTS_S;
    let asked = TokenRequest { host: "localhost", identity: None, expiry_s, policy: parts.key_name() };
    let mut room = [0; 512];
    asked.sign(&key, &mut room).expect("512 bytes are enough for a token of localhost").to_owned()
}

/// A hundred years.
const LASTS_S: u64 = 100 * 366 * 24 * 3600;

/// The name of a device, which may have signs in it that a path cannot; or that of a module behind that of its device.
pub(crate) fn in_path(name: &str) -> String {
    utf8_percent_encode(name, SIGNS).to_string()
}

const SIGNS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_');
