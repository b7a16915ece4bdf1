//! What those ask who watch over the hub: whether it lives, whether it serves, how much it does.

use core::net::SocketAddr;

use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::shared::Shared;

/// The answer to a probe; `None` if the request is none.
///
/// Whether the hub lives and serves, everybody may know. Its metrics are for this machine only, as whoever collects
/// them has no token; from elsewhere a proxy on this machine can let in whom it wants.
pub(crate) fn answer<B>(request: &Request<B>, peer: SocketAddr, shared: &Shared) -> Option<Response<String>> {
    let answer = match request.uri().path() {
        "/healthz" => state(shared.has_failed(), "the hub cannot go on"),
        // It still serves what only reads, so it is not to be taken out of service.
        "/readyz" if !shared.is_stopping() && shared.is_read_only() => {
            text(StatusCode::OK, "read only: the disk of the hub is nearly full".into())
        }
        "/readyz" => state(shared.is_stopping(), "the hub is stopping"),
        "/metrics" if is_here(peer) => metrics(shared),
        "/metrics" => text(StatusCode::FORBIDDEN, "metrics are for this machine only".into()),
        _ => return None,
    };
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Some(answer);
    }
    Some(text(StatusCode::METHOD_NOT_ALLOWED, "ask with GET".into()))
}

fn state(is_bad: bool, why: &str) -> Response<String> {
    match is_bad {
        true => text(StatusCode::SERVICE_UNAVAILABLE, why.into()),
        false => text(StatusCode::OK, "ok".into()),
    }
}

fn metrics(shared: &Shared) -> Response<String> {
    const OPEN_METRICS: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

    match shared.driver.metrics().text() {
        Ok(metrics) => {
            let mut response = Response::new(metrics);
            response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
            response
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn text(status: StatusCode, why: String) -> Response<String> {
    let mut response = Response::new(why + "\n");
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Whether that is an address of this machine's own, which nobody else can have.
fn is_here(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}
