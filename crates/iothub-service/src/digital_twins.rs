use core::time::Duration;

use iothub_codec::DeviceId;
use iothub_model::{DigitalTwinEdit, Etag, IfMatch, Object};
use reqwest::header::{ETAG, HeaderName, LOCATION};
use serde_json::value::RawValue;

use crate::methods::GRACE;
use crate::request::{Request, escaped};
use crate::response::Answer;
use crate::{Error, Service};

/// The twin of a device in the shape that its model gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct DigitalTwin {
    /// Properties and components by their names, and `$dtId` and `$metadata`.
    pub document: Object,
    /// Names its present state.
    pub etag: Option<Etag>,
}

/// That a change of a digital twin was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitalTwinChanged {
    /// Names its state after the change.
    pub etag: Option<Etag>,
    /// Where it can be read.
    pub location: Option<String>,
}

/// A command of a digital twin: a method of the device, named as its model names it.
#[derive(Clone, Debug, Default)]
pub struct DigitalTwinCommand {
    /// The component whose command it is; that of the device itself without one.
    pub component: Option<String>,
    /// Which command.
    pub name: String,
    /// The argument.
    pub payload: Option<Box<RawValue>>,
    /// How long to wait for the device to connect, in whole seconds up to 300; not at all unless stated.
    pub connect_timeout: Option<Duration>,
    /// How long the device may take to answer, in whole seconds from 5 to 300; 30 unless stated.
    pub response_timeout: Option<Duration>,
}

/// What a device answered to a [`DigitalTwinCommand`].
#[derive(Clone, Debug)]
pub struct DigitalTwinCommandResult {
    /// The device's own number, often modelled on HTTP.
    pub status: i32,
    /// The device's answer, `null` if it gave none.
    pub payload: Box<RawValue>,
    /// By which the call is found in the hub's log.
    pub request_id: Option<String>,
}

/// # Digital twins
///
/// Twins and methods of devices that follow a model. All of it takes the right ServiceConnect.
impl Service {
    /// Gives the digital twin of a device.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound`; see [`Error`] for others.
    pub async fn get_digital_twin(&self, device: DeviceId<'_>) -> Result<DigitalTwin, Error> {
        let answer = self.exchange(Request::get(path(device)?)).await?;
        Ok(DigitalTwin { document: self.document(&answer.body)?, etag: etag(&answer) })
    }

    /// Changes the digital twin of a device, step by step: all of them, or none. The device, if it listens, is told.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `InvalidDigitalTwinPatch` and the like, and with `PreconditionFailed` if it has been
    /// changed since the etag was read; see [`Error`] for others.
    pub async fn update_digital_twin(
        &self,
        device: DeviceId<'_>,
        edits: &[DigitalTwinEdit],
        condition: &IfMatch,
    ) -> Result<DigitalTwinChanged, Error> {
        let answer = self.exchange(Request::patch(path(device)?).json(&edits).on(condition)).await?;
        Ok(DigitalTwinChanged { etag: etag(&answer), location: answer.text(&LOCATION).map(Into::into) })
    }

    /// Has a device carry out a command and gives what it answered, whatever its status. The call waits for as long as
    /// `command` allows the device to connect and to answer.
    ///
    /// # Errors
    ///
    /// As for [`Self::invoke_method`].
    pub async fn invoke_digital_twin_command(
        &self,
        device: DeviceId<'_>,
        command: &DigitalTwinCommand,
    ) -> Result<DigitalTwinCommandResult, Error> {
        let answer = self.exchange(request(device, command)?).await?;
        let status = answer.text(&COMMAND_STATUS).and_then(|status| status.trim().parse().ok());
        let status =
            status.ok_or_else(|| self.unreadable("a command without the status of the device".into()))?;
        let body = if answer.body.trim_ascii().is_empty() { b"null" } else { &answer.body[..] };
        let request_id = answer.text(&REQUEST_ID).map(Into::into);
        Ok(DigitalTwinCommandResult { status, payload: self.document(body)?, request_id })
    }
}

fn request(device: DeviceId<'_>, command: &DigitalTwinCommand) -> Result<Request, Error> {
    let mut path = path(device)?;
    if let Some(component) = &command.component {
        path = format!("{path}/components/{}", escaped(component)?);
    }
    let mut request = Request::post(format!("{path}/commands/{}", escaped(&command.name)?));
    let seconds = |timeout: Duration| u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    if let Some(timeout) = command.connect_timeout {
        request = request.query("connectTimeoutInSeconds", seconds(timeout));
    }
    if let Some(timeout) = command.response_timeout {
        request = request.query("responseTimeoutInSeconds", seconds(timeout));
    }
    if let Some(payload) = &command.payload {
        request = request.json(payload);
    }
    const MOST: Duration = Duration::from_secs(300);
    let connect = command.connect_timeout.unwrap_or_default().min(MOST);
    let response = command.response_timeout.unwrap_or(Duration::from_secs(30)).min(MOST);
    Ok(request.within(connect + response + GRACE))
}

fn path(device: DeviceId<'_>) -> Result<String, Error> {
    Ok(format!("/digitaltwins/{}", escaped(device.as_str())?))
}

fn etag(answer: &Answer) -> Option<Etag> {
    match IfMatch::parse(answer.text(&ETAG)) {
        Ok(IfMatch::Exactly(etag)) => Some(etag),
        Ok(IfMatch::None | IfMatch::Any) | Err(_) => None,
    }
}

const COMMAND_STATUS: HeaderName = HeaderName::from_static("x-ms-command-statuscode");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
