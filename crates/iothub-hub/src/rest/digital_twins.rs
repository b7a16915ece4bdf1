//! Digital twins: the twins of devices as their models describe them.

use iothub_model::{DigitalTwinEdit, ErrorCode, MethodInvocation, MethodResult, Update};
use iothub_proto::Now;

use crate::change::Change;
use crate::digital_twin::{self, BadEdit, EDITS_MAX};
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::{ExchangeId, RestRequest};
use crate::registry::Key;
use crate::response::Response;
use crate::rest::path::Path;
use crate::rest::registration::{condition, other_etag, unreadable};
use crate::rest::{Failure, Outcome};
use crate::twin::TwinEdit;

impl Hub {
    pub(super) fn get_digital_twin(&self, key: &Key) -> Result<Outcome, Failure> {
        let entry = self.entry(key)?;
        let (desired, reported) = (entry.twin.desired(), entry.twin.reported());
        let document = digital_twin::document(&key.device, &entry.presence.model_id, desired, reported);
        Ok(Outcome::json(200, &document, Some(&entry.twin.etag())))
    }

    /// Changes what is wanted of properties and components, by a JSON patch.
    pub(super) fn edit_digital_twin(
        &mut self,
        now: Now,
        key: &Key,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let edits: Vec<DigitalTwinEdit> = serde_json::from_slice(request.body).map_err(|error| {
            Failure::new(ErrorCode::InvalidDigitalTwinJsonPatch, unreadable(&error).message)
        })?;
        if edits.len() > EDITS_MAX {
            let message = format!("{} steps, and at most {EDITS_MAX} are taken", edits.len());
            return Err(Failure::new(ErrorCode::InvalidDigitalTwinJsonPatch, message));
        }
        let condition = condition(request)?;
        let twin = &self.entry(key)?.twin;
        if !condition.is_met_by(&twin.etag()) {
            return Err(other_etag(&twin.etag()));
        }
        let patch = digital_twin::patch(twin.desired().properties(), edits).map_err(|error| {
            let code = match &error {
                BadEdit::Path { .. } | BadEdit::BelowProperty { .. } => {
                    ErrorCode::InvalidDigitalTwinPatchPath
                }
                BadEdit::Missing { .. } | BadEdit::Null { .. } => ErrorCode::InvalidDigitalTwinPatch,
            };
            Failure::new(code, error.to_string())
        })?;
        if !patch.is_empty() {
            let edit = TwinEdit { desired: Some(Update::Merge(patch)), ..TwinEdit::default() };
            let change = Change::TwinEdited { key: key.clone(), edit, at_ms: now.timestamp.as_millis() };
            let told = self.commit(change, effects).map_err(|violation| {
                Failure::new(ErrorCode::InvalidDigitalTwinPatch, violation.to_string())
            })?;
            self.twin_changed(now, key, ("updateTwin", told), effects);
        }
        let headers = vec![
            ("etag".into(), self.entry(key)?.twin.etag().quoted()),
            ("location".into(), format!("/digitaltwins/{}", encoded(&key.device))),
        ];
        Ok(Outcome::Done(Response { status: 202, headers, body: Vec::new() }))
    }

    /// Calls the method that a command of the device or of a component is.
    pub(super) fn invoke_command(
        &mut self,
        now: Now,
        (exchange, path): (ExchangeId, &Path),
        (key, method): (&Key, &str),
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let argument = request.body.trim_ascii();
        let payload = match argument {
            [] => None,
            json => Some(serde_json::from_slice(json).map_err(|error| unreadable(&error))?),
        };
        let invocation = MethodInvocation {
            payload,
            response_timeout_in_seconds: seconds(path, "responsetimeoutinseconds")?,
            connect_timeout_in_seconds: seconds(path, "connecttimeoutinseconds")?,
            ..MethodInvocation::new(method)
        };
        let outcome = self.invoke_checked(now, exchange, key, invocation, effects)?;
        self.calls.note_command(exchange);
        Ok(outcome)
    }

    /// Responds with the device's answer to a command.
    pub(crate) fn succeed_command(
        &mut self,
        exchange: ExchangeId,
        result: MethodResult,
        effects: &mut Effects,
    ) {
        let headers = vec![
            ("x-ms-command-statuscode".into(), result.status.to_string()),
            ("x-ms-request-id".into(), self.source.tracking_id()),
        ];
        let body = result.payload.get().as_bytes().to_vec();
        effects.push(Effect::Respond { exchange, response: Response { status: 200, headers, body } });
    }
}

/// A number of seconds among the query parameters.
fn seconds(path: &Path, name: &str) -> Result<Option<i64>, Failure> {
    let read = |text: String| {
        let message = || format!("{name} is {text:.64?}, and must be a number of seconds");
        text.parse().map_err(|_| Failure::new(ErrorCode::ArgumentInvalid, message()))
    };
    path.parameter(name).map(read).transpose()
}

/// A name as it stands in a path.
fn encoded(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    name.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
