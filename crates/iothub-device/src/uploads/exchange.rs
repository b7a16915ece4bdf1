//! What is asked of the hub, and of the storage.

use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Builder;
use hyper::{Method, Request};
use iothub_codec::{Dialect, Proof};
use iothub_model::{Date, FileAccess, FileUploadCompletion, FileUploadRequest};
use iothub_proto::{Instant, Now, Timestamp};
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::clock::Clock;
use crate::options::HTTPS_PORT;
use crate::uploads::error::UploadError;
use crate::uploads::https::{Answer, Failed, Https};
use crate::uploads::plan::Trouble;

/// How an upload ended, for the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Success,
    Failure,
}

impl Https {
    /// Asks the hub for access to write a file.
    pub(super) async fn ask(&self, clock: Clock, name: &str) -> Result<FileAccess, Failed> {
        let answer = self.ask_hub(clock, "files", &FileUploadRequest { blob_name: name.into() }).await?;
        if answer.is_success() {
            let unreadable = |error: serde_json::Error| UploadError::Unreadable(error.to_string());
            return serde_json::from_slice(&answer.body).map_err(|error| Failed::lasting(unreadable(error)));
        }
        Err(refused(&answer))
    }

    /// Tells the hub how an upload has ended.
    pub(super) async fn tell(&self, clock: Clock, access: &FileAccess, end: End) -> Result<(), Failed> {
        let (is_success, code, words) = match end {
            End::Success => (true, 200, "uploaded"),
            End::Failure => (false, 500, "not uploaded"),
        };
        let body = FileUploadCompletion {
            correlation_id: Some(access.correlation_id.clone()),
            is_success: Some(is_success),
            status_code: Some(code),
            status_description: Some(words.into()),
        };
        let answer = self.ask_hub(clock, "files/notifications", &body).await?;
        if answer.is_success() { Ok(()) } else { Err(refused(&answer)) }
    }

    /// Sends a block of a file.
    pub(super) async fn put_block(&self, access: &FileAccess, id: &str, block: Bytes) -> Result<(), Failed> {
        let (to, place) = place(access)?;
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let md5 = STANDARD.encode(Md5::digest(&block));
        let request = storage(Method::PUT, &format!("{place}&comp=block&blockid={id}"));
        let request = written(request.header("content-md5", md5), block)?;
        judged(self.send(&to, request, BLOCK_WITHIN).await?)
    }

    /// Makes a file of blocks.
    pub(super) async fn put_block_list(
        &self,
        access: &FileAccess,
        ids: impl Iterator<Item = String>,
        content_type: Option<&str>,
    ) -> Result<(), Failed> {
        let (to, place) = place(access)?;
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for id in ids {
            list.push_str("<Latest>");
            list.push_str(&id);
            list.push_str("</Latest>");
        }
        list.push_str("</BlockList>");
        let mut request = storage(Method::PUT, &format!("{place}&comp=blocklist"));
        request = request.header(CONTENT_TYPE, "application/xml");
        if let Some(content_type) = content_type {
            request = request.header("x-ms-blob-content-type", content_type);
        }
        judged(self.send(&to, written(request, list.into())?, BLOCK_WITHIN).await?)
    }

    async fn ask_hub(&self, clock: Clock, what: &str, body: &impl Serialize) -> Result<Answer, Failed> {
        let options = &self.options;
        let device = utf8_percent_encode(options.identity().device.as_str(), NON_ALPHANUMERIC).to_string();
        let uri = format!("/devices/{device}/{what}?api-version={API_VERSION}");
        let mut request = Request::builder().method(Method::POST).uri(uri);
        request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
        let proven = options.prove_in(Dialect::Classic, options.now(clock)).await.map_err(Failed::passing)?;
        if let Proof::Token(token) = proven.proof() {
            let unwritable = |_| Failed::lasting(UploadError::Unreadable("the token".into()));
            let mut token = HeaderValue::from_str(token).map_err(unwritable)?;
            token.set_sensitive(true);
            request = request.header(AUTHORIZATION, token);
        }
        let body = serde_json::to_vec(body).expect("these documents have texts for names");
        let request = written(request, body.into())?;
        let to = options
            .https_address()
            .map_err(|_| Failed::lasting(UploadError::Unreadable("the name of the hub".into())))?;
        self.send(&to, request, options.operation_timeout).await
    }
}

/// The name of a block: what the file is called, and which block. All of a file have names of the same length.
pub(super) fn block_id(tag: u64, block: u32) -> String {
    STANDARD.encode(format!("{tag:016x}-{block:08x}"))
}

