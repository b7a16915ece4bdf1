use core::time::Duration;
use std::sync::{Arc, Mutex};

use iothub_codec::{DeviceId, Identity};
use iothub_model::{Device, Etag, IfMatch, MethodInvocation, TwinPatch};
use iothub_service::{Backoff, ConnectionFailure, Error, FailedAttempt, Options, RetryPolicy, Service};
use tokio::net::TcpSocket;

use crate::clock;
use crate::rogue::{Deed, Rogue, options, response};

/// What is done in the tests below, one of each kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Get,
    Query,
    PutAny,
    PutExactly,
    PutNew,
    Patch,
    Delete,
    Method,
    Bulk,
}

use Call::{Bulk, Delete, Get, Method, Patch, PutAny, PutExactly, PutNew, Query};

const ALL: [Call; 9] = [Get, Query, PutAny, PutExactly, PutNew, Patch, Delete, Method, Bulk];
const FREELY: [Call; 3] = [Get, Query, PutAny];

impl Call {
    async fn make(self, service: &Service) -> Result<(), Error> {
        let pump = DeviceId::new("pump-7").unwrap();
        let exactly = IfMatch::Exactly(Etag::from_counter(1));
        let device = Device { device_id: "pump-7".into(), ..Device::default() };
        match self {
            Get => service.get_device(pump).await.map(drop),
            Query => service.query("SELECT * FROM devices", None, None).await.map(drop),
            PutAny => service.update_device(&device, &IfMatch::Any).await.map(drop),
            PutExactly => service.update_device(&device, &exactly).await.map(drop),
            PutNew => service.create_device(&device).await.map(drop),
            Patch => {
                let patch = TwinPatch::default();
                service.update_twin(Identity::device(pump), &patch, &exactly).await.map(drop)
            }
            Delete => service.delete_device(pump, &IfMatch::Any).await,
            Method => {
                let call = MethodInvocation::new("reboot");
                service.invoke_method(Identity::device(pump), &call).await.map(drop)
            }
            Bulk => service.bulk(&[]).await.map(drop),
        }
    }

