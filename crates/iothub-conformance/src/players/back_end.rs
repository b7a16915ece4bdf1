//! A back end: what it asks a hub for, and what it sees.

use iothub_codec::{SharedKey, TokenRequest};
use iothub_model::Refusal;
use iothub_proto::Timestamp;
use serde_json::{Value, json};

use crate::conversation::Deed;
use crate::credentials::{DEVICE, KEY};
use crate::player::Trouble;

/// An HTTP request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// With its query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What is asked, so that the answer can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Call,
    Twin,
    /// The answer is of no interest as long as it is success.
    Done,
}

const VERSION: &str = "api-version=2021-04-12";

/// What makes the identities of a conversation, in order.
pub(super) fn beginning(module: Option<&str>) -> Vec<Request> {
    let keys = json!({"type": "sas", "symmetricKey": {"primaryKey": KEY, "secondaryKey": KEY}});
    let device = json!({"deviceId": DEVICE, "authentication": keys});
    let mut requests = vec![put(format!("/devices/{DEVICE}"), &device)];
    if let Some(module) = module {
        let path = format!("/devices/{DEVICE}/modules/{module}");
        requests.push(put(path, &json!({"deviceId": DEVICE, "moduleId": module, "authentication": keys})));
    }
    requests
}

/// The header `authorization` of the hub's owner.
pub(super) fn authorization(host: &str, key: &str, now: Timestamp) -> Result<String, Trouble> {
    let key = SharedKey::from_base64(key).map_err(Trouble::new)?;
    let expiry_s = now.as_secs() + 3600;
    let request = TokenRequest { host, identity: None, expiry_s, policy: Some("iothubowner") };
    request.sign(&key, &mut [0; 512]).map(str::to_owned).map_err(Trouble::new)
}

/// What a deed asks.
pub(super) fn request(module: Option<&str>, deed: &Deed) -> Result<(Question, Request), Trouble> {
    let of_module = module.map_or_else(String::new, |module| format!("/modules/{module}"));
    let twin = format!("/twins/{DEVICE}{of_module}?{VERSION}");
    let identity = format!("/devices/{DEVICE}{of_module}?{VERSION}");
    Ok(match deed.verb.as_str() {
        "calls" => {
            let path = format!("/twins/{DEVICE}{of_module}/methods?{VERSION}");
            (Question::Call, with_json("POST", path, &call(deed)?))
        }
        "reads" => (Question::Twin, Request { method: "GET", path: twin, headers: vec![], body: vec![] }),
        "desires" => {
            let body = json!({"properties": {"desired": payload(deed)?}});
            (Question::Done, with_json("PATCH", twin, &body))
        }
        "sends" => {
            let path = format!("/$local/devices/{DEVICE}{of_module}/commands?{VERSION}");
            let headers = deed.fields.iter().map(|(name, value)| (header(name), value.clone())).collect();
            (Question::Done, Request { method: "POST", path, headers, body: deed.bytes().to_vec() })
        }
        "disables" => {
            let body = json!({"deviceId": DEVICE, "status": "disabled"});
            let any = [("if-match".to_owned(), "*".to_owned())];
            (Question::Done, Request { headers: any.into(), ..with_json("PUT", identity, &body) })
        }
        "deletes" => {
            let any = vec![("if-match".to_owned(), "*".to_owned())];
            (Question::Done, Request { method: "DELETE", path: identity, headers: any, body: vec![] })
        }
        _ => return Err(Trouble::new(format!("no back end does that: {deed}"))),
    })
}

/// What the answer to it is in words; nothing for success of which nothing is to be said.
pub(super) fn answer(question: Question, status: u16, body: &[u8]) -> Result<Option<Deed>, Trouble> {
    let value = || serde_json::from_slice::<Value>(body).map_err(|_| unexpected(status, body));
    match (question, status) {
        (Question::Done, 200..=299) => Ok(None),
        (Question::Call, 200) => {
            let value = value()?;
            let answered = Deed::new("answered").word(&value["status"]);
            Ok(Some(answered.payload(value["payload"].to_string().as_bytes())))
        }
        (Question::Twin, 200) => {
            let value = value()?;
            Ok(Some(Deed::new("twin").payload(value.to_string().as_bytes())))
        }
        _ => match Refusal::read(None, body).code {
            Some(code) => Ok(Some(Deed::new("refused").word(code.number()))),
            None => Err(unexpected(status, body)),
        },
    }
}

/// An event as the hub shows it, if it is a message of a device.
pub(super) fn telemetry(event: &Value) -> Option<Deed> {
    (event["kind"] == "telemetry").then_some(())?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // What is no text comes as base64.
    let payload = text(event.get("body").unwrap_or(&event["bodyBase64"]));
    let deed = Deed::new("telemetry").payload(payload.as_bytes());
    let all = |part: &str| event[part].as_object().cloned().unwrap_or_default().into_iter();
    let deed = all("properties").fold(deed, |deed, (name, value)| deed.field(name, text(&value)));
    Some(
        all("systemProperties")
            .fold(deed, |deed, (name, value)| deed.field(format!("system {name}"), text(&value))),
    )
}

fn call(deed: &Deed) -> Result<Value, Trouble> {
    let mut body = json!({"methodName": deed.at(0)});
    if deed.payload.is_some() {
        body["payload"] = payload(deed)?;
    }
    for (name, value) in &deed.fields {
        let name = match name.as_str() {
            "answer-within" => "responseTimeoutInSeconds",
            "connect-within" => "connectTimeoutInSeconds",
            other => return Err(Trouble::new(format!("no detail of a call: {other}"))),
        };
        body[name] = value.parse::<i64>().map_err(Trouble::new)?.into();
    }
    Ok(body)
}

fn payload(deed: &Deed) -> Result<Value, Trouble> {
    serde_json::from_slice(deed.bytes()).map_err(|error| Trouble::new(format!("{deed}: {error}")))
}

/// Where a property of a command stands in its request.
fn header(name: &str) -> String {
    match name {
        "message-id" => "iothub-messageid".to_owned(),
        "correlation-id" => "iothub-correlationid".to_owned(),
        "user-id" => "iothub-userid".to_owned(),
        "content-type" => "iothub-contenttype".to_owned(),
        "content-encoding" => "iothub-contentencoding".to_owned(),
        "ack" => "iothub-ack".to_owned(),
        name => format!("iothub-app-{name}"),
    }
}

fn put(path: String, body: &Value) -> Request {
    with_json("PUT", format!("{path}?{VERSION}"), body)
}

fn with_json(method: &'static str, path: String, body: &Value) -> Request {
    Request { method, path, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn unexpected(status: u16, body: &[u8]) -> Trouble {
    Trouble::new(format!("{status} {}", String::from_utf8_lossy(body)))
}
