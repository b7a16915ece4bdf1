use iothub_codec::DeviceId;
use iothub_model::{CommandDocument, Date, FeedbackWanted};
use reqwest::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;

use crate::request::{Request, device_path};
use crate::{Error, Service};

/// A message from the cloud to a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Any bytes.
    pub payload: Vec<u8>,
    /// What the bytes are, such as `application/json`.
    pub content_type: Option<String>,
    /// By which feedback about it is recognised.
    pub message_id: Option<String>,
    /// Of which outcomes to be told by [`Service::receive_feedback`]. Takes a message id.
    pub feedback: FeedbackWanted,
    /// When the hub drops it if the device has not completed it; else an hour from now, unless the hub was told
    /// otherwise.
    pub expires: Option<Date>,
    /// The application's properties. Names travel as part of header names: lower-case letters, digits and
    /// ``! # $ % & ' * + - . ^ _ ` | ~``.
    pub properties: Vec<(String, String)>,
}

/// # Extras of a local hub, continued
impl Service {
    /// Puts a message into the queue of a device of a local hub. The device gets it now, or when it connects.
    /// Takes the right ServiceConnect.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound`, or with `DeviceMaximumQueueDepthExceeded` if too many wait
    /// already; [`Error::NotExpressible`] for a property that no header can carry; see [`Error`] for others.
    pub async fn send_command(&self, device: DeviceId<'_>, command: &Command) -> Result<(), Error> {
        self.send_for_nothing(request(device, command)?).await
    }

    /// Gives the commands that a device of a local hub has not settled yet, in their order. Takes the right
    /// ServiceConnect.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn waiting_commands(&self, device: DeviceId<'_>) -> Result<Vec<CommandDocument>, Error> {
        self.send(Request::get(format!("/$local{}/commands", device_path(device)?))).await
    }

    /// Gives the latest commands that came to nothing for a device of a local hub: expired, rejected, or delivered too
    /// often. Takes the right ServiceConnect.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn dead_letters(&self, device: DeviceId<'_>) -> Result<Vec<CommandDocument>, Error> {
        self.send(Request::get(format!("/$local{}/deadLetters", device_path(device)?))).await
    }
}

/// # Commands that wait
impl Service {
    /// Drops all commands that wait for a device, and says how many they were. Takes the right ServiceConnect.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn purge_commands(&self, device: DeviceId<'_>) -> Result<u64, Error> {
        let purged: Purged = self.send(Request::delete(format!("{}/commands", device_path(device)?))).await?;
        Ok(purged.total_messages_purged)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Purged {
    total_messages_purged: u64,
}

fn request(device: DeviceId<'_>, command: &Command) -> Result<Request, Error> {
    let mut request = Request::post(format!("/$local{}/commands", device_path(device)?));
    request.body = command.payload.clone().into();
    if let Some(content_type) = &command.content_type {
        request = request.header(CONTENT_TYPE, content_type)?;
    }
    if let Some(message_id) = &command.message_id {
        request = request.header(HeaderName::from_static("iothub-messageid"), message_id)?;
    }
    if command.feedback != FeedbackWanted::None {
        request = request.header(HeaderName::from_static("iothub-ack"), command.feedback.as_str())?;
    }
    if let Some(expires) = command.expires {
        request = request.header(HeaderName::from_static("iothub-expiry"), &expires.to_string())?;
    }
    for (name, value) in &command.properties {
        request = request.header(property_header(name)?, value)?;
    }
    Ok(request)
}

fn property_header(name: &str) -> Result<HeaderName, Error> {
    let refused = |reason| Error::NotExpressible { what: format!("the property name {name:?}"), reason };
    // HTTP would make them small, and the device would look for the name in vain.
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(refused("header names have no capital letters"));
    }
    if name.is_empty() {
        return Err(refused("it is empty"));
    }
    HeaderName::from_bytes(format!("iothub-app-{name}").as_bytes())
        .map_err(|_| refused("it contains a character that header names cannot"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_bytes_with_headers_about_them() {
        let command = Command {
            payload: vec![0, 0xff],
            content_type: Some("application/octet-stream".into()),
            message_id: Some("m-1".into()),
            feedback: FeedbackWanted::Full,
            expires: Some(Date::from_millis(1_893_456_000_000)),
            properties: vec![("unit".into(), "°C".into()), ("a.b_c".into(), String::new())],
        };
        let request = request(device(), &command).expect("a request");
        assert_eq!(request.method, "POST");
        assert_eq!(request.url("h"), "https://h/$local/devices/dev-1/commands?api-version=2021-04-12");
        assert_eq!(request.body[..], [0, 0xff]);
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("iothub-messageid", "m-1"),
            ("iothub-ack", "full"),
            ("iothub-expiry", "2030-01-01T00:00:00.0000000Z"),
            ("iothub-app-unit", "°C"),
            ("iothub-app-a.b_c", ""),
        ] {
            assert_eq!(request.headers[name].as_bytes(), value.as_bytes(), "{name}");
        }
    }

    #[test]
    fn what_no_header_can_carry_is_not_sent() {
        for (name, value) in
            [("Unit", "C"), ("", "C"), ("a b", "C"), ("ü", "C"), ("a\r\nb", "C"), ("a", "C\r\nx: y")]
        {
            let command = Command { properties: vec![(name.into(), value.into())], ..Command::default() };
            let refused = request(device(), &command);
            assert!(matches!(refused, Err(Error::NotExpressible { .. })), "{name:?} {value:?}: {refused:?}");
        }
    }

    fn device() -> DeviceId<'static> {
        DeviceId::new("dev-1").expect("a name")
    }
}
