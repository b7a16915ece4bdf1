use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Date, ErrorCode};

/// Why a hub does not do what it was asked for. Made by a hub; a client reads it as [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which kind of problem.
    pub code: ErrorCode,
    /// What it is about, for people.
    pub message: String,
    /// By which the request is found in the hub's log.
    pub tracking_id: String,
    /// When it was noticed.
    pub time: Date,
}

/// Which of its three shapes the body of an error has. Clients tell them apart and expect each in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Registry, twins, queries and jobs.
    Registry,
    /// Methods, unreachable devices, throttling.
    Gateway,
    /// The provisioning service, and everything that devices ask for.
    Device,
}

impl Problem {
    /// The body of the HTTP response. Its status is [`ErrorCode::http_status`], and its header
    /// `iothub-errorcode` is [`ErrorCode::name`].
    pub fn body(&self, form: Form) -> String {
        let (message, exception_message) = match form {
            Form::Registry => (
                format!("ErrorCode:{};{}", self.code.name(), self.message),
                format!("Tracking ID:{}-TimeStamp:{}", self.tracking_id, self.time),
            ),
            // The message is JSON within a JSON text.
            Form::Gateway => (self.device_body(), String::new()),
            Form::Device => return self.device_body(),
        };
        serde_json::json!({"Message": message, "ExceptionMessage": exception_message}).to_string()
    }

    /// The body of a response to a device.
    pub fn device_body(&self) -> String {
        serde_json::json!({
            "errorCode": self.code.number(),
            "trackingId": self.tracking_id,
            "message": self.message,
            "timestampUtc": self.time,
        })
        .to_string()
    }
}

/// What a client makes of the response of a hub that did not do what it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which kind of problem, if the hub named one that is known.
    pub code: Option<ErrorCode>,
    /// The number of the code, known or not, if the hub gave it or it follows from the code.
    pub number: Option<u32>,
    /// What the hub says about it, on one line and at most [`Self::MESSAGE_MAX`] characters long.
    pub message: String,
    /// By which the request is found in the hub's log.
    pub tracking_id: Option<String>,
}

impl Refusal {
    /// Longest message that is kept, in characters.
    pub const MESSAGE_MAX: usize = 1024;

    /// Reads the header `iothub-errorcode` and the body in any [`Form`]. A body in none of them is taken
    /// as text; nothing that a hub or something before it can send is an error here.
    pub fn read(header: Option<&str>, body: &[u8]) -> Self {
        let from_header = header.map(str::trim).and_then(ErrorCode::from_name);
        // A list would be read as the members of an object, one after the other.
        let object = if body.trim_ascii_start().starts_with(b"{") { body } else { b"" };
        let refusal =
            match (serde_json::from_slice::<Gateway>(object), serde_json::from_slice::<Body>(object)) {
                (Ok(bare), _) => Self::from_gateway(bare),
                (Err(_), Ok(wrapped)) => Self::from_body(wrapped),
                (Err(_), Err(_)) => {
                    Self { message: String::from_utf8_lossy(body).into_owned(), ..Self::default() }
                }
            };
        let code = refusal.code.or(from_header);
        Self {
            code,
            number: refusal.number.or(code.map(ErrorCode::number)),
            message: one_line(&refusal.message),
            tracking_id: refusal.tracking_id.as_deref().map(one_line),
        }
    }

    fn from_gateway(Gateway { error_code, tracking_id, message }: Gateway) -> Self {
        let number = error_code.as_u64().and_then(|number| u32::try_from(number).ok());
        let message = if number.is_some() { message } else { format!("{error_code}: {message}") };
        Self { code: number.and_then(ErrorCode::from_number), number, message, tracking_id }
    }

    fn from_body(body: Body) -> Self {
        let Body { message, exception_message } = body;
        match serde_json::from_str::<Gateway>(&message) {
            Ok(gateway) => Self::from_gateway(gateway),
            Err(_) => {
                let named = message.strip_prefix("ErrorCode:").and_then(|rest| rest.split_once(';'));
                let known =
                    named.and_then(|(name, text)| Some((ErrorCode::from_name(name.trim())?, text.trim())));
                let tracking_id = tracking_id(&exception_message).map(Into::into);
                match known {
                    Some((code, text)) => {
                        Self { code: Some(code), number: None, message: text.into(), tracking_id }
                    }
                    None => Self { code: None, number: None, message, tracking_id },
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "Message", alias = "message")]
    message: String,
    #[serde(default, rename = "ExceptionMessage", deserialize_with = "crate::word::null_is_default")]
    exception_message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gateway {
    error_code: Value,
    #[serde(default)]
    tracking_id: Option<String>,
    #[serde(default, deserialize_with = "crate::word::null_is_default")]
    message: String,
}

/// The id in `Tracking ID:{id}-TimeStamp:{time}`; it may itself contain dashes.
fn tracking_id(exception_message: &str) -> Option<&str> {
    let rest = exception_message.strip_prefix("Tracking ID:")?;
    Some(rest.rsplit_once("-TimeStamp:").map_or(rest, |(id, _)| id).trim())
}

/// Fit for a log and a terminal, whoever wrote it.
fn one_line(text: &str) -> String {
    let printable = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(Refusal::MESSAGE_MAX).collect()
}
