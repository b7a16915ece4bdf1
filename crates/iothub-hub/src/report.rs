use std::sync::Arc;

use iothub_codec::{
    DesiredChanged, Dialect, Operation, Qos, Reply, RequestId, Status, Text, TwinGet, TwinPatch,
};
use iothub_model::{ErrorCode, Object, Problem, Update};
use iothub_proto::{Now, SendError};

use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::event::EventKind;
use crate::hub::Hub;
use crate::input::ConnectionId;
use crate::notice::Level;
use crate::packet::PacketBuf;
use crate::quota;
use crate::recording::NO_ROOM;
use crate::registry::Key;
use crate::rule::Rule;
use crate::twin::{Told, TwinEdit, date};

/// What a device is answered about its twin.
pub(crate) struct TwinAnswer<'a> {
    operation: Operation<'static>,
    request: RequestId<'a>,
    status: Status,
    version: Option<u64>,
    payload: Vec<u8>,
    /// Why not, and where the log has more; the classic dialect says so in the payload.
    refused: Option<Refused>,
}

/// Why a request about a twin is refused: for each dialect, for the log, and in words.
type Refusal = (Status, ErrorCode, Rule, String);

struct Refused {
    reason: String,
    trace_id: String,
}

impl Hub {
    /// A device asks for its twin.
    pub(crate) fn twin_get(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        get: &TwinGet<'_>,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.registry.get(key) else { return };
        let version = entry.twin.device_version(get.part);
        let known = get.known_version.is_some() && get.known_version == version;
        let answer = TwinAnswer {
            operation: Operation::TwinGet,
            request: get.request,
            status: if known { Status::NOT_MODIFIED } else { Status::SUCCESS },
            version,
            payload: if known { Vec::new() } else { entry.twin.device_view(get.part) },
            refused: None,
        };
        let answer = match self.spend_of_device(now, quota::Operation::TwinRead, answer.payload.len()) {
            Ok(()) => answer,
            Err(excess) => {
                let (operation, request) = (answer.operation, answer.request);
                let refusal = (excess.status(), excess.code(), excess.rule(), excess.to_string());
                self.refuse_twin(now, id, key, (operation, request), refusal, effects)
            }
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
        let (operation, request) = (Operation::TwinPatch, patch.request);
        match self.report(now, key, patch, effects) {
            Ok(version) => TwinAnswer {
                operation,
                request,
                status: Status::SUCCESS,
                version: Some(version),
                payload: Vec::new(),
                refused: None,
            },
            Err(refusal) => self.refuse_twin(now, id, key, (operation, request), refusal, effects),
        }
    }

    /// What a device is answered whose request about its twin is refused.
    fn refuse_twin<'a>(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        (operation, request): (Operation<'static>, RequestId<'a>),
        (status, code, rule, reason): Refusal,
        effects: &mut Effects,
    ) -> TwinAnswer<'a> {
        let trace_id = self.source.tracking_id();
        let why = format!("{reason} (tracking id {trace_id})");
        let what = if operation == Operation::TwinGet { "twin request refused" } else { "report refused" };
        self.log(Level::Warn, id, Some(key), what, (Some(rule), why), effects);
        let classic = self.dialect(id) == Some(Dialect::Classic);
        let time = date(now.timestamp);
        let problem = Problem { code, message: reason.clone(), tracking_id: trace_id.clone(), time };
        let payload = if classic { problem.device_body().into_bytes() } else { Vec::new() };
        let refused = Some(Refused { reason, trace_id });
        TwinAnswer { operation, request, status, version: None, payload, refused }
    }

    /// Sends an answer about a twin, if the device listens to answers.
    pub(crate) fn twin_answer(&mut self, id: ConnectionId, answer: &TwinAnswer<'_>, effects: &mut Effects) {
        let TwinAnswer { operation, request, status, version, payload, refused } = answer;
        let reply = Reply {
            version: *version,
            payload: &payload[..],
            reason: refused.as_ref().map(|refused| Text::plain(&refused.reason)),
            trace_id: refused.as_ref().map(|refused| Text::plain(&refused.trace_id)),
            ..Reply::new(*request, *status)
        };
        let written = self.written(id, |session, out| {
            let packet = session.reply(*operation, &reply, out)?;
            Ok(PacketBuf::new(&packet).expect("an answer is a PUBLISH"))
        });
        match written {
            Some(Ok(packet)) => effects.push(Effect::Send { connection: id, packet }),
            Some(Err(error)) => {
                let key = self.serving(id).map(|serving| Arc::clone(&serving.key));
                let trace_id = self.source.tracking_id();
                let why = format!(
                    "the answer to its twin request cannot be sent: {error} (tracking id {trace_id})"
                );
                self.log(
                    Level::Warn,
                    id,
                    key.as_deref(),
                    "twin request unanswered",
                    (Some(Rule::UnansweredTwinRequest), why),
                    effects,
                );
                // Whoever takes no long packets still learns that there will be no answer.
                if refused.is_none() && matches!(error, SendError::TooLarge { .. }) {
                    let reason = "the answer is longer than the device takes".to_owned();
                    let (operation, request, status) = (*operation, *request, Status::SERVER_ERROR);
                    let refused = Some(Refused { reason, trace_id });
                    let payload = Vec::new();
                    let answer = TwinAnswer { operation, request, status, version: None, payload, refused };
                    self.twin_answer(id, &answer, effects);
                }
            }
            None => {}
        }
    }

    /// Tells everybody whom it concerns of a change of a twin, and has configurations take it into account.
    pub(crate) fn twin_changed(
        &mut self,
        now: Now,
        key: &Key,
        (operation, told): (&str, Told),
        effects: &mut Effects,
    ) {
        self.tell_of_twin(now, key, (operation, told), effects);
        self.configure(now, key, effects);
    }

    /// Tells everybody whom it concerns of a change of a twin.
    pub(crate) fn tell_of_twin(
        &mut self,
        now: Now,
        key: &Key,
        (operation, told): (&str, Told),
        effects: &mut Effects,
    ) {
        let Some(entry) = self.registry.get(key) else { return };
        let body = match operation {
            "replaceTwin" => entry.twin.whole(),
            _ => entry.twin.changed(&told),
        };
        let version = entry.twin.desired().version();
        self.announce(now, EventKind::TwinChange, (key, operation, "twinChangeNotification"), &body, effects);
        if let Some(desired) = told.desired {
            self.notify_desired(now, key, version, desired, effects);
        }
    }

    fn report(
        &mut self,
        now: Now,
        key: &Key,
        patch: &TwinPatch<'_>,
        effects: &mut Effects,
    ) -> Result<u64, Refusal> {
        let refused = Rule::RefusedReport;
        let bad = |message: String| (Status::BAD_REQUEST, ErrorCode::ArgumentInvalid, refused, message);
        if !self.has_room() {
            let code = ErrorCode::ServiceUnavailable;
            return Err((Status::SERVER_BUSY, code, Rule::NoRoom, NO_ROOM.to_owned()));
        }
        self.spend_of_device(now, quota::Operation::TwinUpdate, patch.patch.len())
            .map_err(|excess| (excess.status(), excess.code(), excess.rule(), excess.to_string()))?;
        let object: Object = serde_json::from_slice(patch.patch)
            .map_err(|error| bad(format!("the patch is not a JSON object: {error}")))?;
        let gone = || (Status::NOT_FOUND, ErrorCode::DeviceNotFound, refused, format!("there is no {key}"));
        let current = self.registry.get(key).ok_or_else(gone)?.twin.reported().version();
        if let Some(wanted) = patch.if_version.filter(|wanted| *wanted != current) {
            let message = format!("the reported properties are at version {current}, not {wanted}");
            return Err((Status::PRECONDITION_FAILED, ErrorCode::PreconditionFailed, refused, message));
        }
        let edit = TwinEdit { reported: Some(Update::Merge(object)), ..TwinEdit::default() };
        let change = Change::TwinEdited { key: key.clone(), edit, at_ms: now.timestamp.as_millis() };
        let told = self.commit(change, effects).map_err(|violation| bad(violation.to_string()))?;
        self.twin_changed(now, key, ("updateTwin", told), effects);
        let entry = self.registry.get(key).ok_or_else(gone)?;
        Ok(entry.twin.reported().version())
    }

    fn notify_desired(
        &mut self,
        now: Now,
        key: &Key,
        version: u64,
        mut patch: Object,
        effects: &mut Effects,
    ) {
        let Some((id, serving)) = self.serving_device(key) else { return };
        if serving.origin.dialect != Dialect::Classic {
            // There it has a place of its own, and the payload is what changed and nothing else.
            patch.remove("$version");
        }
        let patch = serde_json::Value::Object(patch).to_string().into_bytes();
        let change = DesiredChanged { version, patch: &patch, qos: Qos::AtMostOnce };
        let written = self.written(id, |session, out| {
            let packet = session.desired_changed(&change, out)?;
            Ok(PacketBuf::new(&packet).expect("a notification is a PUBLISH"))
        });
        // A device that does not listen reads the twin when it wants to know.
        if let Some(Ok(packet)) = written {
            effects.push(Effect::Send { connection: id, packet });
            self.charge(now, patch.len());
        }
    }

    fn dialect(&mut self, id: ConnectionId) -> Option<Dialect> {
        self.serving(id).map(|serving| serving.origin.dialect)
    }
}
