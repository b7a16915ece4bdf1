//! What became of commands. IoT Hub hands it out over AMQP, and did so in the same way over HTTPS.

use iothub_model::ErrorCode;
use iothub_proto::Now;

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::rest::{Failure, Outcome};

impl Hub {
    /// Hands out a batch. Its etag is the lock under which it is completed or given back.
    pub(super) fn receive_feedback(&mut self, now: Now, effects: &mut Effects) -> Outcome {
        self.drop_feedback(now, effects);
        let lock = self.source.lock();
        let held = self.config.commands.feedback_lock();
        let Some(batch) = self.feedback.lock(now.instant, lock, (BATCH_MAX, held)) else {
            return Outcome::empty(204);
        };
        let Outcome::Done(mut response) = Outcome::json(200, &batch.records, None) else {
            return Outcome::empty(204);
        };
        response.headers.push(("etag".into(), format!("\"{:016x}\"", batch.lock)));
        Outcome::Done(response)
    }

    pub(super) fn complete_feedback(
        &mut self,
        now: Now,
        lock: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.drop_feedback(now, effects);
        let numbers = read_lock(lock).and_then(|lock| self.feedback.complete(lock)).ok_or_else(lock_lost)?;
        self.record(Change::FeedbackRemoved { numbers }, effects);
        Ok(Outcome::empty(204))
    }

    pub(super) fn abandon_feedback(
        &mut self,
        now: Now,
        lock: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.drop_feedback(now, effects);
        if read_lock(lock).is_some_and(|lock| self.feedback.give_back(lock)) {
            return Ok(Outcome::empty(204));
        }
        Err(lock_lost())
    }

    fn drop_feedback(&mut self, now: Now, effects: &mut Effects) {
        let numbers = self.feedback.overdue(now, self.config.commands.feedback_deliveries_max());
        if !numbers.is_empty() {
            self.record(Change::FeedbackRemoved { numbers }, effects);
        }
    }
}

/// Most records in one batch.
const BATCH_MAX: usize = 64;

/// A lock as it stands in an etag and a path.
pub(super) fn read_lock(text: &str) -> Option<u64> {
    let text = text.trim_matches('"');
    u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16)
}

pub(super) fn lock_lost() -> Failure {
    let message = "nothing is held under that lock: its time is over, or it was settled already";
    Failure::new(ErrorCode::DeviceMessageLockLost, message)
}
