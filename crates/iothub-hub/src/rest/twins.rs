//! Twins, and the methods of what they belong to.

use iothub_model::{ErrorCode, MethodInvocation, Patch, TwinPatch, Update};
use iothub_proto::Now;

use crate::call::METHOD_PAYLOAD_MAX;
use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::{ExchangeId, RestRequest};
use crate::registry::Key;
use crate::rest::identities::twin;
use crate::rest::registration::{condition, json, other_etag};
use crate::rest::{Failure, Outcome};
use crate::twin::TwinEdit;

impl Hub {
    pub(super) fn get_twin(&self, key: &Key) -> Result<Outcome, Failure> {
        let entry = self.entry(key)?;
        Ok(Outcome::json(200, &twin(key, entry), Some(&entry.twin.etag())))
    }

    /// PATCH merges, PUT replaces.
    pub(super) fn edit_twin(
        &mut self,
        now: Now,
        key: &Key,
        request: &RestRequest<'_>,
        how: Edit,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let patch: TwinPatch = json(request.body)?;
        let condition = condition(request)?;
        let etag = self.entry(key)?.twin.etag();
        if !condition.is_met_by(&etag) {
            return Err(other_etag(&etag));
        }
        let (operation, edit) = match how {
            Edit::Merge => ("updateTwin", merging(patch)),
            Edit::Replace => ("replaceTwin", replacing(patch)),
        };
        if edit != TwinEdit::default() {
            let at_ms = now.timestamp.as_millis();
            let change = Change::TwinEdited { key: key.clone(), edit, at_ms };
            let told = self
                .commit(change, effects)
                .map_err(|violation| Failure::new(ErrorCode::ArgumentInvalid, violation.to_string()))?;
            self.twin_changed(now, key, (operation, told), effects);
        }
        self.get_twin(key)
    }

    pub(super) fn invoke_method(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        key: &Key,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.invoke_checked(now, exchange, key, json(request.body)?, effects)
    }

    /// Calls a method whose argument is not too long.
    pub(super) fn invoke_checked(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        key: &Key,
        invocation: MethodInvocation,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let len = invocation.payload.as_ref().map_or(0, |payload| payload.get().len());
        if len > METHOD_PAYLOAD_MAX {
            let message =
                format!("the payload has {len} bytes, and at most {METHOD_PAYLOAD_MAX} are allowed");
            return Err(Failure::gateway(ErrorCode::MessageTooLarge, message));
        }
        self.entry(key)?;
        self.invoke(now, exchange, key.clone(), invocation, effects)?;
        Ok(Outcome::Later)
    }
}

/// What a request does with a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// What it does not mention stays.
    Merge,
    /// It takes the place of all that a back end may write.
    Replace,
}

pub(crate) fn merging(patch: TwinPatch) -> TwinEdit {
    TwinEdit {
        tags: Update::from_patch(patch.tags),
        desired: Update::from_patch(patch.desired),
        reported: None,
    }
}

fn replacing(patch: TwinPatch) -> TwinEdit {
    let whole = |part: Patch<_>| Some(Update::from_replacement(part));
    TwinEdit { tags: whole(patch.tags), desired: whole(patch.desired), reported: None }
}
