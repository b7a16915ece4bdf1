use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::address::Address;
use crate::proxy::{Proxy, ProxyError};

/// Longest head of an answer, in bytes.
const ANSWER_MAX: usize = 8 * 1024;
/// Most headers in it.
const HEADERS_MAX: usize = 64;
/// How long a proxy may take to connect and answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// So much of what a proxy says by way of explanation is kept, in characters.
const REASON_MAX: usize = 64;

/// Has a proxy connect `stream` to the target: afterwards it is the target that is spoken to.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    target: &Address,
) -> Result<(), ProxyError> {
    let asked = tokio::time::timeout(ANSWER_WITHIN, ask(stream, proxy, target));
    asked.await.unwrap_or(Err(ProxyError::NoAnswer { after: ANSWER_WITHIN }))
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    target: &Address,
) -> Result<(), ProxyError> {
    stream.write_all(request(proxy, target).as_bytes()).await.map_err(ProxyError::Broken)?;
    stream.flush().await.map_err(ProxyError::Broken)?;
    let mut answer = Vec::new();
    loop {
        if let Some(outcome) = read(&mut answer, proxy, target) {
            return outcome;
        }
        let room = ANSWER_MAX - answer.len();
        if room == 0 {
            return Err(ProxyError::TooLong { limit: ANSWER_MAX });
        }
        let mut limited = (&mut *stream).take(u64::try_from(room).unwrap_or(u64::MAX));
        if limited.read_buf(&mut answer).await.map_err(ProxyError::Broken)? == 0 {
            return Err(ProxyError::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

fn request(proxy: &Proxy, target: &Address) -> String {
    let authorization = match proxy.authorization() {
        Some(authorization) => format!("Proxy-Authorization: {authorization}\r\n"),
        None => String::new(),
    };
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n")
}

/// What has come so far means; `None` as long as more has to come.
fn read(answer: &mut Vec<u8>, proxy: &Proxy, target: &Address) -> Option<Result<(), ProxyError>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let len = match head.parse(answer) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return None,
            Err(error) => return Some(Err(ProxyError::Unreadable { reason: reason(error) })),
        };
        let (Some(status), said) = (head.code, head.reason) else {
            return Some(Err(ProxyError::Unreadable { reason: "no status" }));
        };
        match status {
            // Only a sign of life: the answer comes behind it.
            100..=199 => drop(answer.drain(..len)),
            200..=299 if answer.len() > len => {
                // In TLS it is for the device to speak first.
                let reason = "bytes of somebody else's behind it";
                return Some(Err(ProxyError::Unreadable { reason }));
            }
            200..=299 => return Some(Ok(())),
            407 => {
                let given = proxy.authorization().is_some();
                return Some(Err(ProxyError::Unauthorized { given, status_line: status_line(status, said) }));
            }
            _ => {
                let (target, status_line) = (target.to_string(), status_line(status, said));
                return Some(Err(ProxyError::Refused { target, status, status_line }));
            }
        }
    }
}

fn status_line(status: u16, said: Option<&str>) -> String {
    let said = said.unwrap_or_default().chars().filter(|c| !c.is_control());
    format!("{status} {}", said.take(REASON_MAX).collect::<String>()).trim_end().to_owned()
}

fn reason(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => "a header that is none",
        httparse::Error::TooManyHeaders => "too many headers",
        httparse::Error::Version => "not HTTP/1.1",
        httparse::Error::Status => "a status that is none",
        httparse::Error::NewLine | httparse::Error::Token => "not HTTP",
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn target() -> Address {
        "hub.example:8883".parse().unwrap()
    }

    fn proxy() -> Proxy {
        "http://user:secret@proxy:3128".parse().unwrap()
    }

    /// What comes of an answer that arrives in pieces of that many bytes, after which the proxy closes.
    async fn answered(answer: &[u8], piece: usize) -> Result<(), ProxyError> {
        let (mut ours, mut theirs) = duplex(piece);
        let answering = async {
            let mut asked = vec![0; request(&proxy(), &target()).len()];
            theirs.read_exact(&mut asked).await.unwrap();
            // Who has given up does not read to the end.
            let _ = theirs.write_all(answer).await;
            drop(theirs);
        };
        let (proxy, target) = (proxy(), target());
        let asking = async {
            let outcome = open(&mut ours, &proxy, &target).await;
            drop(ours);
            outcome
        };
        tokio::join!(asking, answering).0
    }

    #[test]
    fn it_is_asked_to_connect_there_with_the_password() {
        assert_eq!(
            request(&proxy(), &target()),
            "CONNECT hub.example:8883 HTTP/1.1\r\nHost: hub.example:8883\r\n\
             Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n",
        );
        let (open, v6) = (Proxy::new("proxy".parse().unwrap()), "[::1]:443".parse().unwrap());
        assert_eq!(request(&open, &v6), "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_understood_however_it_comes() {
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(ANSWER_MAX));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        let chatter = "HTTP/1.1 100 Continue\r\n\r\n".repeat(3);
        let long = format!("HTTP/1.1 500 {}\r\n\r\n", "no ".repeat(1_000));
        for (answer, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", "open"),
            ("HTTP/1.0 200\r\nVia: a\r\n\r\n", "open"),
            (&format!("{chatter}HTTP/1.1 204 x\r\n\r\n"), "open"),
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
                "does not accept the name and password: 407 Proxy Authentication Required",
            ),
            (
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!",
                "does not connect to hub.example:8883: 403 Forbidden",
            ),
            ("HTTP/1.1 301 \u{1b}[31m\r\n\r\n", "no answer of a proxy: a status that is none"),
            (&long, "does not connect to hub.example:8883: 500 no no no no no no no"),
            ("HTTP/1.1 200 OK\r\n\r\n220 mail", "no answer of a proxy: bytes of somebody else's behind it"),
            ("SSH-2.0-OpenSSH_9.6\r\n", "no answer of a proxy: not HTTP/1.1"),
            ("\u{0}\u{1}\u{2}", "no answer of a proxy: not HTTP/1.1"),
            ("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "no answer of a proxy: a header that is none"),
            ("HTTP/2 200\r\n\r\n", "no answer of a proxy: not HTTP/1.1"),
            (&many, "no answer of a proxy: too many headers"),
            (&endless, "an answer of more than 8192 bytes"),
            ("", "connection broken before the answer: unexpected end of file"),
            ("HTTP/1.1 200 OK\r\n", "connection broken before the answer: unexpected end of file"),
        ] {
            for piece in [1, 7, 64 * 1024] {
                let shown = match answered(answer.as_bytes(), piece).await {
                    // Bytewise it is not seen that more follows: TLS will not understand it.
                    Ok(()) if piece < 64 && expected.ends_with("behind it") => continue,
                    Ok(()) => "open".to_owned(),
                    Err(error) => error.to_string(),
                };
                let answer = answer.get(..40).unwrap_or(answer);
                assert!(shown.starts_with(expected), "{answer:?} by {piece}: {shown}");
                assert!(shown.len() < 200 && !shown.contains("secret"), "{shown}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_says_nothing_is_not_waited_for_for_ever() {
        let (mut ours, _theirs) = duplex(1024);
        let error = open(&mut ours, &proxy(), &target()).await.unwrap_err();
        assert!(matches!(error, ProxyError::NoAnswer { after } if after == ANSWER_WITHIN), "{error}");
    }
}