/// When other access than this should be asked for, so that there is some all the time; `None` if it does not say how long
/// it lasts, or if that is so short that the clock may be wrong.
pub(super) fn renewal(access: &FileAccess, now: Now) -> Option<Instant> {
    let mut parameters = access.sas_token.trim_start_matches('?').split('&');
    let end = parameters.find_map(|parameter| parameter.strip_prefix("se="))?;
    let end = percent_decode_str(end).decode_utf8().ok()?.parse::<Date>().ok()?.as_millis()?;
    let left = Timestamp::from_millis(end).since(now.timestamp);
    // What is under way then has that long to end.
    (left >= RENEWED_FROM).then(|| now.instant.after(left - left / 10))
}

/// The storage, and the path and token of the file there.
fn place(access: &FileAccess) -> Result<(Address, String), Failed> {
    let unreadable = || Failed::lasting(UploadError::Unreadable("the address of the storage".into()));
    let host = &access.host_name;
    let to: Address = host.parse().map_err(|_| unreadable())?;
    let to = to.or_port(HTTPS_PORT);
    let escaped = |text: &str| utf8_percent_encode(text, IN_PATH).to_string();
    let path = format!("/{}/{}", escaped(&access.container_name), escaped(&access.blob_name));
    Ok((to, format!("{path}{}", access.sas_token)))
}

fn storage(method: Method, uri: &str) -> Builder {
    Request::builder().method(method).uri(uri).header("x-ms-version", STORAGE_VERSION)
}

fn written(request: Builder, body: Bytes) -> Result<Request<Full<Bytes>>, Failed> {
    // An answer of the hub that has a line break, say.
    let unwritable = |_| Failed::lasting(UploadError::Unreadable("the address of the storage".into()));
    request.body(Full::new(body)).map_err(unwritable)
}

/// What the storage's answer means.
fn judged(answer: Answer) -> Result<(), Failed> {
    if answer.is_success() {
        return Ok(());
    }
    let code = answer.header("x-ms-error-code");
    let trouble = match (answer.status, code) {
        (400, "InvalidBlockList") => Trouble::BlocksLost,
        // What came is not what was sent.
        (400, "Md5Mismatch" | "IncompleteBody") => Trouble::Passing(None),
        (403, "AuthenticationFailed") | (401, _) => Trouble::AccessOver,
        _ if answer.may_pass() => Trouble::Passing(answer.wait()),
        _ => Trouble::Lasting,
    };
    let error = UploadError::StorageRefused { status: answer.status, code: code.to_owned() };
    Err(Failed { trouble, error })
}

/// What the hub's answer means, which is no success.
fn refused(answer: &Answer) -> Failed {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Problem {
        message: String,
    }

    let trouble = if answer.may_pass() { Trouble::Passing(answer.wait()) } else { Trouble::Lasting };
    let problem = serde_json::from_slice::<Problem>(&answer.body).ok();
    let (status, code) = (answer.status, answer.header("iothub-errorcode").to_owned());
    let message = problem.map(|problem| problem.message).unwrap_or_default();
    Failed { trouble, error: UploadError::Refused { status, code, message } }
}

/// All but what a path has as it is.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'$');
const API_VERSION: &str = "2021-04-12";
/// One that has all that is used here.
const STORAGE_VERSION: &str = "2021-08-06";
/// How long one block may take.
const BLOCK_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Access that lasts shorter is used to its end.
const RENEWED_FROM: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_renewed_before_it_is_over_as_far_as_that_is_known() {
        let now =
            Now { instant: Instant::from_millis(5_000), timestamp: Timestamp::from_secs(1_893_456_000) };
        for (token, after_s) in [
            ("?sv=1&se=2030%2D01%2D01T01%3A00%3A00Z&sig=x", Some(54 * 60)),
            ("?se=2030-01-01T00:10:00Z", Some(9 * 60)),
            ("sv=1&se=2030-01-01T00%3A00%3A30.0000000Z", Some(27)),
            ("?se=2030-01-01T00:00:29Z", None),
            ("?se=2029-12-31T00:00:00Z", None),
            ("?se=soon", None),
            ("?sv=1&sig=x", None),
            ("", None),
        ] {
            let access = FileAccess {
                correlation_id: String::new(),
                host_name: String::new(),
                container_name: String::new(),
                blob_name: String::new(),
                sas_token: token.into(),
            };
            let expected = after_s.map(|after| now.instant.after(Duration::from_secs(after)));
            assert_eq!(renewal(&access, now), expected, "{token}");
        }
    }
}
