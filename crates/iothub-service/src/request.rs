use core::time::Duration;

use bytes::Bytes;
use iothub_codec::{DeviceId, Identity, ModuleId};
use iothub_model::IfMatch;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use serde::Serialize;

use crate::Error;

/// One operation of the API, before it is sent anywhere.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path, escaped, and what follows the `?` besides the version of the API.
    path: String,
    query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How long to wait for the whole answer, if not as long as usual.
    pub(crate) timeout: Option<Duration>,
    pub(crate) repeat: Repeat,
    version: &'static str,
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once, and is answered in the same way.
    Freely,
    /// If it was certainly not done: the answer would be another one.
    IfNotDone,
    /// Only the caller can know whether it may happen twice.
    Never,
}

impl Repeat {
    pub(crate) fn is_safe_after(self, error: &Error) -> bool {
        match self {
            Self::Never => false,
            Self::IfNotDone => error.is_retryable() && !error.may_have_been_done(),
            Self::Freely => error.is_retryable(),
        }
    }
}

impl Request {
    /// The version of the API that is spoken.
    pub(crate) const API_VERSION: &str = "2021-04-12";
    /// The version of the API of the provisioning service that is spoken.
    pub(crate) const PROVISIONING_VERSION: &str = "2021-10-01";

    pub(crate) fn get(path: String) -> Self {
        Self::new(Method::GET, path, Repeat::Freely)
    }

    pub(crate) fn put(path: String) -> Self {
        Self::new(Method::PUT, path, Repeat::IfNotDone)
    }

    pub(crate) fn patch(path: String) -> Self {
        Self::new(Method::PATCH, path, Repeat::IfNotDone)
    }

    pub(crate) fn post(path: String) -> Self {
        Self::new(Method::POST, path, Repeat::Never)
    }

    pub(crate) fn delete(path: String) -> Self {
        Self::new(Method::DELETE, path, Repeat::IfNotDone)
    }

