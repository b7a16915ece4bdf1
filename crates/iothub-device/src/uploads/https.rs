use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::address::Address;
use crate::connect_error::ConnectError;
use crate::dial::Dial;
use crate::options::{HTTPS_PORT, Options};
use crate::transport::Transport;
use crate::uploads::error::UploadError;
use crate::uploads::plan::Trouble;

/// HTTP/1.1 over TLS, by the ways and with the trust that the device has for its hub.
pub(super) struct Https {
    pub(super) options: Options,
    /// Connections that wait for another request.
    idle: Mutex<Vec<(Address, SendRequest<Full<Bytes>>)>>,
}

/// What was answered, read whole.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Something was not done: what kind of trouble that is, and the error if it lasts.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) trouble: Trouble,
    pub(super) error: UploadError,
}

impl Failed {
    pub(super) fn lasting(error: impl Into<UploadError>) -> Self {
        Self { trouble: Trouble::Lasting, error: error.into() }
    }

    pub(super) fn passing(error: impl Into<UploadError>) -> Self {
        Self { trouble: Trouble::Passing(None), error: error.into() }
    }
}

impl Https {
    pub(super) fn new(options: Options) -> Self {
        Self { options, idle: Mutex::default() }
    }

    /// Sends one request there, and reads the answer, within that time.
    pub(super) async fn send(
        &self,
        to: &Address,
        mut request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Answer, Failed> {
        let authority = if to.port() == HTTPS_PORT { to.host().to_owned() } else { to.to_string() };
        let unwritable = |_| Failed::lasting(UploadError::Unreadable("the name of the host".into()));
        request.headers_mut().insert(HOST, HeaderValue::try_from(authority).map_err(unwritable)?);
        if let Ok(agent) = HeaderValue::try_from(self.options.product()) {
            request.headers_mut().insert(USER_AGENT, agent);
        }
        let exchange = async {
            loop {
                let (mut sender, is_fresh) = match self.take(to) {
                    Some(sender) => (sender, false),
                    None => (self.open(to).await?, true),
                };
                match sender.send_request(request.clone()).await {
                    Ok(response) => {
                        let answer = read(response).await?;
                        self.give_back(to, sender);
                        return Ok(answer);
                    }
                    // It was closed while it waited: nothing was sent.
                    Err(error) if error.is_canceled() && !is_fresh => {}
                    Err(error) => return Err(broken(to, &error)),
                }
            }
        };
        let late = || {
            let source = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
            Failed::passing(ConnectError::Unreachable { address: to.to_string(), source })
        };
        tokio::time::timeout(within, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    /// Where a server of that name is reached: the hub perhaps elsewhere than its name says.
    async fn open(&self, to: &Address) -> Result<SendRequest<Full<Bytes>>, Failed> {
        let refused = |error: ConnectError| {
            let lasts = matches!(error, ConnectError::BadServerName { .. } | ConnectError::NoRoots(_));
            if lasts { Failed::lasting(error) } else { Failed::passing(error) }
        };
        let dial = Dial::to_https(&self.options, to).map_err(refused)?;
        let stream = dial.connect().await.map_err(refused)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| broken(to, &error))?;
        // It ends with its sender.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn take(&self, to: &Address) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, sender)| !sender.is_closed());
        let at = idle.iter().position(|(address, sender)| address == to && sender.is_ready())?;
        Some(idle.swap_remove(at).1)
    }

    fn give_back(&self, to: &Address, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push((to.clone(), sender));
        }
    }
}

impl Answer {
    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether somebody is busy, or has had an accident.
    pub(super) const fn may_pass(&self) -> bool {
        matches!(self.status, 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// How long it asks to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER.as_str()).parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<Answer, Failed> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    let unreadable = |error: Box<dyn core::error::Error + Send + Sync>| {
        Failed::passing(UploadError::Unreadable(error.to_string()))
    };
    let body = body.map_err(unreadable)?.to_bytes();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

fn broken(to: &Address, error: &hyper::Error) -> Failed {
    let source = std::io::Error::other(error.to_string());
    Failed::passing(ConnectError::Unreachable { address: to.to_string(), source })
}

/// Connections that are kept for another request.
const IDLE_MAX: usize = 16;
/// Longest answer, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
