use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use reqwest::header::{HOST, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::credentials::Authorization;
use crate::endpoint::Endpoint;
use crate::error::chain;
use crate::request::Request;
use crate::response::Answer;
use crate::{Error, FailedAttempt, Options, RetryPolicy, SetupError, clock, tls};

/// A hub as a back end sees it.
///
/// Clones share their connections and their token. Each operation is one request, is safe to drop while it waits, and
/// is sent again when it fails only as [`RetryPolicy`] says.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    deadline: Deadline,
    retries: Arc<dyn RetryPolicy>,
}

struct Shared {
    client: Client,
    endpoint: Endpoint,
    authorization: Authorization,
}

/// How long a call may take, with all its attempts.
#[derive(Clone, Copy, Debug)]
enum Deadline {
    /// Unless the operation is one that takes longer.
    Usual(Duration),
    /// Whatever the operation is.
    Always(Duration),
}

/// The attempts of one call.
struct Attempts {
    made: u32,
    end: Instant,
}

impl Attempts {
    const fn until(end: Instant) -> Self {
        Self { made: 0, end }
    }
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
        let Options { endpoint, address, credentials, roots, deadline, retries, user_agent } = options;
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls::config(roots)?)
            .user_agent(user_agent)
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
        let shared = Arc::new(Shared { client, endpoint, authorization });
        Ok(Self { shared, deadline: Deadline::Usual(deadline), retries })
    }

    /// [`Self::new`] with what the connection string says and nothing else.
    ///
    /// # Errors
    ///
    /// As for [`Options::from_connection_string`] and [`Self::new`].
    pub fn from_connection_string(text: &str) -> Result<Self, SetupError> {
        Self::new(Options::from_connection_string(text)?)
    }

    /// The same hub, with this deadline for each call: also for those that usually take longer, such as methods.
    ///
    /// ```no_run
    /// # use core::time::Duration;
    /// # async fn list(service: &iothub_service::Service) -> Result<(), iothub_service::Error> {
    /// let devices = service.within(Duration::from_secs(2)).list_devices(10).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { deadline: Deadline::Always(deadline), ..self.clone() }
    }

    /// The same hub, with another policy of sending again what failed. [`Backoff::NONE`](crate::Backoff::NONE) sends
    /// each request once.
    #[must_use]
    pub fn retrying(&self, policy: impl RetryPolicy + 'static) -> Self {
        Self { retries: Arc::new(policy), ..self.clone() }
    }

    /// The name of the hub, without a port.
    pub fn host(&self) -> &str {
        &self.shared.endpoint.name
    }

    /// Sends a request that is answered with a document.
    pub(crate) async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let answer = self.exchange(request).await?;
        self.document(&answer.body)
    }

    /// Sends a request of which only the success matters.
    pub(crate) async fn send_for_nothing(&self, request: Request) -> Result<(), Error> {
        self.exchange(request).await.map(drop)
    }

    /// Sends a request that is answered with the same document whether it is a success or has this status.
    pub(crate) async fn send_despite<T: DeserializeOwned>(
        &self,
        request: Request,
        failed: u16,
    ) -> Result<T, Error> {
        let answer = self.answered(request, Some(failed)).await?;
        match serde_json::from_slice(&answer.body) {
            Ok(document) if answer.is_success() || answer.status == failed => Ok(document),
            Err(error) if answer.is_success() => Err(self.unreadable(error.to_string())),
            Ok(_) | Err(_) => Err(answer.into_error()),
        }
    }

    /// Sends a request of whose answer more than the body matters.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Answer, Error> {
        self.answered(request, None).await
    }

    /// The same, where the answer may have this status as well.
    async fn answered(&self, request: Request, failed: Option<u16>) -> Result<Answer, Error> {
        let mut attempts = Attempts::until(self.end_of(&request));
        let end = attempts.end;
        let call = async {
            loop {
                let error = match self.settled(&request).await {
                    Ok(answer) if answer.is_success() || failed == Some(answer.status) => return Ok(answer),
                    Ok(answer) => answer.into_error(),
                    Err(error) => error,
                };
                self.before_next(&request, &mut attempts, error).await?;
            }
        };
        self.patiently(&request, end, call).await
    }

    /// Sends a request whose answer goes on for as long as the hub likes, and reads up to the body.
    pub(crate) async fn open(&self, request: Request) -> Result<Response, Error> {
        let mut attempts = Attempts::until(self.end_of(&request));
        let end = attempts.end;
        let call = async {
            loop {
                let error = match self.dispatch(&request).await {
                    Ok(response) if response.status().is_success() => return Ok(response),
                    Ok(response) => Answer::read(self, response).await?.into_error(),
                    Err(error) => error,
                };
                self.before_next(&request, &mut attempts, error).await?;
            }
        };
        self.patiently(&request, end, call).await
    }

    /// Waits until it is time for another attempt. Gives the error back if there is no use in one, or no time.
    async fn before_next(
        &self,
        request: &Request,
        attempts: &mut Attempts,
        error: Error,
    ) -> Result<(), Error> {
        attempts.made = attempts.made.saturating_add(1);
        if !request.repeat.is_safe_after(&error) {
            return Err(error);
        }
        let Some(pause) = self.retries.pause(&FailedAttempt::new(attempts.made, &error)) else {
            return Err(error);
        };
        // To wait and then be late would tell the caller less than the error does.
        let next = clock::now().checked_add(pause).filter(|next| *next < attempts.end);
        let Some(next) = next else { return Err(error) };
        tokio::time::sleep_until(next).await;
        Ok(())
    }

    async fn patiently<T>(
        &self,
        request: &Request,
        end: Instant,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match timeout_at(end, call).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { host: self.reached(), after: self.patience(request) }),
        }
    }

    /// One attempt, with all of its answer.
    async fn settled(&self, request: &Request) -> Result<Answer, Error> {
        let response = self.dispatch(request).await?;
        Answer::read(self, response).await
    }

    /// The one place where requests leave.
    async fn dispatch(&self, request: &Request) -> Result<Response, Error> {
        let Shared { client, endpoint, authorization } = &*self.shared;
        let token = authorization.token(clock::now_s()).await?;
        let host = HeaderValue::from_str(&endpoint.authority).expect("an endpoint is ASCII");
        let call = client
            .request(request.method.clone(), request.url(&endpoint.authority))
            .headers(request.headers.clone())
            .headers(token)
            .header(HOST, host)
            .body(request.body.clone());
        call.send().await.map_err(|error| self.transport(&error))
    }

    /// Asks for something that is open to whoever has its address.
    pub(crate) async fn open_url(&self, method: reqwest::Method, url: &str) -> Result<Response, Error> {
        let call = self.shared.client.request(method, url).send();
        let answer = tokio::time::timeout(self.usual_deadline(), call).await;
        let late = || Error::TimedOut { host: self.reached(), after: self.usual_deadline() };
        // What opens a door is in the address.
        answer.map_err(|_| late())?.map_err(|error| self.transport(&error.without_url()))
    }

    fn patience(&self, request: &Request) -> Duration {
        match self.deadline {
            Deadline::Usual(usual) => request.timeout.unwrap_or(usual),
            Deadline::Always(always) => always,
        }
    }

    fn end_of(&self, request: &Request) -> Instant {
        clock::later(self.patience(request))
    }

    /// What a hub wrote, as the document that it should be.
    pub(crate) fn document<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| self.unreadable(error.to_string()))
    }

    pub(crate) fn transport(&self, error: &reqwest::Error) -> Error {
        Error::from_transport(self.reached(), error)
    }

    pub(crate) fn unreadable(&self, reason: String) -> Error {
        Error::Unreadable { host: self.reached(), reason }
    }

    /// The hub as errors name it: with the port that was tried.
    pub(crate) fn reached(&self) -> String {
        self.shared.endpoint.authority.clone()
    }

    pub(crate) const fn usual_deadline(&self) -> Duration {
        match self.deadline {
            Deadline::Usual(deadline) | Deadline::Always(deadline) => deadline,
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("host", &self.shared.endpoint.authority)
            .field("authorization", &self.shared.authorization)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