    fn new(method: Method, path: String, repeat: Repeat) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (query, body, version) = (String::new(), Bytes::new(), Self::API_VERSION);
        Self { method, path, query, headers, body, timeout: None, repeat, version }
    }

    /// A request that, whatever its method, may be sent again as this says.
    pub(crate) fn repeated(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    /// In another version of the API than usual.
    pub(crate) fn of_version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the documents of this API have texts for names");
        self.json_bytes(body.into())
    }

    /// A body that has been written already.
    pub(crate) fn json_bytes(mut self, body: Bytes) -> Self {
        self.body = body;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: u32) -> Self {
        self.query = format!("{}&{name}={value}", self.query);
        self
    }

    /// A query parameter that is a word.
    pub(crate) fn choice(mut self, name: &str, word: &str) -> Self {
        self.query = format!("{}&{name}={word}", self.query);
        self
    }

    /// A query parameter that is a text.
    pub(crate) fn text(mut self, name: &str, text: &str) -> Self {
        self.query = format!("{}&{name}={}", self.query, percent(text));
        self
    }

    /// A body of JSON documents, one a line.
    pub(crate) fn lines(mut self, lines: String) -> Self {
        self.body = lines.into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        self
    }

    pub(crate) fn on(mut self, condition: &IfMatch) -> Self {
        if let Some(value) = condition.header() {
            let value = HeaderValue::from_str(&value).expect("an etag is visible ASCII");
            self.headers.insert(IF_MATCH, value);
        }
        if self.method == Method::PUT && *condition == IfMatch::Any {
            self.repeat = Repeat::Freely;
        }
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Result<Self, Error> {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Error::NotExpressible {
            what: format!("the value of `{name}`"),
            reason: "it contains a control character",
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }

    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The URL at a hub that is reached by `authority`.
    pub(crate) fn url(&self, authority: &str) -> String {
        format!("https://{authority}{}?api-version={}{}", self.path, self.version, self.query)
    }
}

/// `/devices/{d}`
pub(crate) fn device_path(device: DeviceId<'_>) -> Result<String, Error> {
    Ok(format!("/devices/{}", escaped(device.as_str())?))
}

/// `/devices/{d}/modules/{m}`
pub(crate) fn module_path(device: DeviceId<'_>, module: ModuleId<'_>) -> Result<String, Error> {
    Ok(format!("{}/modules/{}", device_path(device)?, escaped(module.as_str())?))
}

/// `/twins/{d}` or `/twins/{d}/modules/{m}`
pub(crate) fn twin_path(of: Identity<'_>) -> Result<String, Error> {
    let device = escaped(of.device.as_str())?;
    match of.module {
        None => Ok(format!("/twins/{device}")),
        Some(module) => Ok(format!("/twins/{device}/modules/{}", escaped(module.as_str())?)),
    }
}

/// One segment of a path, everything escaped that is not a letter, a digit or `- . _ ~`.
///
/// URLs have no spelling for segments called `.` and `..`: escaped or not, they lead elsewhere.
pub(crate) fn escaped(segment: &str) -> Result<String, Error> {
    if matches!(segment, "." | "..") {
        return Err(Error::NotExpressible {
            what: format!("the name `{segment}`"),
            reason: "in a URL it leads to another resource",
        });
    }
    Ok(percent(segment))
}

pub(crate) fn percent(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(b))
            }
            _ => escaped.push_str(&format!("%{b:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_thing_and_survives_being_a_url() {
        for (device, module, devices, twins) in [
            ("dev-1", None, "/devices/dev-1", "/twins/dev-1"),
            ("dev-1", Some("mod-a"), "/devices/dev-1/modules/mod-a", "/twins/dev-1/modules/mod-a"),
            ("d", Some("$edgeAgent"), "/devices/d/modules/%24edgeAgent", "/twins/d/modules/%24edgeAgent"),
            (
                "a-:.+%_#*?!(),=@$'z",
                None,
                "/devices/a-%3A.%2B%25_%23%2A%3F%21%28%29%2C%3D%40%24%27z",
                "/twins/a-%3A.%2B%25_%23%2A%3F%21%28%29%2C%3D%40%24%27z",
            ),
            ("...", None, "/devices/...", "/twins/..."),
            ("%2e%2e", None, "/devices/%252e%252e", "/twins/%252e%252e"),
        ] {
            let of = identity(device, module);
            let path = match of.module {
                None => device_path(of.device),
                Some(module) => module_path(of.device, module),
            };
            assert_eq!(path.as_deref().ok(), Some(devices));
            let twin = twin_path(of).expect("a name with a place in a path");
            assert_eq!(twin, twins);
            let url = Request::get(twin).url("hub1");
            assert_eq!(reqwest::Url::parse(&url).expect("a URL").as_str(), url);
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_in_a_url_is_refused() {
        for dots in [".", ".."] {
            let results = [
                device_path(identity(dots, None).device),
                twin_path(identity(dots, None)),
                twin_path(identity("d", Some(dots))),
            ];
            for result in results {
                assert!(matches!(result, Err(Error::NotExpressible { .. })), "{dots}: {result:?}");
            }
        }
    }

    #[test]
    fn a_url_states_the_version_of_the_api() {
        let request = Request::get("/devices".into()).query("top", 10);
        assert_eq!(
            request.url("localhost:8443"),
            "https://localhost:8443/devices?api-version=2021-04-12&top=10"
        );
        let request = Request::delete("/devices/d".into());
        assert_eq!(request.url("hub1"), "https://hub1/devices/d?api-version=2021-04-12");
    }

    #[test]
    fn a_condition_goes_out_in_quotes() {
        let etag = iothub_model::Etag::from_counter(1);
        for (condition, header) in [
            (IfMatch::None, None),
            (IfMatch::Any, Some("\"*\"")),
            (IfMatch::Exactly(etag), Some("\"AAAAAAAAAAE=\"")),
        ] {
            let request = Request::delete("/devices/d".into()).on(&condition);
            assert_eq!(text(&request, "if-match"), header.map(Into::into));
        }
    }

    pub(crate) fn identity<'a>(device: &'a str, module: Option<&'a str>) -> Identity<'a> {
        let device = DeviceId::new(device).expect("the name of a device");
        let module = module.map(|name| ModuleId::new(name).expect("the name of a module"));
        Identity { device, module }
    }

    pub(crate) fn text(request: &Request, header: &str) -> Option<String> {
        let value = request.headers.get(header)?;
        Some(value.to_str().expect("a header of visible characters").to_owned())
    }
}