    /// What a hub would answer that has done it.
    fn done(self) -> Deed {
        Deed::Answer(match self {
            Get | PutAny | PutExactly | PutNew | Patch => response("200 OK", &[], r#"{"deviceId":"pump-7"}"#),
            Query => response("200 OK", &[], "[]"),
            Delete => "HTTP/1.1 204 No Content\r\n\r\n".into(),
            Method => response("200 OK", &[], r#"{"status":200,"payload":null}"#),
            Bulk => response("200 OK", &[], r#"{"isSuccessful":true}"#),
        })
    }
}

fn refusing(status: &str) -> Deed {
    Deed::Answer(response(status, &[], ""))
}

#[tokio::test(start_paused = true)]
async fn only_what_is_safe_is_sent_again() {
    for (deed, again) in [
        (refusing("429 Too Many Requests"), &[Get, Query, PutAny, PutExactly, PutNew, Patch, Delete][..]),
        (refusing("503 Service Unavailable"), &[Get, Query, PutAny, PutExactly, PutNew, Patch, Delete]),
        (refusing("500 Internal Server Error"), &FREELY),
        (refusing("502 Bad Gateway"), &FREELY),
        (Deed::Close, &FREELY),
        (Deed::AnswerAndClose("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".into()), &FREELY),
        (refusing("400 Bad Request"), &[]),
        (refusing("404 Not Found"), &[]),
        (refusing("412 Precondition Failed"), &[]),
        (Deed::Answer(response("200 OK", &[], "<html>")), &[]),
        (Deed::Answer(response("302 Found", &["Location: https://elsewhere.example/"], "")), &[]),
    ] {
        for call in ALL {
            // What a deletion was answered with is not read.
            if matches!(call, Delete) && matches!(&deed, Deed::Answer(text) if text.contains("<html>")) {
                continue;
            }
            let rogue = Rogue::new([deed.clone(), call.done()]).await;
            let result = call.make(&rogue.service()).await;
            let asked = rogue.asked();
            match again.contains(&call) {
                true => {
                    result.unwrap_or_else(|error| panic!("{call:?} {deed:?}: {error}"));
                    assert_eq!(asked.len(), 2, "{call:?} {deed:?}");
                    assert_eq!(asked[0], asked[1]);
                }
                false => {
                    assert!(result.is_err(), "{call:?} {deed:?}");
                    assert_eq!(asked.len(), 1, "{call:?} {deed:?}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_where_nobody_listens_and_all_but_posts_try_again() {
    // It has the port, and does not listen.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    for call in ALL {
        let policy = Noted::default();
        let options = options(address).ca(Rogue::new([]).await.ca_pem().as_bytes()).unwrap();
        let service = Service::new(options.retries(policy.clone())).unwrap();
        let error = call.make(&service).await.unwrap_err();
        let Error::Unreachable { failure, .. } = &error else { panic!("{error}") };
        assert_eq!(*failure, ConnectionFailure::NotConnected);
        assert!(error.is_retryable() && !error.may_have_been_done());
        let expected = if matches!(call, Method | Bulk) { vec![] } else { vec![1, 2, 3] };
        assert_eq!(policy.numbers(), expected, "{call:?}");
    }
}

/// Two pauses of a second.
#[derive(Clone, Debug, Default)]
struct Noted(Arc<Mutex<Vec<u32>>>);

impl Noted {
    fn numbers(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}

impl RetryPolicy for Noted {
    fn pause(&self, failed: &FailedAttempt<'_>) -> Option<Duration> {
        self.0.lock().unwrap().push(failed.number);
        (failed.number < 3).then_some(Duration::from_secs(1))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_in_the_place_of_the_hub_is_not_tried_again() {
    let (rogue, other) = (Rogue::new([]).await, Rogue::new([]).await);
    let policy = Noted::default();
    let options = rogue.options().ca(other.ca_pem().as_bytes()).unwrap();
    let service = Service::new(options.retries(policy.clone())).unwrap();
    let error = Get.make(&service).await.unwrap_err();
    let Error::Unreachable { failure, .. } = &error else { panic!("{error}") };
    assert_eq!(*failure, ConnectionFailure::NotTrusted, "{error}");
    assert!(!error.is_retryable());
    assert!(policy.numbers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_are_those_that_the_hub_asks_for() {
    let busy = |headers: &[&str]| Deed::Answer(response("503 Service Unavailable", headers, ""));
    for (deeds, least_ms, most_ms, attempts) in [
        (vec![busy(&[]), Get.done()], 100, 400, 2),
        (vec![busy(&[]), busy(&[]), Get.done()], 300, 900, 3),
        (vec![busy(&[]), busy(&[]), busy(&[]), Get.done()], 700, 1800, 4),
        (vec![busy(&["Retry-After: 7"]), Get.done()], 7000, 7200, 2),
        (vec![busy(&["Retry-After: 0"]), Get.done()], 100, 400, 2),
    ] {
        let rogue = Rogue::new(deeds).await;
        let service = rogue.service();
        let begin = clock::now();
        Get.make(&service).await.unwrap();
        let took = begin.elapsed().as_millis();
        assert!((least_ms..=most_ms).contains(&took), "{took} ms");
        assert_eq!(rogue.asked().len(), attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_refusal_is_given_when_attempts_or_time_are_used_up() {
    let busy = |headers: &[&str]| Deed::Answer(response("503 Service Unavailable", headers, ""));
    for (deeds, attempts, after_ms) in [
        (vec![busy(&[]); 9], 4, 700..1800),
        // Longer than the deadline of 30 s: it is not even begun to wait.
        (vec![busy(&["Retry-After: 3600"]); 9], 1, 0..200),
        (vec![busy(&["Retry-After: 12"]); 9], 3, 24_000..24_500),
    ] {
        let rogue = Rogue::new(deeds).await;
        let service = rogue.service();
        let begin = clock::now();
        let error = Get.make(&service).await.unwrap_err();
        let took = begin.elapsed().as_millis();
        assert_eq!(error.status(), Some(503));
        assert!(after_ms.contains(&took), "{took} ms");
        assert_eq!(rogue.asked().len(), attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_all_attempts_together() {
    let stalls = || vec![Deed::Stall];
    let cut = Deed::Answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".into());
    for (call, deeds, within_s, after_s) in [
        (Get, stalls(), None, 30),
        (Get, stalls(), Some(5), 5),
        (Get, vec![cut], Some(5), 5),
        (Get, vec![refusing("429 Too Many Requests"), Deed::Stall], Some(5), 5),
        // A device may take its time, unless the caller will not.
        (Method, stalls(), None, 40),
        (Method, stalls(), Some(5), 5),
        (Bulk, stalls(), None, 30),
    ] {
        let rogue = Rogue::new(deeds).await;
        let service = rogue.service();
        let service = match within_s {
            None => service,
            Some(within_s) => service.within(Duration::from_secs(within_s)),
        };
        let begin = clock::now();
        let error = call.make(&service).await.unwrap_err();
        assert!(error.is_retryable() && error.may_have_been_done(), "{error}");
        let Error::TimedOut { after, .. } = error else { panic!("{error}") };
        assert_eq!((after.as_secs(), begin.elapsed().as_secs()), (after_s, after_s), "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_is_sent_once_if_so_wanted() {
    let rogue = Rogue::new([refusing("503 Service Unavailable"), Get.done()]).await;
    Get.make(&rogue.service().retrying(Backoff::NONE)).await.unwrap_err();
    assert_eq!(rogue.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_so_long_that_all_of_it_is_read() {
    let chunked = "Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n";
    for (head, is_refusal) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned(), false),
        (format!("HTTP/1.1 200 OK\r\n{chunked}"), false),
        (format!("HTTP/1.1 400 Bad Request\r\n{chunked}"), true),
        ("HTTP/1.1 200 OK\r\nX: ".to_owned(), false),
    ] {
        let rogue = Rogue::new([Deed::Flood(head.clone())]).await;
        let service = rogue.service().retrying(Backoff::NONE);
        let error = Get.make(&service).await.unwrap_err();
        match (&error, is_refusal) {
            (Error::Refused { status: 400, .. }, true) => {}
            (Error::Unreadable { reason, .. }, false) => assert!(reason.contains("longer than"), "{reason}"),
            (Error::Unreachable { failure: ConnectionFailure::Broken, .. }, false) => {
                assert!(head.ends_with("X: "), "{head}: {error}");
            }
            (other, _) => panic!("{head}: {other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_says_who_asks_with_which_token_and_in_which_version() {
    let rogue = Rogue::new([Get.done(), Get.done()]).await;
    let provided = Options::with_tokens("localhost", || async { Ok("Bearer of-the-cloud".to_owned()) });
    let provided = provided.unwrap().ca(rogue.ca_pem().as_bytes()).unwrap().address(rogue.address());
    for (options, token) in [
        (rogue.options(), "authorization: sharedaccesssignature sr=localhost&sig="),
        (provided, "authorization: bearer of-the-cloud\r\n"),
    ] {
        let service = Service::new(options.user_agent("console/2.1").unwrap()).unwrap();
        Get.make(&service).await.unwrap();
        let head = rogue.last_head();
        let agent = concat!("user-agent: console/2.1 iothub-service/", env!("CARGO_PKG_VERSION"), "\r\n");
        for part in [token, agent, "/devices/pump-7?api-version=2021-04-12 ", "accept: application/json\r\n"]
        {
            assert!(head.contains(part), "{part} in {head}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_says_comes_through() {
    let gateway = r#"{"Message":"{\"errorCode\":404999,\"trackingId\":\"8f0c\",\"message\":\"new\"}","ExceptionMessage":""}"#;
    let registry = r#"{"Message":"ErrorCode:PreconditionFailed;changed","ExceptionMessage":"Tracking ID:t-1-TimeStamp:x"}"#;
    for (status, headers, body, number, tracking_id, shown) in [
        ("404 Not Found", vec![], gateway, Some(404_999), Some("8f0c"), "new (status 404, 404999)"),
        (
            "412 Precondition Failed",
            vec!["iothub-errorcode: PreconditionFailed"],
            registry,
            Some(412_001),
            Some("t-1"),
            "changed (status 412, 412001 PreconditionFailed)",
        ),
        (
            "418 I'm a teapot",
            vec![],
            "\u{1b}[2Jshort\r\nand stout",
            None,
            None,
            " [2Jshort  and stout (status 418)",
        ),
        (
            "403 Forbidden",
            vec!["x-ms-request-id: r-1"],
            "",
            None,
            Some("r-1"),
            "refused without a reason (status 403)",
        ),
    ] {
        let rogue = Rogue::new([Deed::Answer(response(status, &headers, body))]).await;
        let error = Get.make(&rogue.service()).await.unwrap_err();
        assert_eq!(error.to_string(), shown);
        assert_eq!((error.number(), error.tracking_id()), (number, tracking_id));
        assert!(!error.is_retryable());
    }
}
