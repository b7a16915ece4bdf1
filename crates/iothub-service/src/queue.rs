use iothub_codec::DeviceId;
use reqwest::header::{CONTENT_TYPE, HeaderName};

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
}

fn request(device: DeviceId<'_>, command: &Command) -> Result<Request, Error> {
    let mut request = Request::post(format!("/$local{}/commands", device_path(device)?));
    request.body.clone_from(&command.payload);
    if let Some(content_type) = &command.content_type {
        request = request.header(CONTENT_TYPE, content_type)?;
    }
    if let Some(message_id) = &command.message_id {
        request = request.header(HeaderName::from_static("iothub-messageid"), message_id)?;
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
            properties: vec![("unit".into(), "°C".into()), ("a.b_c".into(), String::new())],
        };
        let request = request(device(), &command).expect("a request");
        assert_eq!(request.method, "POST");
        assert_eq!(request.url("h"), "https://h/$local/devices/dev-1/commands?api-version=2021-04-12");
        assert_eq!(request.body, [0, 0xff]);
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("iothub-messageid", "m-1"),
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
