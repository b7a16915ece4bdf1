use core::convert::Infallible;
use core::net::SocketAddr;
use core::pin::Pin;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use iothub_hub::{ExchangeId, Input, Peer, Reading, RestRequest, Transport};
use iothub_model::{Date, ErrorCode, Form, Problem};
use iothub_proto::{Instant, Timestamp};
use tokio::sync::oneshot;

use crate::body;
use crate::carrier::{Answer, Batch};
use crate::connection;
use crate::driver::Driver;
use crate::events::Follower;
use crate::files;
use crate::listener::{Secured, turn_away_stranger};
use crate::premises::Place;
use crate::probes;
use crate::reading::{self, Unread};
use crate::shared::Shared;
use crate::sites::Sites;
use crate::stranger::Stranger;
use crate::websocket::{self, ByteStream, Handshake};

/// Serves HTTP/1.1 on a connection until it ends or becomes a WebSocket.
pub(crate) async fn serve(
    stream: Secured,
    peer: SocketAddr,
    (place, stranger): (Place, Stranger),
    sites: Arc<Sites>,
) {
    let shared = sites.main();
    let certificates = stream.inner().get_ref().1.peer_certificates().unwrap_or_default();
    let certificates = certificates.iter().map(|der| der.to_vec()).collect();
    let guest = Arc::new(Guest {
        _place: place,
        stranger: Mutex::new(Some(stranger)),
        certificates,
        _sites: Arc::clone(&sites),
    });
    let service = service_fn(|request| {
        let (guest, shared) = (Arc::clone(&guest), addressed(&request, &sites));
        async move { Ok::<_, Infallible>(answer(request, peer, guest, shared).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(shared.limits.request).max_buf_size(HEAD_LEN_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = core::pin::pin!(connection);
    let end = tokio::select! {
        end = connection.as_mut() => end,
        () = shared.stopping() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FINISHING, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = end {
        log_end(peer, &error);
    }
}

fn log_end(peer: SocketAddr, error: &hyper::Error) {
    let source = core::error::Error::source(error);
    let why = source.map(ToString::to_string);
    if error.is_parse() {
        tracing::warn!(%peer, %error, why, "HTTP connection closed: what came is not HTTP/1.1");
    } else if source.is_some_and(is_stalled) {
        tracing::warn!(%peer, why, "HTTP connection closed");
    } else {
        // Idle for long enough, or the client has hung up: the ordinary end.
        tracing::debug!(%peer, %error, why, "HTTP connection closed");
    }
}

fn is_stalled(source: &(dyn core::error::Error + 'static)) -> bool {
    source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// The client of a connection. It is a stranger until a request has shown that it may ask.
pub(crate) struct Guest {
    _place: Place,
    stranger: Mutex<Option<Stranger>>,
    /// What TLS knows it by.
    certificates: Vec<Vec<u8>>,
    /// Held for as long as a WebSocket is served.
    _sites: Arc<Sites>,
}

impl Guest {
    fn is_stranger(&self) -> bool {
        self.stranger.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Its place among the strangers, if it still has one. It has none afterwards.
    pub(crate) fn stranger(&self) -> Option<Stranger> {
        self.stranger.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The hub that a request is for, by the name that it was sent to.
fn addressed(request: &Request<Incoming>, sites: &Sites) -> Arc<Shared> {
    Arc::clone(sites.pick(host_name(request.headers()).as_deref()))
}

pub(crate) type Body = Either<Full<Bytes>, StreamBody<Lines>>;
pub(crate) type Head = hyper::http::request::Parts;
pub(crate) type Lines = Pin<Box<dyn futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send>>;

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    guest: Arc<Guest>,
    shared: Arc<Shared>,
) -> Response<Body> {
    if websocket::is_at(request.uri().path()) {
        return upgrade(request, peer, guest, shared);
    }
    if let Some(response) = probes::answer(&request, peer, &shared) {
        return response.map(|text| Either::Left(Full::from(text)));
    }
    if files::is_at(request.uri().path()) {
        return files::answer(request, peer, &guest, &shared).await;
    }
    let (head, mut body) = request.into_parts();
    let Some(headers) = texts(&head.headers) else {
        let response = refuse(&head, peer, ErrorCode::GenericBadRequest, "a header is not UTF-8", &shared);
        return leave_unread(response, &head, body, &shared);
    };
    let (method, path, query) = (head.method.as_str(), head.uri.path(), head.uri.query());
    let request = |body| RestRequest {
        method,
        path,
        query,
        headers: &headers,
        certificates: &guest.certificates,
        body,
    };
    // Of a stranger who may not ask no body is read: there is room for so many only.
    if guest.is_stranger()
        && !body.is_end_stream()
        && let Some(response) = turn_away(request(b""), &shared).await
    {
        return leave_unread(response, &head, body, &shared);
    }
    match shared.bodies().read(&mut body, shared.limits.request).await {
        Ok(body) => {
            let response = ask(request(&body.bytes), &shared).await;
            // Whoever may not ask is answered nothing else, whether there is something or not.
            if response.status() != StatusCode::UNAUTHORIZED {
                drop(guest.stranger());
            }
            response
        }
        Err((code, message)) => {
            let response = refuse(&head, peer, code, message, &shared);
            leave_unread(response, &head, body, &shared)
        }
    }
}

/// Ends the connection with the response to a request whose body is of no use.
pub(crate) fn leave_unread(
    mut response: Response<Body>,
    head: &Head,
    body: Incoming,
    shared: &Shared,
) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    // Who waits to be asked for the body has not sent it.
    if !head.headers.contains_key(header::EXPECT) {
        tokio::spawn(body::discard(body, shared.limits.request));
    }
    response
}

/// The headers as text, if all of them are.
fn texts(headers: &HeaderMap) -> Option<Vec<(&str, &str)>> {
    headers
        .iter()
        .map(|(name, value)| Some((name.as_str(), core::str::from_utf8(value.as_bytes()).ok()?)))
        .collect()
}

/// Has the hub answer whoever may not ask, which its head alone says; nobody else.
async fn turn_away(request: RestRequest<'_>, shared: &Shared) -> Option<Response<Body>> {
    let driver = &shared.driver;
    driver.carrier().has_room(Batch::default()).await;
    let (exchange, answer) = Exchange::begin(driver);
    match driver.enter() {
        Ok(hub) if hub.may_ask(&request) => return None,
        Ok(mut hub) => hub.handle(Input::Rest { exchange: exchange.id, request }),
        Err(_) => driver.carrier().expect_no_longer(exchange.id),
    }
    Some(exchange.end(request.method, answer).await)
}

/// Has the hub answer somebody in this process.
pub(crate) async fn ask_in_process(request: RestRequest<'_>, hub: Option<&Shared>) -> iothub_hub::Response {
    let nothing = |status| iothub_hub::Response { status, headers: Vec::new(), body: Vec::new() };
    let Some(shared) = hub else { return nothing(503) };
    let driver = &shared.driver;
    driver.carrier().has_room(Batch::default()).await;
    let (mut exchange, answer) = Exchange::begin(driver);
    match driver.enter() {
        Ok(mut hub) if !shared.is_stopping() => {
            hub.handle(Input::Rest { exchange: exchange.id, request });
        }
        Ok(_) | Err(_) => driver.carrier().expect_no_longer(exchange.id),
    }
    let answer = answer.await;
    exchange.open = false;
    match answer {
        Ok(Answer::Response(response)) => response,
        Ok(Answer::Reading(_)) => nothing(501),
        Err(_) => nothing(503),
    }
}

/// Has the hub answer, however long that takes it.
async fn ask(request: RestRequest<'_>, shared: &Shared) -> Response<Body> {
    let driver = &shared.driver;
    driver.carrier().has_room(Batch::default()).await;
    let (exchange, answer) = Exchange::begin(driver);
    match driver.enter() {
        Ok(mut hub) => hub.handle(Input::Rest { exchange: exchange.id, request }),
        Err(_) => driver.carrier().expect_no_longer(exchange.id),
    }
    exchange.end(request.method, answer).await
}

/// A request that awaits its answer. The hub is told when nobody does any longer.
pub(crate) struct Exchange<'a> {
    id: ExchangeId,
    driver: &'a Driver,
    begin: Instant,
    open: bool,
}

impl<'a> Exchange<'a> {
    pub(crate) fn begin(driver: &'a Driver) -> (Self, oneshot::Receiver<Answer>) {
        let (id, begin) = (driver.exchange_id(), driver.clock().now().instant);
        (Self { id, driver, begin, open: true }, driver.carrier().expect(id))
    }

    pub(crate) const fn id(&self) -> ExchangeId {
        self.id
    }

    async fn end(self, method: &str, answer: oneshot::Receiver<Answer>) -> Response<Body> {
        let (driver, begin) = (self.driver, self.begin);
        let response = self.answered(answer).await;
        let took = driver.clock().now().instant.since(begin);
        driver.metrics().responded(method, response.status().as_u16(), took);
        response
    }

    /// What becomes of it, which is not counted.
    pub(crate) async fn answered(mut self, answer: oneshot::Receiver<Answer>) -> Response<Body> {
        let driver = self.driver;
        let answer = answer.await;
        self.open = false;
        match answer {
            Ok(Answer::Response(response)) => whole(response, driver),
            Ok(Answer::Reading(wanted)) => read(wanted, driver).await,
            Err(_) => refusal(
                ErrorCode::ServerError,
                "the hub cannot go on; see its log",
                driver.clock().now().timestamp,
            ),
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        self.driver.carrier().expect_no_longer(self.id);
        if let Ok(mut hub) = self.driver.enter() {
            hub.handle(Input::Abandoned { exchange: self.id });
        }
    }
}

pub(crate) fn whole(answer: iothub_hub::Response, driver: &Driver) -> Response<Body> {
    let has_body = !answer.body.is_empty();
    let mut response = Response::new(Either::Left(Full::from(answer.body)));
    let Ok(status) = StatusCode::from_u16(answer.status) else {
        tracing::error!(status = answer.status, "the hub answers with what is no status");
        return refusal(ErrorCode::ServerError, "no status", driver.clock().now().timestamp);
    };
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        match (HeaderName::try_from(name.as_ref()), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(response.headers_mut().append(name, value)),
            (_, _) => tracing::error!(%name, "the hub answers with a header that cannot be written"),
        }
    }
    if has_body {
        response.headers_mut().entry(header::CONTENT_TYPE).or_insert(JSON);
    }
    response
}

/// Reads of the event log what the hub has allowed.
async fn read(wanted: Reading, driver: &Driver) -> Response<Body> {
    let now = driver.clock().now().timestamp;
    match reading::read(driver.carrier().events(), wanted).await {
        Ok(reading::Answer::Document(body)) => {
            whole(iothub_hub::Response { status: 200, headers: Vec::new(), body }, driver)
        }
        Ok(reading::Answer::Lines(events)) => stream(events),
        Err(error @ Unread::BeyondEnd { .. }) => {
            tracing::warn!(%error, "events not read");
            refusal(ErrorCode::ArgumentInvalid, &error.to_string(), now)
        }
        Err(error @ (Unread::Journal(_) | Unread::Json(_))) => {
            tracing::error!(%error, "events not read");
            refusal(ErrorCode::ServerError, "the event log cannot be read; the hub's log says why", now)
        }
    }
}

fn stream(events: Follower) -> Response<Body> {
    let positions = events.positions();
    let lines = stream::unfold(events, async |mut events| {
        let lines = events.lines().await?.map(Frame::data).map_err(|error| {
            // The client is to see that it was no proper end.
            tracing::error!(%error, "events not read");
            io::Error::other(error)
        });
        Some((lines, events))
    });
    let mut response = Response::new(Either::Right(StreamBody::new(Box::pin(lines) as Lines)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    match HeaderValue::try_from(positions) {
        Ok(positions) => drop(response.headers_mut().insert("iothub-positions", positions)),
        Err(_) => tracing::error!("positions that cannot be written"),
    }
    response
}

/// Refuses, and logs, what the hub does not hear of.
fn refuse(
    head: &Head,
    peer: SocketAddr,
    code: ErrorCode,
    message: &'static str,
    shared: &Shared,
) -> Response<Body> {
    tracing::warn!(%peer, path = head.uri.path(), message, "HTTP request refused");
    refusal(code, message, shared.driver.clock().now().timestamp)
}

/// What is refused before the hub hears of it looks as if the hub had refused it.
fn refusal(code: ErrorCode, message: &str, now: Timestamp) -> Response<Body> {
    let mut id = [0; 16];
    // Without chance the id is of no use to whoever looks for it, and everything else still holds.
    let _ = getrandom::fill(&mut id);
    let problem = Problem {
        code,
        message: message.into(),
        tracking_id: format!("{:032x}", u128::from_be_bytes(id)),
        time: Date::from_millis(now.as_millis()),
    };
    let mut response = Response::new(Either::Left(Full::from(problem.body(Form::Registry))));
    *response.status_mut() =
        StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert("iothub-errorcode", HeaderValue::from_static(code.name()));
    response
}

fn upgrade(
    request: Request<Incoming>,
    peer: SocketAddr,
    guest: Arc<Guest>,
    shared: Arc<Shared>,
) -> Response<Body> {
    let handshake = match Handshake::check(&request) {
        Ok(handshake) => handshake,
        Err((status, why)) => {
            tracing::warn!(%peer, %status, why, "WebSocket refused");
            let mut response = Response::new(Either::Left(Full::from(why)));
            *response.status_mut() = status;
            return response;
        }
    };
    // A device is a stranger whatever was asked before on the connection.
    let Some(stranger) = guest.stranger().or_else(|| shared.premises().stranger()) else {
        turn_away_stranger(peer, &shared);
        let mut response =
            Response::new(Either::Left(Full::from("too many connections at once; try again later")));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    };
    let server_name = host_name(request.headers());
    tokio::spawn(async move {
        // The hub is let go before the guest, who holds all of them.
        let (guest, shared) = (guest, shared);
        let upgraded = tokio::select! {
            upgraded = hyper::upgrade::on(request) => upgraded,
            () = shared.stopping() => return,
        };
        match upgraded {
            Ok(upgraded) => {
                let stream = ByteStream::new(stranger.ration(TokioIo::new(upgraded))).await;
                let transport = Transport::MqttWebSocket;
                let certificates = guest.certificates.clone();
                let peer = Peer { address: peer, transport, server_name, certificates };
                let due = shared.driver.clock().now().instant.after(shared.limits.greeting);
                connection::serve(stream, peer, (stranger, due), &shared).await;
            }
            Err(error) => tracing::info!(%peer, %error, "WebSocket not opened"),
        }
    });
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, handshake.protocol);
    if let Ok(accept) = HeaderValue::try_from(handshake.accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// The name by which a client asked for this server, without a port.
fn host_name(headers: &HeaderMap) -> Option<String> {
    let authority: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    Some(authority.host().to_owned())
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// Longest head of a request.
const HEAD_LEN_MAX: usize = 64 * 1024;
/// How long requests may go on when the hub stops.
const FINISHING: Duration = Duration::from_secs(1);
