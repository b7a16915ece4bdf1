use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use iothub_model::Refusal;
use reqwest::header::{HOST, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::de::DeserializeOwned;

use crate::clock::now_s;
use crate::credentials::Authorization;
use crate::endpoint::Endpoint;
use crate::error::chain;
use crate::request::Request;
use crate::{Error, Options, SetupError, tls};

/// A hub as a back end sees it.
///
/// Clones share their connections and their token. Each operation is one request, is safe to drop while it
/// waits, and is not repeated by itself when it fails.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    client: Client,
    endpoint: Endpoint,
    authorization: Authorization,
    deadline: Duration,
}

impl Service {
    /// Longest answer that is read, in bytes. A thousand devices, the most that a hub lists at once, are
    /// well below it.
    pub const ANSWER_MAX: usize = 16 * 1024 * 1024;

    /// Prepares to speak to a hub. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if the host name has no place in a URL, or if there is nobody to trust.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let Options { endpoint, address, credentials, roots, deadline } = options;
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls::config(roots)?)
            .https_only(true)
            // A token is for this hub and for nobody that it may point to.
            .redirect(Policy::none());
        let endpoint = match address {
            None => endpoint,
            Some(address) => {
                client = client.resolve(&endpoint.name.to_ascii_lowercase(), address);
                endpoint.reached_at(address)?
            }
        };
        if endpoint.is_loopback || address.is_some() {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| SetupError::Https(chain(&error)))?;
        let authorization = Authorization::new(credentials, &endpoint.name);
        Ok(Self(Arc::new(Inner { client, endpoint, authorization, deadline })))
    }

    /// [`Self::new`] with what the connection string says and nothing else.
    ///
    /// # Errors
    ///
    /// As for [`Options::from_connection_string`] and [`Self::new`].
    pub fn from_connection_string(text: &str) -> Result<Self, SetupError> {
        Self::new(Options::from_connection_string(text)?)
    }

    /// The name of the hub, without a port.
    pub fn host(&self) -> &str {
        &self.0.endpoint.name
    }

    /// Sends a request that is answered with a document.
    pub(crate) async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let body = self.exchange(request).await?;
        serde_json::from_slice(&body).map_err(|error| self.unreadable(error.to_string()))
    }

    /// Sends a request of which only the success matters.
    pub(crate) async fn send_for_nothing(&self, request: Request) -> Result<(), Error> {
        self.exchange(request).await.map(drop)
    }

    /// Sends a request whose answer goes on for as long as the hub likes, and reads up to the body.
    pub(crate) async fn open(&self, request: Request) -> Result<Response, Error> {
        let after = self.0.deadline;
        match tokio::time::timeout(after, self.begin(request, None)).await {
            Ok(response) => response,
            Err(_) => Err(Error::TimedOut { host: self.reached(), after }),
        }
    }

    /// Sends a request that is answered with the same document whether it is a success or has this status.
    pub(crate) async fn send_despite<T: DeserializeOwned>(
        &self,
        request: Request,
        failed: u16,
    ) -> Result<T, Error> {
        let deadline = self.0.deadline;
        let mut response = self.dispatch(request, Some(deadline)).await?;
        let (status, headers) = (response.status(), core::mem::take(response.headers_mut()));
        let body = self.read(&mut response, deadline).await?;
        match serde_json::from_slice(&body) {
            Ok(document) if status.is_success() || status == failed => Ok(document),
            Err(error) if status.is_success() => Err(self.unreadable(error.to_string())),
            Ok(_) | Err(_) => Err(Error::refused(status.as_u16(), refusal(&headers, &body))),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Vec<u8>, Error> {
        self.exchange_whole(request).await.map(|(body, _)| body)
    }

    /// Sends a request of whose answer the headers matter, too.
    pub(crate) async fn exchange_whole(&self, request: Request) -> Result<(Vec<u8>, HeaderMap), Error> {
        let deadline = request.timeout.unwrap_or(self.0.deadline);
        let mut response = self.begin(request, Some(deadline)).await?;
        let headers = core::mem::take(response.headers_mut());
        Ok((self.read(&mut response, deadline).await?, headers))
    }

    /// An answer that is no success has become an error.
    async fn begin(&self, request: Request, deadline: Option<Duration>) -> Result<Response, Error> {
        let waited = deadline.unwrap_or(self.0.deadline);
        let mut response = self.dispatch(request, deadline).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let headers = core::mem::take(response.headers_mut());
        let body = self.read(&mut response, waited).await?;
        Err(Error::refused(status, refusal(&headers, &body)))
    }

    /// The one place where requests leave.
    async fn dispatch(&self, request: Request, deadline: Option<Duration>) -> Result<Response, Error> {
        let Inner { client, endpoint, authorization, .. } = &*self.0;
        let request = request.authorized(&authorization.at(now_s()))?;
        let host = HeaderValue::from_str(&endpoint.authority).expect("an endpoint is ASCII");
        let mut call = client
            .request(request.method.clone(), request.url(&endpoint.authority))
            .headers(request.headers)
            .header(HOST, host)
            .body(request.body);
        if let Some(deadline) = deadline {
            call = call.timeout(deadline);
        }
        let waited = deadline.unwrap_or(self.0.deadline);
        call.send().await.map_err(|error| self.transport(waited, error))
    }

    async fn read(&self, response: &mut Response, deadline: Duration) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(deadline, error))? {
            if body.len() + chunk.len() > Self::ANSWER_MAX {
                return Err(self.unreadable(format!("longer than {} bytes", Self::ANSWER_MAX)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub(crate) fn transport(&self, waited: Duration, error: reqwest::Error) -> Error {
        Error::from_transport(self.reached(), waited, error)
    }

    pub(crate) fn unreadable(&self, reason: String) -> Error {
        Error::Unreadable { host: self.reached(), reason }
    }

    /// The hub as errors name it: with the port that was tried.
    fn reached(&self) -> String {
        self.0.endpoint.authority.clone()
    }

    pub(crate) fn usual_deadline(&self) -> Duration {
        self.0.deadline
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("host", &self.0.endpoint.authority)
            .field("authorization", &self.0.authorization)
            .field("deadline", &self.0.deadline)
            .finish_non_exhaustive()
    }
}

fn refusal(headers: &HeaderMap, body: &[u8]) -> Refusal {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let refusal = Refusal::read(text("iothub-errorcode"), body);
    let request_id = text("x-ms-request-id").map(Into::into);
    Refusal { tracking_id: refusal.tracking_id.or(request_id), ..refusal }
}

#[cfg(test)]
mod tests {
    use iothub_model::ErrorCode;

    use super::*;

    #[test]
    fn a_refusal_is_read_from_the_header_and_the_body() {
        let mut headers = HeaderMap::new();
        headers.insert("iothub-errorcode", HeaderValue::from_static("DeviceNotFound"));
        headers.insert("x-ms-request-id", HeaderValue::from_static("r-1"));
        let body = br#"{"Message":"ErrorCode:DeviceNotFound;no pump-8","ExceptionMessage":"Tracking ID:t-1-TimeStamp:x"}"#;
        for (body, message, tracking_id) in [(&body[..], "no pump-8", "t-1"), (b"", "", "r-1")] {
            let refusal = refusal(&headers, body);
            assert_eq!(refusal.code, Some(ErrorCode::DeviceNotFound));
            assert_eq!(
                (refusal.message.as_str(), refusal.tracking_id.as_deref()),
                (message, Some(tracking_id))
            );
        }
    }
}
