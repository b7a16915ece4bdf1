use core::time::Duration;
use std::time::SystemTime;

use iothub_model::Refusal;
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};

use crate::{Error, Service, clock};

/// What a hub has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Longest answer that is read of a hub that refuses, in bytes: each of a hundred entries may be refused with a
    /// sentence. What comes behind it is left unread.
    const REFUSAL_MAX: usize = 1024 * 1024;

    pub(crate) async fn read(service: &Service, mut response: Response) -> Result<Self, Error> {
        let status = response.status();
        let headers = core::mem::take(response.headers_mut());
        let most = if status.is_success() { Service::ANSWER_MAX } else { Self::REFUSAL_MAX };
        let too_long = || service.unreadable(format!("longer than {most} bytes"));
        if status.is_success() && response.content_length().is_some_and(|len| len > most as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| service.transport(&error))? {
            let room = most - body.len();
            if chunk.len() > room {
                if status.is_success() {
                    return Err(too_long());
                }
                body.extend_from_slice(&chunk[..room]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status: status.as_u16(), headers, body })
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header, if it is there and a text.
    pub(crate) fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn into_error(self) -> Error {
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let refusal = Refusal::read(text("iothub-errorcode"), &self.body);
        let request_id = text("x-ms-request-id").map(Into::into);
        let refusal = Refusal { tracking_id: refusal.tracking_id.or(request_id), ..refusal };
        let pause = self.text(&RETRY_AFTER).and_then(|value| retry_after(value, clock::civil()));
        Error::refused(self.status, refusal, pause)
    }
}

/// How long a hub asks to be left alone: a number of seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use iothub_model::ErrorCode;
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_refusal_is_read_from_the_headers_and_the_body() {
        let mut headers = HeaderMap::new();
        headers.insert("iothub-errorcode", HeaderValue::from_static("DeviceNotFound"));
        headers.insert("x-ms-request-id", HeaderValue::from_static("r-1"));
        headers.insert("retry-after", HeaderValue::from_static("3"));
        let body = br#"{"Message":"ErrorCode:DeviceNotFound;no pump-8","ExceptionMessage":"Tracking ID:t-1-TimeStamp:x"}"#;
        for (body, message, tracking_id) in
            [(&body[..], "no pump-8", "t-1"), (b"", "refused without a reason", "r-1")]
        {
            let error = Answer { status: 404, headers: headers.clone(), body: body.to_vec() }.into_error();
            assert_eq!(error.code(), Some(ErrorCode::DeviceNotFound));
            assert_eq!((error.number(), error.status()), (Some(404_001), Some(404)));
            assert_eq!(error.tracking_id(), Some(tracking_id));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
            assert_eq!(error.to_string(), format!("{message} (status 404, 404001 DeviceNotFound)"));
        }
    }

    #[test]
    fn a_hub_asks_for_a_pause_in_seconds_or_by_a_date() {
        let now = httpdate::parse_http_date("Tue, 01 Jan 2030 00:00:00 GMT").expect("a date");
        for (value, pause_s) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Tue, 01 Jan 2030 00:01:30 GMT", Some(90)),
            ("Mon, 31 Dec 2029 23:59:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(retry_after(value, now), pause_s.map(Duration::from_secs), "{value:?}");
        }
    }
}
