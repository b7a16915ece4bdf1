use iothub_codec::{DesiredChanged, Operation, Qos, Reply, RequestId, Status, TwinGet, TwinPatch};
use iothub_model::{ErrorCode, Object, Problem, Update};
use iothub_proto::{HubSession, Now, SendError};
use serde_json::json;

use crate::call::compose;
use crate::change::Change;
use crate::connection::CALLS;
use crate::effect::{Effect, Effects, PacketBuf};
use crate::event::EventKind;
use crate::hub::Hub;
use crate::input::ConnectionId;
use crate::notice::Level;
use crate::registry::Key;
use crate::twin::{Told, TwinEdit, date};

/// What a device is answered about its twin.
pub(crate) struct TwinAnswer<'a> {
    operation: Operation<'static>,
    request: RequestId<'a>,
    status: Status,
    version: Option<u64>,
    payload: Vec<u8>,
}

impl Hub {
    /// A device asks for its twin.
    pub(crate) fn twin_get(&mut self, id: ConnectionId, key: &Key, get: &TwinGet<'_>, effects: &mut Effects) {
        let Some(entry) = self.registry.get(key) else { return };
        let answer = TwinAnswer {
            operation: Operation::TwinGet,
            request: get.request,
            status: Status::SUCCESS,
            version: None,
            payload: entry.twin.device_view(),
        };
        self.twin_answer(id, &answer, effects);
    }

    /// A device changes its reported properties.
    pub(crate) fn twin_patch<'a>(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        patch: &TwinPatch<'a>,
        effects: &mut Effects,
    ) -> TwinAnswer<'a> {
        let outcome = self.report(now, key, patch, effects);
        let (status, version, payload) = match outcome {
            Ok(version) => (Status::SUCCESS, Some(version), Vec::new()),
            Err((status, code, message)) => {
                let tracking_id = self.source.tracking_id();
                let why = format!("{message} (tracking id {tracking_id})");
                self.log(Level::Warn, id, Some(key), "report refused", why, effects);
                let problem = Problem { code, message, tracking_id, time: date(now.timestamp) };
                (status, None, problem.device_body().into_bytes())
            }
        };
        TwinAnswer { operation: Operation::TwinPatch, request: patch.request, status, version, payload }
    }

    /// Sends an answer about a twin, if the device listens to answers.
    pub(crate) fn twin_answer(&mut self, id: ConnectionId, answer: &TwinAnswer<'_>, effects: &mut Effects) {
        let TwinAnswer { operation, request, status, version, payload } = answer;
        let reply = Reply { version: *version, payload: &payload[..], ..Reply::new(*request, *status) };
        let written = self.written(id, |session, out| {
            let packet = session.reply(*operation, &reply, out)?;
            Ok(PacketBuf::new(&packet).expect("an answer is a PUBLISH"))
        });
        match written {
            Some(Ok(packet)) => effects.push(Effect::Send { connection: id, packet }),
            Some(Err(error)) => {
                let key = self.serving(id).map(|serving| serving.key.clone());
                let why = format!("the answer to its twin request cannot be sent: {error}");
                self.log(Level::Warn, id, key.as_ref(), "twin request unanswered", why, effects);
            }
            None => {}
        }
    }

    /// Tells everybody whom it concerns of a change of a twin.
    pub(crate) fn twin_changed(
        &mut self,
        now: Now,
        key: &Key,
        (operation, told): (&str, Told),
        effects: &mut Effects,
    ) {
        let Some(entry) = self.registry.get(key) else { return };
        let mut properties = Object::new();
        if let Some(desired) = &told.desired {
            properties.insert("desired".into(), desired.clone().into());
        }
        if let Some(reported) = &told.reported {
            properties.insert("reported".into(), reported.clone().into());
        }
        let body = json!({"version": entry.twin.version(), "properties": properties});
        let version = entry.twin.desired().version();
        self.announce(now, EventKind::TwinChange, (key, operation, "twinChangeNotification"), &body, effects);
        if let Some(desired) = told.desired {
            let patch = serde_json::Value::Object(desired).to_string().into_bytes();
            self.notify_desired(key, version, &patch, effects);
        }
    }

    fn report(
        &mut self,
        now: Now,
        key: &Key,
        patch: &TwinPatch<'_>,
        effects: &mut Effects,
    ) -> Result<u64, (Status, ErrorCode, String)> {
        let bad = |message: String| (Status::BAD_REQUEST, ErrorCode::ArgumentInvalid, message);
        let object: Object = serde_json::from_slice(patch.patch)
            .map_err(|error| bad(format!("the patch is not a JSON object: {error}")))?;
        let gone = || (Status::NOT_FOUND, ErrorCode::DeviceNotFound, format!("there is no {key}"));
        let current = self.registry.get(key).ok_or_else(gone)?.twin.reported().version();
        if let Some(wanted) = patch.if_version.filter(|wanted| *wanted != current) {
            let message = format!("the reported properties are at version {current}, not {wanted}");
            return Err((Status::PRECONDITION_FAILED, ErrorCode::PreconditionFailed, message));
        }
        let edit = TwinEdit { reported: Some(Update::Merge(object)), ..TwinEdit::default() };
        let change = Change::TwinEdited { key: key.clone(), edit, at_ms: now.timestamp.as_millis() };
        let told = self.commit(change, effects).map_err(|violation| bad(violation.to_string()))?;
        self.twin_changed(now, key, ("updateTwin", told), effects);
        let entry = self.registry.get(key).ok_or_else(gone)?;
        Ok(entry.twin.reported().version())
    }

    fn notify_desired(&mut self, key: &Key, version: u64, patch: &[u8], effects: &mut Effects) {
        let Some((id, _)) = self.serving_device(key) else { return };
        let change = DesiredChanged { version, patch, qos: Qos::AtMostOnce };
        let written = self.written(id, |session, out| {
            let packet = session.desired_changed(&change, out)?;
            Ok(PacketBuf::new(&packet).expect("a notification is a PUBLISH"))
        });
        // A device that does not listen reads the twin when it wants to know.
        if let Some(Ok(packet)) = written {
            effects.push(Effect::Send { connection: id, packet });
        }
    }

    /// Has a session write a packet; `None` when the connection is not served any longer.
    fn written(
        &mut self,
        id: ConnectionId,
        write: impl Fn(&mut HubSession<CALLS>, &mut [u8]) -> Result<PacketBuf, SendError>,
    ) -> Option<Result<PacketBuf, SendError>> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let written =
            self.serving(id).map(|serving| compose(&mut scratch, |out| write(&mut serving.session, out)));
        self.scratch = scratch;
        written
    }
}
